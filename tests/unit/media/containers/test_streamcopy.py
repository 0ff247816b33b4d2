"""A film's other streams and side data are kept, or the report names what was lost."""

import av
import pytest

from colorworker.media.sidedata import CAPTIONS, side_data
from tests.manystreams import (
    FRAMES,
    PTS,
    make_film_with_all_streams,
    with_message,
)
from tests.mediainfo import tracks

LEFT_OUT_FONTS = [
    f"attachment stream {index} (unknown codec) left out: ArchiveSans-{weight}.ttf: only Matroska "
    "holds attachments"
    for index, weight in ((6, "Regular"), (7, "Bold"))
]
WORDS = "ffv1 cannot store them, written as a text subtitle track"


@pytest.fixture
def everything(tmp_path):
    return make_film_with_all_streams(tmp_path / "everything.mkv")


def fates(result):
    return [stream.fate for stream in result.streams if stream.kind != CAPTIONS]


def captioned(path):
    with av.open(str(path)) as container:
        return [
            side_data(frame, av.sidedata.sidedata.Type.A53_CC)
            for frame in container.decode(video=0)
        ]


def words_of(path):
    with av.open(str(path)) as container:
        return [
            (stream.language, stream.disposition, stream.metadata.get("title"))
            for stream in container.streams
            if stream.type in {"audio", "subtitle"}
        ]


@pytest.mark.parametrize("profile", ["archive", "access"])
def test_matroska_keeps_every_stream(profile, everything, joined):
    made = joined(everything, ".mkv", profile=profile)

    result = made.assemble()

    assert fates(result) == ["colored"] + ["copied"] * 7
    assert words_of(made.output)[:5] == words_of(everything)
    with av.open(str(everything)) as source, av.open(str(made.output)) as written:
        made_of_captions = {"Closed captions"}
        others = [s for s in written.streams if s.metadata.get("title") not in made_of_captions]
        for one, other in zip(source.streams, others, strict=True):
            if one.type == "attachment":
                assert (one.metadata, one.data) == (other.metadata, other.data)
            elif one.index:
                assert packets_of(everything, one.index) == packets_of(made.output, one.index)
        assert written.chapters() == source.chapters()
        assert written.metadata["SHELF_MARK"] == "R-1895/7"
        assert written.streams.video[0].metadata["TIMECODE"] == "01:00:00:00"


@pytest.mark.parametrize(
    ("extension", "profile"),
    [(".mkv", "archive"), (".mkv", "access"), (".mp4", "access"), (".mov", "mezzanine")],
)
def test_mediainfo_sees_the_same_languages_titles_and_chapters(
    extension, profile, everything, joined
):
    made = joined(everything, extension, profile=profile, preset="ultrafast")

    made.assemble()

    for kind in ("Audio", "Text"):
        before, after = tracks(everything, kind), tracks(made.output, kind)
        for name in ("language", "title", "default" if kind == "Audio" else "language"):
            assert [each.get(name) for each in after[: len(before)]] == [
                each.get(name) for each in before
            ]
    assert tracks(made.output, "General")[0]["title"] == "Workers leaving"
    chapters = tracks(made.output, "Menu")[-1]
    assert (chapters["00_00_00000"], chapters["00_00_00900"]) == ("Gate", "Street")
    if extension == ".mkv":
        general, video = (tracks(made.output, kind)[0] for kind in ("General", "Video"))
        assert general["shelf_mark"] == "R-1895/7"
        assert general["attachments"] == "ArchiveSans-Regular.ttf / ArchiveSans-Bold.ttf"
        assert video["time_code_of_first_frame"] == "01:00:00:00"


def packets_of(path, index):
    with av.open(str(path)) as container:
        return [
            (packet.pts, bytes(packet))
            for packet in container.demux(container.streams[index])
            if packet.size
        ]


@pytest.mark.parametrize(
    ("extension", "options"),
    [(".mkv", {"codec": "h264"}), (".mp4", {"codec": "hevc"}), (".mov", {"chroma": "420"})],
)
def test_every_caption_goes_into_an_access_film(extension, options, everything, joined):
    made = joined(everything, extension, profile="access", preset="ultrafast", **options)

    result = made.assemble()

    before, after = captioned(everything), captioned(made.output)
    assert len(before) == FRAMES
    assert len(set(before)) > 10
    assert after == before
    assert [stream.fate for stream in result.streams if stream.kind == CAPTIONS] == ["copied"]


def test_captions_that_ffv1_cannot_store_become_subtitles(everything, joined):
    made = joined(everything, ".mkv", profile="archive", segment_frames=7)

    result = made.assemble()

    assert result.warnings == (f"closed captions in 48 frames: {WORDS}",)
    assert result.streams[1].fate == "recoded"
    with av.open(str(made.output)) as container:
        stream = container.streams.subtitles[-1]
        assert stream.metadata["title"] == "Closed captions"
        shown = [p for p in container.demux(stream) if p.size]
        assert [(p.pts, p.duration) for p in shown] == [SHOWN]
        assert b"THE GATE OPENS" in bytes(shown[0])


SHOWN = (PTS[13], PTS[30] - PTS[13])
"""Start and duration of the caption: 13 pairs load it, 15 empty pairs follow, then it is erased."""


