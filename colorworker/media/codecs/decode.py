"""Decode exactly the frames of a segment, in the order they are shown."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame

from colorworker.domain.timeline import Timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import HardwareMissing, SourceDamaged, SourceUnsupported
from colorworker.media.codecs.nvdec import can_decode, matches_software_decoder
from colorworker.media.containers.demux import decode_errors
from colorworker.media.containers.seek import decode_from
from colorworker.media.planes import luma_plane
from colorworker.media.repack import copy_frame, planar_format, to_planar

NEXT_STEP = "Restore it from another copy, or set COLORWORKER_MEDIA__REPEAT_DAMAGED=true"
"""What to do about a frame that does not decode."""


@dataclass
class DecodeTally:
    """Counts of one decoded segment, filled while its frames are taken."""

    frames: int = 0
    corrupt_frames: int = 0
    """Frames the decoder delivered but patched: bits of them were missing or wrong."""
    repeated_frames: int = 0
    """Frames that do not decode, for which a copy of their neighbor stands in."""
    nvdec_frames: int = 0
    """Frames from NVDEC, of which nobody says whether they were patched."""

    def warnings(self) -> tuple[str, ...]:
        """Return what a report must say about the source."""
        seen = {
            "are damaged in the source": self.corrupt_frames,
            "do not decode: the frame before is shown instead": self.repeated_frames,
        }
        return tuple(
            f"{count} of {self.frames} frames {what}" for what, count in seen.items() if count
        )


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
    repeat: bool = False,
    nvdec: bool = False,
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
        repeat: Whether a copy of the frame before stands in for one that does not decode; of the
            one after, at the beginning.
        nvdec: Whether NVDEC decodes where it was seen to give the same luma in this process, up to
            the first frame that it does not give as libav's own decoder would. Not where frames
            may be repeated, for it does not tell damaged ones.

    Raises:
        SourceDamaged: If the film does not decode, or not to the frames of the timeline.
        SourceUnsupported: If frames change their size or pixel format.
    """
    counts = DecodeTally() if tally is None else tally
    first = int(np.searchsorted(timeline.pts, start_pts))
    inside = len(timeline.between(start_pts, end_pts))
    expected = timeline.pts[first : first + inside + lookahead]
    last: VideoFrame | None = None
    end = first + len(expected)
    open_at = partial(decode_from, reader, key, timeline, end=end, lenient=repeat)
    by_nvdec = nvdec and not repeat and can_decode(info)
    fits = partial(matches_software_decoder, info=info) if by_nvdec else None
    with closing(_FrameSource(open_at, first, fits, sought=timeline.seekable)) as frames:
        for index, pts in enumerate(expected.tolist()):
            with decode_errors(key, f"at pts {pts}", NEXT_STEP):
                frame = frames.take(index, pts)
            stand_in = last or frame
            is_missing = repeat and (frame is None or frame.pts != pts or _overflows(frame))
            if is_missing and stand_in is not None:
                frame = copy_frame(stand_in)
                frame.pts, frame.time_base = pts, timeline.time_base
            last = to_planar(_check_frame(frame, key, info, pts, len(expected) - index))
            if index < inside:
                counts.frames += 1
                counts.corrupt_frames += last.is_corrupt
                counts.repeated_frames += is_missing
                counts.nvdec_frames += frames.by_nvdec
            yield last


class _FrameSource:
    """The frames of a segment one after the other, sought first and then the long way.

    Where `fits` tells good frames of NVDEC from others, they come from there first.
    """

    def __init__(
        self,
        open_at: Callable[..., Generator[VideoFrame, None, None]],
        first: int,
        fits: Callable[[VideoFrame], bool] | None,
        *,
        sought: bool,
    ) -> None:
        self._open, self._first, self._fits, self._sought = open_at, first, fits, sought
        self._frames = open_at(first=first, sought=sought, nvdec=self.by_nvdec)
        self._ahead: VideoFrame | None = None

    @property
    def by_nvdec(self) -> bool:
        """Whether the frame that was taken last is NVDEC's."""
        return self._fits is not None

    def take(self, index: int, pts: int) -> VideoFrame | None:
        """Return the segment's frame `index`, of this pts; where it is missing, a later or none.

        A later one is returned again.
        """
        if self._fits is not None:
            # What libav's own decoder gives of this frame, and what it says of it, is what counts.
            with suppress(FFmpegError, HardwareMissing, SourceDamaged):
                frame = next(self._frames, None)
                if frame is not None and frame.pts == pts and self._fits(frame):
                    return frame
            self._fits = None
            self._open_again(index)
        frame, self._ahead = self._ahead or next(self._frames, None), None
        if self._sought and (frame is None or frame.pts != pts):
            # What a demuxer finds after a seek may be another frame than was sought (an index that
            # is wrong, a packet that is not found): only the long way is sure.
            self._sought = False
            self._open_again(index)
            frame = next(self._frames, None)
        if frame is not None and frame.pts is not None and frame.pts > pts:
            self._ahead = frame
        return frame

    def _open_again(self, index: int) -> None:
        self._frames.close()
        self._frames = self._open(first=self._first + index, sought=self._sought, nvdec=False)

    def close(self) -> None:
        """Close the film."""
        self._frames.close()


def _check_frame(
    frame: VideoFrame | None, key: str, info: VideoInfo, pts: int, wanted_frames: int
) -> VideoFrame:
    if frame is None:
        raise SourceDamaged(
            key,
            f"no frame decodes at pts {pts}: {wanted_frames} frames are missing",
            NEXT_STEP,
        )
    if frame.pts is None or frame.pts > pts:
        raise SourceDamaged(key, f"no frame decodes at pts {pts}, but later ones", NEXT_STEP)
    if frame.pts < pts:
        raise SourceDamaged(
            key, f"the frame of pts {pts} decodes with pts {frame.pts}", "Remux it first"
        )
    pix_fmt = planar_format(frame.format.name)
    if (frame.width, frame.height, pix_fmt) != (info.width, info.height, info.pix_fmt):
        raise SourceUnsupported(
            key,
            f"its pictures change at pts {pts} from {info.width} x {info.height} "
            f"{info.pix_fmt} to {frame.width} x {frame.height} {frame.format.name}",
            "Split it there",
        )
    if _overflows(frame):
        raise SourceDamaged(
            key, f"luma at pts {pts} has codes that {info.pix_fmt} does not have", NEXT_STEP
        )
    return frame


def _overflows(frame: VideoFrame) -> bool:
    """Tell whether luma has codes of more bits than its format: damaged streams decode to such."""
    bits = frame.format.components[0].bits
    if bits in (8, 16) or planar_format(frame.format.name) != frame.format.name:
        return False
    return int(luma_plane(frame).max()) >> bits > 0
