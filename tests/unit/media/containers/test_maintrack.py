"""The main video stream is colored, the others are copied, and what cannot be read is refused."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from colorworker.errors import SourceUnsupported
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.probe import scan
from colorworker.media.filetypes import kind_from_content
from colorworker.media.synthetic import Recipe, make_film, timed_chapters
from tests.mediainfo import tracks

FILM = Recipe(frames=20, gop_size=10, b_frames=3)
"""H.264 with reordered frames: its first packets have no dts in Matroska."""
SHORT = Recipe(codec="mpeg4", frames=5, width=64, height=48)
THUMBNAIL = Recipe(codec="mjpeg", pix_fmt="yuvj420p", frames=1, gop_size=1, b_frames=0)
ANGLE = Recipe(codec="mpeg4", frames=20, width=80, height=48)
KEY = "00112233445566778899aabbccddeeff"


def joined_tracks(
    path: Path, *recipes: Recipe, default: int | None = None, **options: object
) -> Path:
    """Write a file with a video track for each recipe; `default` is the number of the default."""
    made = [
        make_film(path.with_name(f"track-{number}.mkv"), recipe)
        for number, recipe in enumerate(recipes)
    ]
    sources = [av.open(str(each)) for each in made]
    with av.open(str(path), "w", **options) as output:
        targets = [output.add_stream_from_template(each.streams[0]) for each in sources]
        for number, target in enumerate(targets):
            target.disposition = Disposition.default if number == default else Disposition(0)
        for source, target in zip(sources, targets, strict=True):
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    if packet.dts is None:  # dts of reordered frames; muxers need one
                        packet.dts = packet.pts - 1000
                    packet.stream = target
                    output.mux(packet)
    for source in sources:
        source.close()
    return path


def chosen(path: Path, index: int | None = None) -> int | None:
    with path.open("rb") as reader:
        return scan(reader, path.name, stream_index=index)[0].stream_index


@pytest.mark.parametrize("extension", ["mkv", "mp4", "mov", "nut"])
@pytest.mark.parametrize(
    ("recipes", "default", "main"),
    [
        ((THUMBNAIL, FILM), None, 1),
        ((SHORT, FILM), None, 1),
        ((FILM, SHORT), None, 0),
        ((FILM, ANGLE), None, 0),
    ],
    ids=["thumbnail", "trailer", "trailer last", "first of two"],
)
def test_the_main_track_is_colored(extension, recipes, default, main, tmp_path):
    path = joined_tracks(tmp_path / f"film.{extension}", *recipes, default=default)

    assert chosen(path) == main


@pytest.mark.parametrize(("default", "main"), [(0, 0), (1, 1)])
def test_of_equally_long_tracks_the_default_one_is_colored(default, main, tmp_path):
    path = joined_tracks(tmp_path / "film.mkv", FILM, ANGLE, default=default)

    assert chosen(path) == main


def test_a_thumbnail_that_is_the_default_track_is_not_the_film(tmp_path):
    path = joined_tracks(tmp_path / "film.mkv", THUMBNAIL, FILM, default=0)

    assert chosen(path) == 1


def test_the_track_can_be_chosen(tmp_path):
    path = joined_tracks(tmp_path / "film.mkv", FILM, ANGLE, default=0)

    assert chosen(path, 1) == 1


def test_a_stream_that_is_not_video_is_refused_by_its_index(tmp_path):
    path = joined_tracks(tmp_path / "film.mkv", FILM, ANGLE)

    with pytest.raises(SourceUnsupported, match=r"film\.mkv: its stream 2 is not video .*: 0, 1"):
        chosen(path, 2)


@pytest.mark.parametrize(
    ("profile", "extension"), [("archive", ".mkv"), ("access", ".mp4"), ("mezzanine", ".mov")]
)
@pytest.mark.parametrize(
    ("recipes", "main"), [((ANGLE, FILM), 0), ((THUMBNAIL, FILM), 1), ((FILM, ANGLE), 0)]
)
def test_the_other_tracks_are_copied_with_their_times(
    recipes, main, profile, extension, tmp_path, joined
):
    made = joined(joined_tracks(tmp_path / "film.mkv", *recipes), extension, profile=profile)

    result = made.assemble()

    other = 1 - main
    assert [stream.fate for stream in result.streams] == [
        "colored" if index == main else "copied" for index in range(2)
    ]
    assert [said for said in result.warnings if "not colored" in said] == [
        f"video stream {other} copied: not colored"
    ]
    assert not [said for said in result.warnings if "moved" in said]
    assert shown(made.output, 1) == shown(made.source, other)
    assert len(shown(made.output, 0)) == recipes[main].frames


def shown(path: Path, index: int) -> dict[Fraction, bytes]:
    """Return each packet of a stream by the time at which it is shown."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return {
            round(packet.pts * packet.time_base, 3): bytes(packet)
            for packet in container.demux(stream)
            if packet.size
        }