def test_captions_that_prores_cannot_store_become_a_quicktime_track(everything, joined):
    made = joined(everything, ".mov", profile="mezzanine", segment_frames=20)

    result = made.assemble()

    assert result.streams[1].fate == "kept"
    assert not [said for said in result.warnings if "captions" in said]
    with av.open(str(made.output)) as container:
        stream = container.streams.subtitles[-1]
        assert stream.codec_tag == "c608"
        packets = [p for p in container.demux(stream) if p.size]
        assert [bytes(packet)[:3] for packet in packets] == captioned(everything)
        shown = [stream.codec_context.decode2(packet) for packet in packets]
        assert [(s.pts // 1000, s.end_display_time) for s in shown if s] == [SHOWN]


@pytest.mark.parametrize(
    ("extension", "profile", "first"),
    [(".mov", "mezzanine", "kept"), (".mkv", "archive", "recoded")],
)
def test_cea_708_captions_without_a_track_are_reported_as_lost(
    extension, profile, first, tmp_path, joined
):
    both = make_film_with_all_streams(
        tmp_path / "both.mkv", caption_data=b"\xff\x02\x21\xfe\x41\x03"
    )
    made = joined(both, extension, profile=profile)

    result = made.assemble()

    lost = "CEA-708 closed captions in 48 frames: only CEA-608 gets a track"
    assert lost in result.warnings
    assert [(each.kind, each.fate) for each in result.streams if each.index == 0][1:] == [
        (CAPTIONS, first),
        ("CEA-708 closed captions", "left out"),
    ]


def test_padding_between_captions_does_not_count_as_cea_708(tmp_path, joined):
    padded = make_film_with_all_streams(tmp_path / "padded.mkv", caption_data=b"\xfa\0\0\xf8\0\0")

    result = joined(padded, ".mov", profile="mezzanine").assemble()

    assert not [said for said in result.warnings if "captions" in said]


def test_quicktime_transcodes_subtitles_and_flac_and_reports_losses(everything, joined):
    made = joined(everything, ".mov", profile="mezzanine")

    result = made.assemble()

    assert fates(result) == ["colored", *["copied"] * 2, *["recoded"] * 3, *["left out"] * 2]
    assert result.warnings == (
        "audio stream 3 (flac) recoded: mov does not hold it, becomes pcm_s16le",
        "subtitle stream 4 (srt) recoded: mov does not hold it, becomes mov_text",
        "subtitle stream 5 (ssa) recoded: mov does not hold it, becomes mov_text",
        *LEFT_OUT_FONTS,
        "mov does not keep the tag SHELF_MARK",
        "mov does not keep the disposition comment of audio stream 2",
        "mov does not keep the disposition visual_impaired of audio stream 3",
        "mov does not keep the disposition forced of subtitle stream 4",
        "mov does not keep the disposition hearing_impaired of subtitle stream 5",
    )
    with av.open(str(made.output)) as container:
        text = [s for s in container.streams if s.metadata.get("timecode")]
        assert [s.metadata["timecode"] for s in text] == ["01:00:00:00"] * 2
        assert [c["metadata"]["title"] for c in container.chapters()] == ["Gate", "Street"]
        assert [s.language for s in container.streams.subtitles] == ["fra", "eng", None]
    assert pcm(made.output) == pcm(everything)


def pcm(path):
    with av.open(str(path)) as container:
        decoded = container.decode(container.streams.audio[2])
        return b"".join(frame.to_ndarray().tobytes() for frame in decoded)


def test_quicktime_captions_become_matroska_subtitles(everything, joined):
    first = joined(everything, ".mov", profile="mezzanine")
    first.assemble()
    made = joined(first.output, ".mkv", profile="archive")

    made.assemble()

    with av.open(str(made.output)) as container:
        stream = container.streams.subtitles[-1]
        assert stream.metadata["title"] == "Closed captions"
        (shown,) = [p for p in container.demux(stream) if p.size]
        assert (shown.pts, shown.duration) == SHOWN


def test_mp4_subtitles_become_matroska_subtitles(everything, joined):
    first = joined(everything, ".mp4", profile="access", preset="ultrafast")
    first.assemble()
    made = joined(first.output, ".mkv", profile="archive")

    result = made.assemble()

    kinds = [(stream.kind, stream.fate) for stream in result.streams if stream.index > 3]
    assert kinds == [("subtitle", "recoded")] * 2 + [("data", "kept")] * 2
    assert [stream.detail for stream in result.streams[-2:]] == [
        "chapters",
        "timecode 01:00:00:00",
    ]
    with av.open(str(made.output)) as container:
        words = [bytes(p) for p in container.demux(container.streams.subtitles[0]) if p.size]
        assert words == [b"La sortie des usines"]
        assert container.streams.audio[1].metadata["title"] == "The archivist speaks"


def with_second_pictures(path):
    """Write the film at `path` twice into one file, the second time with AFD in every frame."""
    output_path = path.with_name("two.mkv")
    with av.open(str(path)) as source, av.open(str(output_path), "w") as output:
        film = source.streams.video[0]
        made = [output.add_stream_from_template(film, opaque=True) for _ in range(2)]
        for packet in source.demux(film):
            if packet.size:
                again = with_message(packet, b"\xb5\x00\x31DTG1\x41\xfa")
                again.stream, packet.stream = made
                output.mux(again)
                output.mux(packet)
    return output_path


def test_side_data_and_extra_video_streams_are_reported(film, joined):
    made = joined(with_second_pictures(film("film.mkv", frames=12)), ".mkv", profile="access")

    result = made.assemble()

    found = [(stream.index, stream.kind, stream.fate) for stream in result.streams]
    assert found == [
        (0, "video", "colored"),
        (0, "active format descriptions", "left out"),
        (1, "video", "copied"),
    ]
    assert result.warnings == (
        "video stream 1 copied: not colored",
        "active format descriptions in 12 frames: libx264 cannot store them",
    )
