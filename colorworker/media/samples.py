"""A few frames from all over a film, to look at."""

from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.media.container import decode_errors, film_stream, only, open_source
from colorworker.media.decode import decode_segment
from colorworker.media.relaid import in_planes
from colorworker.work.film import VideoInfo
from colorworker.work.timeline import Timeline

SAMPLED_FRAMES_UNSEEKABLE = 1500
"""Frames at the start that samples are taken from where the film cannot be sought."""


def sample_frames(
    reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline, count: int
) -> list[VideoFrame]:
    """Return up to `count` decoded frames spread evenly over the film, in order.

    Of a film that can be sought they are keyframes, or what is shown next if one does not decode;
    of others they come from its first minute.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        info: What `scan` said about it.
        timeline: When its frames are shown.
        count: Most frames that are wanted.

    Raises:
        SourceDamaged: If one of them does not decode.
    """
    if timeline.seekable:
        picked = timeline.keyframes[_spread(len(timeline.keyframes), count)].tolist()
        return [
            frame
            for pts in picked
            for frame in decode_segment(reader, key, info, timeline, pts, pts + 1, repeat=True)
        ]
    wanted = set(_spread(min(len(timeline.pts), SAMPLED_FRAMES_UNSEEKABLE), count).tolist())
    frames = []
    with open_source(reader, key) as container, decode_errors(key, "at its start"):
        stream = only(container, film_stream(container, key))
        for index, frame in enumerate(container.decode(stream)):
            if index in wanted:
                frames.append(in_planes(frame))
            if index >= max(wanted):
                break
    return frames


def _spread(length: int, count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(np.int64))
