"""Decode a film from a given frame on: by seeking, or by decoding from the start of the film."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import BinaryIO, cast

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.timeline import StoredPackets, Timeline
from colorworker.media.codecs.nvdec import cuda_hwaccel, require_tested_profile
from colorworker.media.containers.demux import (
    ignore_new_streams,
    open_container,
    select_stream,
)
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.containers.packetindex import (
    decode_numbered,
    number_packets,
    packets_from_anchor,
)
from colorworker.media.containers.packettable import NO_PTS
from colorworker.media.containers.readhints import (
    FRAMES_IN_FLIGHT,
    estimate_end_offset,
    hint_read_all,
    hint_read_end,
)

FIRST_STEP_SECONDS = 2
LAST_STEP_SECONDS = 64
"""First and last distance before a segment at which its keyframe is searched; after that, decoding
starts at the beginning of the film."""
LATE_FRAMES = 64
"""How many frames ahead a decoded frame is looked up in the timeline, to detect missing ones."""


def decode_from(
    reader: BinaryIO,
    key: str,
    timeline: Timeline,
    first: int,
    end: int,
    *,
    by_seeking: bool,
    lenient: bool,
    stream_index: int | None = None,
    nvdec: bool = False,
) -> Generator[VideoFrame, None, None]:
    """Yield the film's frames from number `first` on, by seeking or by decoding from the start.

    Network readers are told to expect reads up to frame `end`; taking more frames still works.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        timeline: The film's timeline.
        first: Number of the first frame wanted.
        end: Number of the last frame wanted, plus one.
        by_seeking: Whether to seek; if seeking fails, nothing is yielded.
        lenient: Whether to skip packets that fail to decode, instead of raising.
        stream_index: The film's stream, as for `film_stream`.
        nvdec: Whether to decode with NVDEC.

    Raises:
        HardwareMissing: If `nvdec` is set and NVDEC is not used for this kind of stream.
    """
    open_film = partial(_open_film, reader, key, stream_index, nvdec=nvdec)
    if timeline.stored is not None:
        yield from _decode_by_packet(
            open_film, reader, timeline, timeline.stored, first, end, by_seeking=by_seeking
        )
        return
    start_pts = int(timeline.pts[first])
    if by_seeking:
        with open_film() as (container, stream):
            hint_reads = partial(_hint_by_index, reader, stream, timeline, end)
            decode = _decode_skipping_errors if lenient else container.decode
            frames = _decode_after_seek(
                container, stream, decode, start_pts, int(timeline.pts[0]), hint_reads
            )
            if frames is not None:
                yield from (frame for frame in frames if _pts_of(frame) >= start_pts)
                return
    with open_film() as (container, stream):
        # Frames without numbers are counted, as in the scan, which skips what does not decode.
        skips = lenient or not timeline.seekable
        decode = _decode_skipping_errors if skips else container.decode
        for index, frame in enumerate(decode(stream)):
            if not timeline.seekable and index < len(timeline.pts):
                frame.pts, frame.time_base = int(timeline.pts[index]), timeline.time_base
            if _pts_of(frame) >= start_pts:
                yield frame


def _decode_by_packet(
    open_film: Callable[[], AbstractContextManager[tuple[InputContainer, VideoStream]]],
    reader: BinaryIO,
    timeline: Timeline,
    stored: StoredPackets,
    first: int,
    end: int,
    *,
    by_seeking: bool,
) -> Generator[VideoFrame, None, None]:
    """Yield frames from number `first` on, identified by packet number, with the timeline's pts.

    A frame whose packet is not expected at this place gets no pts; before `first` it is skipped.
    """
    keyframe = int(timeline.keyframes.searchsorted(timeline.pts[first], "right")) - 1
    with open_film() as (container, stream):
        packets = None
        if by_seeking and keyframe > 0:
            packets = packets_from_anchor(container, stream, stored.anchors[keyframe])
            if packets is None:
                return
            _hint_by_anchor(reader, timeline, stored, end)
        place = first
        for frame in decode_numbered(
            stream, packets or number_packets(ignore_new_streams(container.demux(stream)))
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
def _open_film(
    reader: BinaryIO, key: str, stream_index: int | None, *, nvdec: bool
) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_container(reader, key, cuda_hwaccel() if nvdec else None) as container:
        stream = film_stream(container, key, stream_index)
        if nvdec:
            require_tested_profile(stream, key)
        yield container, select_stream(container, stream)


def _hint_by_anchor(reader: BinaryIO, timeline: Timeline, stored: StoredPackets, end: int) -> None:
    wanted = timeline.pts[min(end + FRAMES_IN_FLIGHT, len(timeline.pts) - 1)]
    after = int(timeline.keyframes.searchsorted(wanted))
    if after < len(stored.anchors) and end < len(timeline.pts):
        hint_read_end(reader, int(stored.anchors[after, 1]))
    else:
        hint_read_all(reader)


def _decode_skipping_errors(stream: VideoStream) -> Iterator[VideoFrame]:
    container = cast(InputContainer, stream.container)
    return decode_numbered(stream, ignore_new_streams(container.demux(stream)))


def _pts_of(frame: VideoFrame) -> int:
    return NO_PTS if frame.pts is None else frame.pts


def _hint_by_index(reader: BinaryIO, stream: VideoStream, timeline: Timeline, end: int) -> None:
    if end >= len(timeline.pts):
        hint_read_all(reader)
    else:
        last_pts, next_pts = timeline.pts[end - 1 : end + 1].tolist()
        hint_read_end(reader, estimate_end_offset(stream, last_pts, next_pts - last_pts))


def _decode_after_seek(
    container: InputContainer,
    stream: VideoStream,
    decode: Callable[[VideoStream], Iterator[VideoFrame]],
    start_pts: int,
    film_start_pts: int,
    hint_reads: Callable[[], None],
) -> Iterator[VideoFrame] | None:
    """Return frames starting at `start_pts` or earlier; None if only the film's start is left.

    Indexes are sparse or hold dts, so a seek can land too late. The first decoded frame shows it,
    and the next attempt goes further back: 2, 4, ... seconds.
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
        hint_reads()  # Only now: Matroska's index is read by the first seek.
        frames = decode(stream)
        first = next(frames, None)
        if first is not None and _pts_of(first) <= start_pts:
            return chain([first], frames)
        back_seconds = back_seconds * 2 or FIRST_STEP_SECONDS
    return None
