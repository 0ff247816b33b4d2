"""Parts and source become one film with the same luma, timestamps, audio and other streams."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.timeline import Timeline
from colorworker.errors import OutputMismatch, SourceDamaged
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.containers.assemble import Part
from colorworker.media.containers.probe import scan
from colorworker.media.containers.verify import verify_film

OPEN_GOP = {"x264-params": "open-gop=1:bframes=3:b-pyramid=normal:scenecut=0"}
PTS = [index * 33 + index % 3 * 5 for index in range(48)]

SOURCES = {
    "sound.mp4": ({"b_frames": 3, "sound": "aac"}, ".mp4"),
    "open.mkv": ({"options": OPEN_GOP, "sound": "libmp3lame"}, ".mkv"),
    "variable.mkv": (
        {"b_frames": 3, "pts": PTS, "time_base": Fraction(1, 1000), "sound": "flac"},
        ".mkv",
    ),
    "mpeg2.mp4": ({"codec": "mpeg2video", "b_frames": 2, "sound": "ac3"}, ".mp4"),
    "pcm.mov": ({"pix_fmt": "yuv422p", "sound": "pcm_s16le"}, ".mov"),
    "mp3.avi": ({"codec": "mpeg4", "b_frames": 2, "sound": "libmp3lame"}, ".mp4"),
    "ten.mkv": ({"codec": "ffv1", "gop_size": 1, "pix_fmt": "yuv420p10le", "sound": "aac"}, ".mkv"),
    "gray.mkv": ({"codec": "ffv1", "gop_size": 1, "pix_fmt": "gray", "sound": "flac"}, ".mkv"),
    "late.mp4": (
        {"b_frames": 3, "pts": [7 + 3 * i for i in range(48)], "time_base": Fraction(1, 77)},
        ".mp4",
    ),
}


EXPECTED = {
    "late.mp4": [
        "matroska has a coarser time base than the source: frames are shown up to 0.49 ms off"
    ]
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_archive_film_has_the_sources_luma_and_sound(name, film, joined, shown, packets):
    values, _ = SOURCES[name]
    made = joined(film(name, **values), ".mkv")

    result = made.assemble()

    assert result.frame_count == 48
    assert result.warnings == tuple(EXPECTED.get(name, ()))
    assert [luma for _, luma in shown(made.output)] == [luma for _, luma in shown(made.source)]
    if "sound" in values:
        assert packets(made.output, "audio") == packets(made.source, "audio")


@pytest.mark.parametrize("name", SOURCES)
def test_the_access_film_shows_every_frame_at_its_time(name, film, joined, packets):
    values, extension = SOURCES[name]
    made = joined(film(name, **values), extension, profile="access")

    result = made.assemble()

    with made.output.open("rb") as reader:
        info, timeline = scan(reader, made.output.name)
    seconds = made.timeline.pts * float(made.timeline.time_base)
    assert result.warnings == ()
    assert info.codec == "h264"
    np.testing.assert_allclose(timeline.pts * float(timeline.time_base), seconds, atol=0.0006)
    if "sound" in values:
        assert packets(made.output, "audio") == packets(made.source, "audio")


def test_pcm_becomes_aac_in_mp4_with_a_warning(film, joined):
    made = joined(
        film("film.avi", codec="ffv1", gop_size=1, sound="pcm_s16le"), ".mp4", profile="access"
    )

    result = made.assemble()

    with av.open(str(made.output)) as container:
        sound = container.streams.audio[0]
        seconds = sum(frame.samples for frame in container.decode(sound)) / 48_000
    assert sound.codec_context.name == "aac"
    assert seconds == pytest.approx(48 / 25, abs=0.05)
    assert result.warnings == (
        "audio stream 1 (pcm_s16le) recoded: mp4 does not hold it, becomes aac at 256 kbit/s",
    )


def test_chapters_titles_aspect_ratio_and_rotation_are_kept(film, joined):
    made = joined(
        film(
            "film.mp4",
            b_frames=2,
            width=180,
            height=144,
            rotation=90,
            sample_aspect_ratio=Fraction(16, 15),
            metadata={"title": "Workers leaving"},
            chapters=[("Gate", 0, 900), ("Street", 900, 1900)],
            sound="aac",
        )
    )

    result = made.assemble()

    with made.output.open("rb") as reader:
        info, _ = scan(reader, made.output.name)
    with av.open(str(made.output)) as container:
        chapters = [
            (c["metadata"]["title"], c["start"] * c["time_base"]) for c in container.chapters()
        ]
        assert container.metadata["title"] == "Workers leaving"
    assert result.warnings == ()
    assert chapters == [("Gate", 0), ("Street", Fraction(9, 10))]
    assert info.rotation == 90
    assert info.sample_aspect_ratio == Fraction(16, 15)


@pytest.mark.parametrize(
    ("size", "aspect"),
    [((720, 576), Fraction(16, 15)), ((720, 480), Fraction(32, 27)), ((66, 48), Fraction(118, 81))],
)
def test_the_sample_aspect_ratio_is_exact_in_matroska_at_any_size(size, aspect, film, joined):
    width, height = size
    source = film("film.mp4", width=width, height=height, sample_aspect_ratio=aspect, frames=2)
    made = joined(source)

    made.assemble()

    with made.output.open("rb") as reader:
        info, _ = scan(reader, made.output.name)
    assert info.sample_aspect_ratio == aspect


def test_mp4_with_chapters_stays_mp4_with_chapters(film, joined):
    source = film("film.mp4", chapters=[("Gate", 0, 900), ("Street", 900, 1900)])
    made = joined(source, ".mp4", profile="access")

    result = made.assemble()

    with av.open(str(made.output)) as container:
        assert [c["metadata"]["title"] for c in container.chapters()] == ["Gate", "Street"]
    assert result.warnings == ()


SUBTITLES = b"1\n00:00:00,200 --> 00:00:00,700\nLa sortie\n"


def with_extras(path):
    """Add a subtitle, a German audio track and an attachment to the film at `path`."""
    output_path = path.with_name("extras.mkv")
    with (
        av.open(str(path)) as source,
        av.open(io.BytesIO(SUBTITLES), format="srt") as text,
        av.open(str(output_path), "w") as output,
    ):
        inputs = [*source.streams, *text.streams]
        streams = [output.add_stream_from_template(stream, opaque=True) for stream in inputs]
        streams[1].metadata["language"] = "ger"
        streams[1].disposition = av.stream.Disposition.comment
        streams[2].metadata["language"] = "fre"
        output.add_attachment("notes.txt", "text/plain", b"found in a barn")
        for packet in [*source.demux(), *text.demux()]:
            if packet.size:
                packet.stream = streams[inputs.index(packet.stream)]
                output.mux(packet)
    return output_path


def test_languages_dispositions_subtitles_and_attachments_are_kept(film, joined, packets):
    made = joined(with_extras(film("film.mkv", b_frames=2, sound="aac")))

    result = made.assemble()

    with av.open(str(made.output)) as container:
        sound = container.streams.audio[0]
        assert (sound.language, sound.disposition) == ("ger", av.stream.Disposition.comment)
        assert container.streams.subtitles[0].language == "fre"
        attachment = next(s for s in container.streams if s.type == "attachment")
        assert (attachment.metadata["filename"], attachment.data) == (
            "notes.txt",
            b"found in a barn",
        )
    assert packets(made.output, "subtitle") == [b"La sortie"]
    assert result.warnings == ()


def with_cover(path, name):
    """Add a small PNG as cover art to the film at `path`."""
    output_path = path.with_name(name)
    cover = av.CodecContext.create("png", "w")
    cover.width, cover.height, cover.pix_fmt, cover.time_base = 8, 8, "rgb24", Fraction(1, 25)
    picture = av.VideoFrame(8, 8, "rgb24")
    picture.planes[0].update(bytes(picture.planes[0].buffer_size))
    data = b"".join(bytes(packet) for packet in [*cover.encode(picture), *cover.encode(None)])
    with av.open(str(path)) as source, av.open(str(output_path), "w") as output:
        film = output.add_stream_from_template(source.streams.video[0], opaque=True)
        if name.endswith(".mkv"):
            output.add_attachment("cover.png", "image/png", data)
        else:
            art = output.add_mux_stream("png", width=8, height=8)
            art.disposition = av.stream.Disposition.attached_pic
        sound = output.add_stream_from_template(source.streams.audio[0], opaque=True)
        sound.metadata["language"] = "fin"
        for packet in source.demux():
            if packet.size:
                packet.stream = film if packet.stream.type == "video" else sound
                output.mux(packet)
        if not name.endswith(".mkv"):
            packet = av.Packet(data)
            packet.pts = packet.dts = 0
            packet.stream = art
            output.mux(packet)
    return output_path, data


@pytest.mark.parametrize("source", ["cover.mp4", "cover.mkv"])
@pytest.mark.parametrize("output", [".mp4", ".mkv"])
def test_cover_art_is_not_the_film_and_stays_cover_art(source, output, film, joined):
    path, data = with_cover(film("film.mp4", b_frames=2, sound="aac"), source)
    made = joined(path, output, profile="access")

    result = made.assemble()

    with av.open(str(made.output)) as container:
        films = [s for s in container.streams.video if not s.disposition]
        covers = [s for s in container.streams.video if s.disposition]
        default = [s for s in covers if s.disposition != av.stream.Disposition.attached_pic]
        art = [s for s in covers if s not in default]
        assert [s.language for s in container.streams.audio] == ["fin"]
        assert len(films) + len(default) == 1
        assert [bytes(packet) for packet in container.demux(art[0]) if packet.size] == [data]
    assert result.frame_count == 48
    assert result.warnings == ()


def test_streams_that_mp4_cannot_hold_are_transcoded_or_reported_as_left_out(film, joined, packets):
    made = joined(with_extras(film("film.mkv", sound="aac")), ".mp4", profile="access")

    result = made.assemble()

    assert result.warnings == (
        "subtitle stream 2 (srt) recoded: mp4 does not hold it, becomes mov_text",
        "attachment stream 3 (unknown codec) left out: notes.txt: only Matroska holds attachments",
    )
    assert b"\0\x09La sortie" in packets(made.output, "subtitle")


def test_a_part_with_a_different_codec_header_is_refused_by_number(film, joined):
    made = joined(film("film.mp4"), ".mp4", profile="access")
    parts = made.parts()
    other = EncoderSpec(**{**vars(made.spec), "options": {"crf": "18", "preset": "ultrafast"}})
    pts = made.timeline.pts
    parts[1] = made.part(made.source.with_name("other"), int(pts[12]), int(pts[24]), other)

    with pytest.raises(OutputMismatch, match="part 1 was encoded with a different codec header"):
        made.assemble(parts)


def test_a_missing_part_is_refused_with_the_count(film, joined):
    made = joined(film("film.mp4", b_frames=2))

    with pytest.raises(OutputMismatch, match="36 of 48 frames are in the parts"):
        made.assemble(made.parts()[:-1])


def test_a_part_given_twice_is_refused(film, joined):
    made = joined(film("film.mp4"))
    parts = made.parts()

    with pytest.raises(OutputMismatch, match="part 1 holds an unexpected frame at pts 0"):
        made.assemble([parts[0], parts[0], *parts[2:]])


def test_a_truncated_part_is_refused(film, joined, tmp_path):
    made = joined(film("film.mkv", codec="ffv1", gop_size=1), segment_frames=24)
    parts = made.parts()
    short = tmp_path / "short"
    with parts[0].open() as whole:
        data = whole.read()
    short.write_bytes(data[: len(data) // 2])
    parts[0] = Part(lambda: short.open("rb"), parts[0].facts)

    with pytest.raises((OutputMismatch, SourceDamaged), match="part 0"):
        made.assemble(parts)


def test_a_film_with_shifted_frames_fails_verification(film):
    path = film("film.mkv", codec="ffv1", gop_size=1, frames=10)
    with path.open("rb") as reader:
        _, timeline = scan(reader, path.name)
    pts = timeline.pts.copy()
    pts[4] += 1
    moved = Timeline(pts, timeline.durations, timeline.keyframes[:1], timeline.time_base)

    verify_film(path, "film", timeline)
    with pytest.raises(OutputMismatch, match="frame 4 was written at"):
        verify_film(path, "film", moved)


def test_mp4_starts_with_its_index_for_browsers(film, joined):
    made = joined(film("film.mkv", b_frames=2, sound="aac"), ".mp4", profile="access")

    made.assemble()

    head = made.output.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    with av.open(str(made.output)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