@pytest.mark.parametrize("extension", ["mp4", "mov"])
def test_encrypted_films_are_refused_as_encrypted(extension, film):
    path = film(
        f"film.{extension}",
        container_options={
            "encryption_scheme": "cenc-aes-ctr",
            "encryption_key": KEY,
            "encryption_kid": KEY,
        },
    )

    with pytest.raises(SourceUnsupported, match="its picture is encrypted"):
        chosen(path)


def test_an_encrypted_film_that_libav_does_not_open_is_refused_as_encrypted(film):
    path = film(
        "film.mp4",
        container_options={
            "encryption_scheme": "cenc-aes-ctr",
            "encryption_key": KEY,
            "encryption_kid": KEY,
        },
    )
    data = path.read_bytes()
    # More samples than there are, each with a list of encrypted ranges.
    count = data.index(b"senc") + 8
    path.write_bytes(data[: count - 4] + bytes([0, 0, 0, 2, 0, 0, 0xFF, 0xFF]) + data[count + 4 :])

    with pytest.raises(SourceUnsupported, match="its picture is encrypted"):
        chosen(path)


def test_parts_of_a_film_in_several_files_are_named_and_join_to_a_film(film, tmp_path):
    path = film("film.mp4", container_options={"movflags": "frag_keyframe+empty_moov"})
    data = path.read_bytes()
    start = data.index(b"moof") - 4
    header, segment = tmp_path / "header.mp4", tmp_path / "segment.m4s"
    header.write_bytes(data[:start])
    segment.write_bytes(data[start:])

    assert kind_from_content(segment.read_bytes()[:512]) == "film"
    with pytest.raises(SourceUnsupported, match=r"is the header of a film.*Join header"):
        chosen(header)
    with pytest.raises(SourceUnsupported, match=r"is a segment of a film.*Join header"):
        chosen(segment)
    assert chosen(path) is not None


@pytest.mark.parametrize("extension", ["ts", "m2ts", "vob"])
def test_scrambled_broadcasts_are_refused_as_encrypted(extension, film):
    path = film(f"film.{extension}", codec="mpeg2video")
    data = bytearray(path.read_bytes())
    if extension == "vob":
        at = data.find(b"\0\0\x01\xe0")
        while at >= 0:
            data[at + 6] |= 0x10
            at = data.find(b"\0\0\x01\xe0", at + 1)
    else:
        step, first = (188, 0) if extension == "ts" else (192, 4)
        for start in range(first, len(data), step):
            if (data[start + 1] & 0x1F) << 8 | data[start + 2] in {0x100, 0x1011}:
                data[start + 3] |= 0x80
    path.write_bytes(data)

    with pytest.raises(SourceUnsupported, match="its picture is encrypted"):
        chosen(path)


def test_encrypted_sound_is_left_out_and_says_so(film, joined):
    path = film("film.mov", sound="aac")
    data = path.read_bytes()
    head, found, entry = data.rpartition(b"stsd")
    path.write_bytes(head + found + entry.replace(b"mp4a", b"enca", 1))
    made = joined(path, ".mkv")

    result = made.assemble()

    assert result.streams[1].fate == "left out"
    assert result.streams[1].detail == "it is encrypted"


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_films_with_an_alpha_layer_are_refused(codec, tmp_path):
    source = make_film(tmp_path / "plain.webm", Recipe(codec=codec, frames=10))
    path = tmp_path / "alpha.webm"
    with av.open(str(source)) as opened, av.open(str(path), "w") as output:
        target = output.add_stream_from_template(opened.streams[0])
        target.metadata["alpha_mode"] = "1"
        for packet in opened.demux(opened.streams[0]):
            if packet.size:
                packet.stream = target
                output.mux(packet)
    data = path.read_bytes()
    alpha_mode = b"\x53\xc0\x81"
    assert data.count(alpha_mode) == 1
    place = data.index(alpha_mode) + len(alpha_mode)
    path.write_bytes(data[:place] + b"\1" + data[place + 1 :])

    with pytest.raises(SourceUnsupported, match=r"vp[89] frames have an alpha channel"):
        chosen(path)


