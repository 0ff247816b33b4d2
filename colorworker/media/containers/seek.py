"""Find a film's frames from a certain one on: by seeking, or the long way from its start."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import BinaryIO, cast

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.timeline import Stored, Timeline
from colorworker.media.codecs.nvdec import cuda, refuse_unproven
from colorworker.media.containers.demux import film_stream, of_known_streams, only, open_source
from colorworker.media.containers.packetindex import decoded, numbered, packets_at
from colorworker.media.containers.readhints import (
    FRAMES_IN_FLIGHT,
    foretell,
    foretell_all,
    offset_after,
)
from colorworker.media.containers.timing import NO_PTS

FIRST_STEP_SECONDS = 2
LAST_STEP_SECONDS = 64
"""How far before a segment the search for its keyframe goes until it starts over from the film's
beginning."""
LATE_FRAMES = 64
"""Frames after one that is missing by which it is known to be."""


def frames_from(
    reader: BinaryIO,
    key: str,
    timeline: Timeline,
    first: int,
    end: int,
    *,
    sought: bool,
    lenient: bool,
    nvdec: bool = False,
) -> Generator[VideoFrame, None, None]:
    """Yield the film's frames from number `first` on, by seeking or the long way.

    Reading is foretold up to frame `end`, exclusive, and goes on beyond it if more are taken.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        timeline: When its frames are shown.
        first: Number of the first frame wanted.
        end: Number of the frame after the last one wanted.
        sought: Whether to seek; nothing is yielded if that fails.
        lenient: Whether packets that do not decode are passed over, not raised.
        nvdec: Whether NVDEC is to decode.

    Raises:
        HardwareMissing: If it is, and the stream is not of a kind that it is used for.
    """
    if timeline.stored is not None:
        yield from _frames_by_packet(
            reader, key, timeline, timeline.stored, first, end, sought=sought, nvdec=nvdec
        )
        return
    start_pts = int(timeline.pts[first])
    if sought:
        with _opened(reader, key, nvdec=nvdec) as (container, stream):
            told = partial(_foretell, reader, stream, timeline, end)
            decode = _lenient if lenient else container.decode
            frames = _seek(container, stream, decode, start_pts, int(timeline.pts[0]), told)
            if frames is not None:
                yield from (frame for frame in frames if _starts(frame) >= start_pts)
                return
    with _opened(reader, key, nvdec=nvdec) as (container, stream):
        decode = _lenient if lenient else container.decode
        for index, frame in enumerate(decode(stream)):
            if not timeline.seekable and index < len(timeline.pts):
                frame.pts, frame.time_base = int(timeline.pts[index]), timeline.time_base
            if _starts(frame) >= start_pts:
                yield frame


def _frames_by_packet(
    reader: BinaryIO,
    key: str,
    timeline: Timeline,
    stored: Stored,
    first: int,
    end: int,
    *,
    sought: bool,
    nvdec: bool,
) -> Generator[VideoFrame, None, None]:
    """Yield frames from number `first` on, told by their packets, with the timeline's pts.

    A frame of a packet that the timeline does not have there gets no pts; before `first` it is
    passed over.
    """
    keyframe = int(timeline.keyframes.searchsorted(timeline.pts[first], "right")) - 1
    with _opened(reader, key, nvdec=nvdec) as (container, stream):
        packets = None
        if sought and keyframe > 0:
            packets = packets_at(container, stream, stored.anchors[keyframe])
            if packets is None:
                return
            _foretell_by_packet(reader, timeline, stored, end)
        place = first
        for frame in decoded(
            stream, packets or numbered(of_known_streams(container.demux(stream)))
        ):
            ahead = np.flatnonzero(stored.packets[place : place + LATE_FRAMES] == frame.pts)
            if len(ahead):
                place += int(ahead[0])
                frame.pts, frame.time_base = int(timeline.pts[place]), timeline.time_base
                place += 1
            elif place == first:
                continue
            else:
                frame.pts = None
            yield frame


@contextmanager
def _opened(
    reader: BinaryIO, key: str, *, nvdec: bool
) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_source(reader, key, cuda() if nvdec else None) as container:
        stream = film_stream(container, key)
        if nvdec:
            refuse_unproven(stream, key)
        yield container, only(container, stream)


def _foretell_by_packet(reader: BinaryIO, timeline: Timeline, stored: Stored, end: int) -> None:
    wanted = timeline.pts[min(end + FRAMES_IN_FLIGHT, len(timeline.pts) - 1)]
    after = int(timeline.keyframes.searchsorted(wanted))
    if after < len(stored.anchors) and end < len(timeline.pts):
        foretell(reader, int(stored.anchors[after, 1]))
    else:
        foretell_all(reader)


def _lenient(stream: VideoStream) -> Iterator[VideoFrame]:
    container = cast(InputContainer, stream.container)
    return decoded(stream, of_known_streams(container.demux(stream)))


def _starts(frame: VideoFrame) -> int:
    return NO_PTS if frame.pts is None else frame.pts


def _foretell(reader: BinaryIO, stream: VideoStream, timeline: Timeline, end: int) -> None:
    if end >= len(timeline.pts):
        foretell_all(reader)
    else:
        last_pts, next_pts = timeline.pts[end - 1 : end + 1].tolist()
        foretell(reader, offset_after(stream, last_pts, next_pts - last_pts))


def _seek(
    container: InputContainer,
    stream: VideoStream,
    decode: Callable[[VideoStream], Iterator[VideoFrame]],
    start_pts: int,
    film_start_pts: int,
    told: Callable[[], None],
) -> Iterator[VideoFrame] | None:
    """Return frames from `start_pts` or earlier on; None where only the film's start is left.

    Indexes are sparse or name decoding times, so a seek can land too late; the decoder's first
    frame shows it, and the next try goes further back: 2, 4, ... seconds.
    """
    ticks_per_second = 1 / (stream.time_base or Fraction(1))
    back_seconds = 0
    while back_seconds <= LAST_STEP_SECONDS:
        target = start_pts - int(back_seconds * ticks_per_second)
        if target < film_start_pts:
            return None
        try:
            container.seek(target, stream=stream)
        except FFmpegError:  # no index entry at or before the target
            return None
        told()  # Only now: Matroska's index is read by the first seek.
        frames = decode(stream)
        first = next(frames, None)
        if first is not None and _starts(first) <= start_pts:
            return chain([first], frames)
        back_seconds = back_seconds * 2 or FIRST_STEP_SECONDS
    return None
