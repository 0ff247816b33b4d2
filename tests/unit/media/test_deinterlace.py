"""Interlaced films stay interlaced, or are deinterlaced on request."""

from contextlib import suppress
from dataclasses import replace

import av
import numpy as np
import pytest
from av.filter import Graph
from av.sidedata.sidedata import Type

from colorworker.domain.units import cut_timeline
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.containers.probe import scan
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.planes import luma_plane
from colorworker.media.sampleframes import sample_frames
from colorworker.media.sidedata import side_data
from tests.manystreams import make_film_with_all_streams

TOP, BOTTOM = 2, 3
SOURCES = {
    "mpeg2.ts": {"codec": "mpeg2video", "b_frames": 2},
    "mpeg2.mkv": {"codec": "mpeg2video", "pix_fmt": "yuv422p"},
    "h264.mkv": {"b_frames": 2},
    "ffv1.mkv": {"codec": "ffv1", "gop_size": 1, "pix_fmt": "yuv422p10le"},
    "prores.mov": {"codec": "prores_ks", "gop_size": 1, "pix_fmt": "yuv422p10le"},
}
OUTPUTS = [
    (".mkv", {"profile": "archive"}),
    (".mov", {"profile": "mezzanine"}),
    (".mp4", {"profile": "access"}),
    (".mkv", {"profile": "access", "chroma": "420"}),
]


def field_order(path):
    with path.open("rb") as reader:
        return scan(reader, path.name)[0].field_order


def frames_order(path):
    """Return the flagged field order of each frame, by which field a filter outputs first."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        graph = Graph()
        source = graph.add_buffer(template=stream)
        parted, sink = graph.add("separatefields"), graph.add("buffersink")
        source.link_to(parted)
        parted.link_to(sink)
        graph.configure()
        lumas, flags, fields = [], [], []
        for frame in [*container.decode(stream), None]:
            if frame is not None:
                lumas.append(luma_plane(frame).copy())
                flags.append(frame.interlaced_frame)
            graph.vpush(frame)
            with suppress(BlockingIOError, EOFError):
                while True:
                    fields.append(luma_plane(graph.vpull()).copy())
    firsts = zip(fields[::2], lumas, strict=True)
    orders = [TOP if np.array_equal(field, luma[::2]) else BOTTOM for field, luma in firsts]
    return [order if flag else 1 for order, flag in zip(orders, flags, strict=True)]


@pytest.mark.parametrize("order", [TOP, BOTTOM])
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("extension", "options"), OUTPUTS)
def test_field_order_and_frame_flags_are_kept(name, order, extension, options, film, joined):
    source = film(name, frames=12, height=64, field_order=order, **SOURCES[name])
    made = joined(source, extension, segment_frames=5, preset="ultrafast", **options)

    result = made.assemble()

    assert frames_order(source) == [order] * 12
    assert frames_order(made.output) == [order] * 12
    assert field_order(source) == order
    # For H.264 in MP4, libav's demuxer reports top field first whatever the frames say.
    assert field_order(made.output) == order or extension == ".mp4"
    assert not [said for said in result.warnings if "field" in said]


@pytest.mark.parametrize("name", ["mpeg2.ts", "h264.mkv", "prores.mov"])
def test_deinterlaced_segments_equal_the_deinterlaced_film(name, film, luma_hash):
    source = film(name, frames=30, height=64, field_order=TOP, **SOURCES[name])
    with source.open("rb") as reader:
        info, timeline = scan(reader, name)
        whole = list(deinterlace_segment(reader, name, info, timeline, int(timeline.pts[0]), None))
        lumas = [luma_hash(frame) for frame in whole]
        assert [frame.pts for frame in whole] == timeline.pts.tolist()
        assert not any(frame.interlaced_frame for frame in whole)

        for piece in cut_timeline(timeline, 8):
            start, end = piece.start_pts, piece.end_pts
            frames = deinterlace_segment(reader, name, info, timeline, start, end, lookahead=3)
            at = timeline.pts.tolist().index(start)
            found = [luma_hash(frame) for frame in frames]
            assert found == lumas[at : at + piece.frame_count + 3]


def test_deinterlacing_keeps_the_first_field_captions_and_progressive_frames(film, tmp_path):
    source = film("film.mkv", frames=6, field_order=TOP, b_frames=0)
    whole = make_film_with_all_streams(tmp_path / "whole.mkv")
    for path, changed in ((source, True), (whole, False)):
        with path.open("rb") as reader:
            info, timeline = scan(reader, path.name)
            start = int(timeline.pts[0])
            before = list(decode_segment(reader, path.name, info, timeline, start, None))
            after = list(deinterlace_segment(reader, path.name, info, timeline, start, None))
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(luma_plane(one)[::2], luma_plane(other)[::2])
            assert np.array_equal(luma_plane(one), luma_plane(other)) is not changed
            assert side_data(one, Type.A53_CC) == side_data(other, Type.A53_CC)


@pytest.mark.parametrize("seekable", [True, False])
def test_samples_of_an_interlaced_film_are_deinterlaced_on_request(seekable, film):
    source = film("film.mkv", frames=24, height=64, gop_size=6, field_order=BOTTOM)
    with source.open("rb") as reader:
        info, timeline = scan(reader, source.name)
        timeline = replace(timeline, seekable=seekable)
        start = int(timeline.pts[0])
        film_whole = deinterlace_segment(reader, source.name, info, timeline, start, None)
        job = {frame.pts: luma_plane(frame).copy() for frame in film_whole}
        before = sample_frames(reader, source.name, info, timeline, 4)
        after = sample_frames(reader, source.name, info, timeline, 4, deinterlaced=True)

    assert len(before) == len(after) == 4
    assert [frame.interlaced_frame for frame in after] == [False] * 4
    for one, other in zip(before, after, strict=True):
        raw, whole = luma_plane(one), luma_plane(other)
        np.testing.assert_array_equal(raw[1::2], whole[1::2])
        assert not np.array_equal(raw, whole)
        # The sample is closer to the deinterlaced film's frame than the combed frame is.
        distance = [np.abs(each.astype(int) - job[other.pts]).mean() for each in (whole, raw)]
        assert distance[0] < distance[1]


def test_a_deinterlaced_film_reports_interpolated_luma(film, joined):
    source = film("film.mkv", frames=6, field_order=TOP)
    made = joined(source, ".mp4", profile="access", deinterlace="bwdif")

    assert made.spec.options["field_order"] == "progressive"
    assert "flags" not in made.spec.options
    assert made.spec.losses == (
        "deinterlaced with bwdif: every second line of luma is interpolated",
    )
