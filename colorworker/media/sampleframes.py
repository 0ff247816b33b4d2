"""Decode a few frames spread over a film, for previews."""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.codecs.decode import decode_segment, to_colorable
from colorworker.media.containers.demux import (
    decode_errors,
    ignore_new_streams,
    open_source,
    select_stream,
)
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.containers.packetindex import decode_numbered
from colorworker.media.deinterlace import deinterlace_frames, deinterlace_segment
from colorworker.media.framescaling import fit_to_film

SAMPLED_FRAMES_UNSEEKABLE = 1500
"""In films that are not seekable, samples are taken from this many frames at the start."""


def sample_frames(
    reader: BinaryIO,
    key: str,
    info: VideoInfo,
    timeline: Timeline,
    count: int,
    *,
    deinterlaced: bool = False,
    as_decoded: bool = False,
    scale: bool = False,
) -> list[VideoFrame]:
    """Return up to `count` decoded frames spread evenly over the film, in order.

    In a seekable film they are keyframes, or the next frame if one does not decode. In other films
    they come from the first minute.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        info: The film's properties, from `scan`.
        timeline: The film's timeline.
        count: Maximum number of frames.
        deinterlaced: Deinterlace interlaced frames, using only each frame and the next one. The
            result equals the deinterlaced film except for small differences where things move.
        as_decoded: Keep packed pixel formats and RGB; ignored if deinterlaced.
        scale: Scale frames of other sizes to the film's.

    Raises:
        SourceDamaged: If one of them does not decode.
        SourceUnsupported: If they are to be deinterlaced and bwdif does not support their format.
    """
    decode = (
        partial(deinterlace_segment, frames_before=0, scale=scale)
        if deinterlaced
        else partial(decode_segment, as_decoded=as_decoded, scale=scale)
    )
    if timeline.seekable:
        picked = timeline.keyframes[_spread_indexes(len(timeline.keyframes), count)].tolist()
        return [
            frame
            for pts in picked
            for frame in decode(reader, key, info, timeline, pts, pts + 1, repeat=True)
        ]
    wanted = set(_spread_indexes(min(len(timeline.pts), SAMPLED_FRAMES_UNSEEKABLE), count).tolist())
    frames = []
    with open_source(reader, key) as container, decode_errors(key, "at its start"):
        stream = select_stream(container, film_stream(container, key, info.stream_index))
        # Like the scan, skip what does not decode.
        shown: Iterator[VideoFrame] = decode_numbered(
            stream, ignore_new_streams(container.demux(stream))
        )
        if deinterlaced or not as_decoded:
            shown = (fit_to_film(to_colorable(frame, key, info), info) for frame in shown)
        if deinterlaced:
            shown = deinterlace_frames(shown, key, info, timeline)
        for index, frame in enumerate(shown):
            if index in wanted:
                frames.append(frame)
            if index >= max(wanted):
                break
    return frames


def _spread_indexes(length: int, count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(np.int64))
