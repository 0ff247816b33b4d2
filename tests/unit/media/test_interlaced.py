"""Films of fields stay films of fields."""

from contextlib import suppress

import av
import numpy as np
import pytest
from av.filter import Graph

from colorworker.media.planes import luma_plane
from colorworker.media.probe import scan

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
    """Return the order that each frame is flagged with, by the field that comes out first."""
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
def test_field_order_and_the_frames_own_flags_are_kept(
    name, order, extension, options, film, joined
):
    source = film(name, frames=12, height=64, field_order=order, **SOURCES[name])
    made = joined(source, extension, segment_frames=5, preset="ultrafast", **options)

    result = made.assemble()

    assert frames_order(source) == [order] * 12
    assert frames_order(made.output) == [order] * 12
    assert field_order(source) == order
    # Of H.264 in MP4 libav's demuxer says top field first whatever the frames say.
    assert field_order(made.output) == order or extension == ".mp4"
    assert not [said for said in result.warnings if "field" in said]
