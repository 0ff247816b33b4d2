"""Deinterlace frames with bwdif, for copies that are watched on progressive screens."""

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.codecs.decode import DecodeTally, decode_segment

FRAMES_BEFORE, FRAMES_AFTER = 1, 1
"""Neighboring frames that bwdif uses; without them, segment boundaries would be visible."""


def deinterlace_segment(
    reader: BinaryIO,
    key: str,
    info: VideoInfo,
    timeline: Timeline,
    start_pts: int,
    end_pts: int | None,
    *,
    lookahead: int = 0,
    tally: DecodeTally | None = None,
    repeat: bool = False,
    frames_before: int = FRAMES_BEFORE,
    scale: bool = False,
) -> Iterator[VideoFrame]:
    """Yield what `decode_segment` yields, with frames flagged as interlaced deinterlaced.

    The lines of the first field are kept; libav's bwdif interpolates the others. The number of
    frames, their times and captions stay the same, and progressive frames pass unchanged. With
    `frames_before=0`, nothing before `start_pts` is decoded, and the first frame may differ.

    Raises:
        SourceUnsupported: If bwdif does not support the pixel format, or as for `decode_segment`.
    """
    first = int(np.searchsorted(timeline.pts, start_pts))
    before = min(first, frames_before)
    wanted = len(timeline.between(start_pts, end_pts)) + lookahead
    decoded = decode_segment(
        reader,
        key,
        info,
        timeline,
        int(timeline.pts[first - before]),
        end_pts,
        lookahead=lookahead + FRAMES_AFTER,
        tally=tally,
        repeat=repeat,
        scale=scale,
    )
    yield from islice(deinterlace_frames(decoded, key, info, timeline), before, before + wanted)


def deinterlace_frames(
    frames: Iterator[VideoFrame], key: str, info: VideoInfo, timeline: Timeline
) -> Iterator[VideoFrame]:
    """Yield consecutive frames, with those flagged as interlaced deinterlaced.

    Raises:
        SourceUnsupported: If bwdif does not support the pixel format.
    """
    graph = _bwdif_graph(info, timeline)
    times: deque[int | None] = deque()
    for frame in frames:
        times.append(frame.pts)
        graph.vpush(frame)
        yield from _pull_frames(graph, times, key, info, timeline)
    graph.vpush(None)
    yield from _pull_frames(graph, times, key, info, timeline)


def _bwdif_graph(info: VideoInfo, timeline: Timeline) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=info.width,
        height=info.height,
        format=VideoFormat(info.pix_fmt),
        time_base=timeline.time_base,
    )
    bwdif = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _pull_frames(
    graph: Graph, times: deque[int | None], key: str, info: VideoInfo, timeline: Timeline
) -> Iterator[VideoFrame]:
    with suppress(BlockingIOError, EOFError):
        while True:
            frame = graph.vpull()
            if frame.format.name != info.pix_fmt:
                raise SourceUnsupported(
                    key,
                    f"bwdif does not support {info.pix_fmt} and converts it to {frame.format.name}",
                    "Omit --deinterlace",
                )
            # The filter graph counts in half ticks.
            frame.pts, frame.time_base = times.popleft(), timeline.time_base
            yield frame
