"""Decode exactly the frames of a segment, in the order they are shown."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import BinaryIO

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.container import decode_errors, film_stream, only, open_source
from colorworker.media.foretell import FRAMES_IN_FLIGHT, foretell, foretell_all, offset_after
from colorworker.media.numbering import decoded, numbered, packets_at
from colorworker.media.relaid import in_planes, planar_name
from colorworker.media.timing import NO_PTS
from colorworker.work.film import VideoInfo
from colorworker.work.timeline import Stored, Timeline

FIRST_STEP_SECONDS = 2
LAST_STEP_SECONDS = 64
"""How far before a segment the search for its keyframe goes until it starts over from the film's
beginning."""
LATE_FRAMES = 64
"""Frames after one that is missing by which it is known to be."""


@dataclass
class DecodeTally:
    """Counts of one decoded segment, filled while its frames are taken."""

    frames: int = 0
    corrupt_frames: int = 0
    """Frames the decoder delivered but patched: bits of them were missing or wrong."""

    def warnings(self) -> tuple[str, ...]:
        """Return what a report must say about the source."""
        if not self.corrupt_frames:
            return ()
        return (f"{self.corrupt_frames} of {self.frames} frames are damaged in the source",)


def decode_segment(
    reader: BinaryIO,
    key: str,
    info: VideoInfo,
    timeline: Timeline,
    start_pts: int,
    end_pts: int | None,
    *,
    lookahead: int = 0,
    tally: DecodeTally | None = None,
) -> Iterator[VideoFrame]:
    """Yield the frames with start_pts <= pts < end_pts, then up to `lookahead` following ones.

    Each frame is the decoder's own, with the timeline's pts, so captions, interlacing flags and
    other side data stay with it; packed pictures are laid out in planes.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        info: What `scan` said about it.
        timeline: When its frames are shown.
        start_pts: First pts, in ticks of the timeline.
        end_pts: Exclusive end; None for the end of the film.
        lookahead: Frames after the end that are yielded too, fewer at the end of the film.
        tally: Counts what is yielded before `end_pts`.

    Raises:
        SourceDamaged: If the film does not decode, or not to the frames of the timeline.
        SourceUnsupported: If frames change their size or pixel format.
    """
    counts = DecodeTally() if tally is None else tally
    first = int(np.searchsorted(timeline.pts, start_pts))
    inside = len(timeline.between(start_pts, end_pts))
    expected = timeline.pts[first : first + inside + lookahead]
    end = first + len(expected)
    frames = _frames_from(reader, key, timeline, first, end, sought=timeline.seekable)
    sought = timeline.seekable
    try:
        for index, pts in enumerate(expected.tolist()):
            with decode_errors(key, f"at pts {pts}"):
                frame = next(frames, None)
                if sought and (frame is None or frame.pts != pts):
                    # What a demuxer finds after a seek may be another frame than was sought (an
                    # index that is wrong, a packet that is not found): only the long way is sure.
                    frames.close()
                    sought = False
                    frames = _frames_from(reader, key, timeline, first + index, end, sought=False)
                    frame = next(frames, None)
            checked = in_planes(_checked(frame, key, info, pts, len(expected) - index))
            if index < inside:
                counts.frames += 1
                counts.corrupt_frames += checked.is_corrupt
            yield checked
    finally:
        frames.close()


def _frames_from(
    reader: BinaryIO, key: str, timeline: Timeline, first: int, end: int, *, sought: bool
) -> Generator[VideoFrame, None, None]:
    """Yield the film's frames from number `first` on, by seeking or the long way.

    Reading is foretold up to frame `end`, exclusive, and goes on beyond it if more are taken.
    """
    if timeline.stored is not None:
        yield from _frames_by_packet(
            reader, key, timeline, timeline.stored, first, end, sought=sought
        )
        return
    start_pts = int(timeline.pts[first])
    if sought:
        with open_source(reader, key) as container:
            stream = only(container, film_stream(container, key))
            told = partial(_foretell, reader, stream, timeline, end)
            frames = _seek(container, stream, start_pts, int(timeline.pts[0]), told)
            if frames is not None:
                yield from (frame for frame in frames if _starts(frame) >= start_pts)
                return
    with open_source(reader, key) as container:
        stream = only(container, film_stream(container, key))
        for index, frame in enumerate(container.decode(stream)):
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
) -> Generator[VideoFrame, None, None]:
    """Yield frames from number `first` on, told by their packets, with the timeline's pts.

    A frame of another packet than the timeline's gets no pts; before `first` it is passed over.
    """
    keyframe = int(timeline.keyframes.searchsorted(timeline.pts[first], "right")) - 1
    with open_source(reader, key) as container:
        stream = only(container, film_stream(container, key))
        packets = None
        if sought and keyframe > 0:
            packets = packets_at(container, stream, stored.anchors[keyframe])
            if packets is None:
                return
            _foretell_by_packet(reader, timeline, stored, end)
        place, later = first, set(stored.packets[first : first + LATE_FRAMES].tolist())
        for frame in decoded(stream, packets or numbered(container.demux(stream))):
            if place < len(stored.packets) and frame.pts == stored.packets[place]:
                frame.pts, frame.time_base = int(timeline.pts[place]), timeline.time_base
            elif place == first and frame.pts not in later:
                continue
            else:
                frame.pts = None
            place += 1
            yield frame


def _foretell_by_packet(reader: BinaryIO, timeline: Timeline, stored: Stored, end: int) -> None:
    wanted = timeline.pts[min(end + FRAMES_IN_FLIGHT, len(timeline.pts) - 1)]
    after = int(timeline.keyframes.searchsorted(wanted))
    if after < len(stored.anchors) and end < len(timeline.pts):
        foretell(reader, int(stored.anchors[after, 1]))
    else:
        foretell_all(reader)


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
        frames = container.decode(stream)
        first = next(frames, None)
        if first is not None and _starts(first) <= start_pts:
            return chain([first], frames)
        back_seconds = back_seconds * 2 or FIRST_STEP_SECONDS
    return None


def _checked(
    frame: VideoFrame | None, key: str, info: VideoInfo, pts: int, wanted_frames: int
) -> VideoFrame:
    if frame is None:
        raise SourceDamaged(
            key,
            f"no frame decodes at pts {pts}: {wanted_frames} frames are missing",
            "Restore it from another copy",
        )
    if frame.pts is None or frame.pts > pts:
        raise SourceDamaged(
            key, f"no frame decodes at pts {pts}, but later ones", "Restore it from another copy"
        )
    if frame.pts < pts:
        raise SourceDamaged(
            key, f"the frame of pts {pts} decodes with pts {frame.pts}", "Remux it first"
        )
    pix_fmt = planar_name(frame.format.name)
    if (frame.width, frame.height, pix_fmt) != (info.width, info.height, info.pix_fmt):
        raise SourceUnsupported(
            key,
            f"its pictures change at pts {pts} from {info.width} x {info.height} "
            f"{info.pix_fmt} to {frame.width} x {frame.height} {frame.format.name}",
            "Split it there",
        )
    return frame