@pytest.mark.parametrize("in_one_table", [True, False])
def test_a_broadcast_whose_picture_moves_to_another_pid_is_refused_with_the_place(
    in_one_table, tmp_path
):
    parts = [
        make_film(
            tmp_path / f"{number}.ts",
            Recipe(
                codec="mpeg2video",
                frames=50,
                pts=tuple(range(start, start + 50)),
                container_options={
                    "mpegts_start_pid": str(pid),
                    "mpegts_pmt_start_pid": str(table),
                },
            ),
        )
        for number, (pid, table, start) in enumerate(
            [(256, 4096, 0), (512, 4096 if in_one_table else 4097, 50)]
        )
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))

    with pytest.raises(
        SourceUnsupported, match=r"moves from stream 0x100 to stream 0x200 after 1\.96 s"
    ):
        chosen(path)


def test_a_broadcast_whose_picture_changes_its_codec_is_refused_with_the_place(tmp_path):
    parts = [
        make_film(
            tmp_path / f"{codec}.ts",
            Recipe(codec=codec, frames=50, pts=tuple(range(start, start + 50))),
        ).read_bytes()
        for codec, start in (("mpeg2video", 0), ("libx264", 50))
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(parts))

    with pytest.raises(
        SourceUnsupported, match=r"changes from mpeg2video to h264 after 1\.[89]. s"
    ):
        chosen(path)


def with_pids(source: Path, path: Path, video: int, audio: int, start: int, table: str) -> Path:
    """Write a transport stream again with other PIDs, `start` seconds later."""
    with (
        av.open(str(source)) as opened,
        av.open(str(path), "w", container_options={"mpegts_pmt_start_pid": table}) as output,
    ):
        made = [output.add_stream_from_template(stream) for stream in opened.streams]
        for target, pid in zip(made, (video, audio), strict=True):
            target.id = pid
        for packet in opened.demux():
            if packet.size:
                packet.pts += start * 90_000
                packet.dts += start * 90_000
                packet.stream = made[packet.stream.index]
                output.mux(packet)
    return path


def test_sound_that_begins_in_the_middle_of_a_broadcast_is_reported(tmp_path):
    source = make_film(tmp_path / "a.ts", Recipe(codec="mpeg2video", frames=50, sound="mp2"))
    parts = [
        with_pids(source, tmp_path / "b.ts", 0x100, 0x101, 0, "4096"),
        with_pids(source, tmp_path / "c.ts", 0x100, 0x133, 2, "4097"),
    ]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    tally = ScanTally()

    with path.open("rb") as reader:
        _, timeline = scan(reader, path.name, tally=tally)

    assert len(timeline.pts) == 100
    lost = "audio stream 0x133 begins in the middle of the file and is left out"
    assert lost in tally.warnings()


@pytest.mark.parametrize("extension", [".mkv", ".mp4", ".mov"])
def test_telemetry_beside_chapters_is_left_out_and_the_chapters_are_kept(
    extension, tmp_path, joined
):
    film = make_film(tmp_path / "film.mp4", Recipe(codec="mpeg4", frames=25))
    path = tmp_path / "action-camera.mp4"
    with av.open(str(film)) as source, av.open(str(path), "w") as output:
        made = output.add_stream_from_template(source.streams[0])
        output.set_chapters(timed_chapters((("One", 0, 500), ("Two", 500, 1000))))
        telemetry = output.add_data_stream("bin_data")
        telemetry.metadata["handler_name"] = "GoPro MET"
        telemetry.time_base = Fraction(1, 1000)
        for packet in source.demux(source.streams[0]):
            if packet.size:
                packet.stream = made
                output.mux(packet)
        for number in range(4):
            packet = av.Packet(b"DEVC" * 8)
            packet.pts = packet.dts = 250 * number
            packet.duration, packet.time_base, packet.stream = 250, Fraction(1, 1000), telemetry
            output.mux(packet)

    result = joined(path, extension, profile="access").assemble()

    assert [(stream.kind, stream.fate, stream.detail) for stream in result.streams[1:]] == [
        ("data", "left out", "data of GoPro MET, which no output holds"),
        ("data", "kept", "chapters"),
    ]
    assert any("GoPro MET" in said for said in result.warnings)
    menu = tracks(path.with_name(f"out{extension}"), "Menu")[0]
    assert {"One", "Two"} <= {str(value).rpartition(":")[2] for value in menu.values()}
