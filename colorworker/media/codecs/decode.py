"""Decode exactly the frames of a segment, in display order."""

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
from colorworker.media.framescaling import fit_to_film, fits_but_for_chroma
from colorworker.media.planes import color_spec, luma_plane
from colorworker.media.repack import copy_frame, planar_format, to_planar
from colorworker.media.rgbluma import exceeds_bit_depth, is_rgb, luma_frame

NEXT_STEP = "Restore it from another copy, or set COLORWORKER_MEDIA__REPEAT_DAMAGED=true"
"""Advice for a frame that does not decode."""


@dataclass
class DecodeTally:
    """Counts of one decoded segment, updated as its frames are yielded."""

    frames: int = 0
    corrupt_frames: int = 0
    """Frames that the decoder concealed errors in: some of their data was missing or wrong."""
    repeated_frames: int = 0
    """Frames that do not decode, replaced by a copy of a neighbor."""
    scaled_frames: int = 0
    """Frames of another size than the film's first one, scaled to it."""
    nvdec_frames: int = 0
    """Frames from NVDEC, which does not report concealed errors."""

    def warnings(self) -> tuple[str, ...]:
        """Return one sentence per kind of defect, for the report."""
        seen = {
            "are damaged in the source": self.corrupt_frames,
            "do not decode and repeat the previous frame": self.repeated_frames,
            "have another size than the first one and were scaled to it": self.scaled_frames,
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
    as_decoded: bool = False,
    scale: bool = False,
) -> Iterator[VideoFrame]:
    """Yield the frames with start_pts <= pts < end_pts, then up to `lookahead` following ones.

    Each frame is the decoder's own, with the timeline's pts, so it keeps its captions, interlacing
    flags and other side data. Packed pixel formats are converted to planar ones, and RGB to luma.

    Args:
        reader: The film, seekable; stays open.
        key: Its name, for errors.
        info: The film's properties, from `scan`.
        timeline: The film's timeline.
        start_pts: First pts, in ticks of the timeline.
        end_pts: Exclusive end; None for the end of the film.
        lookahead: Extra frames to yield after the end; fewer at the end of the film.
        tally: Counts the frames yielded before `end_pts`.
        repeat: Whether to replace a frame that does not decode by a copy of the previous frame, or
            of the next one at the start.
        nvdec: Whether to decode with NVDEC if it was proven bit-exact in this process. The first
            frame that differs from what libav's own decoder would give ends its use. Ignored with
            `repeat`, because NVDEC does not report damaged frames.
        as_decoded: Whether to keep packed pixel formats and RGB.
        scale: Whether to scale frames of other sizes to the film's; see `fit_to_film`.

    Raises:
        SourceDamaged: If the film does not decode, or not to the frames of the timeline.
        SourceUnsupported: If frames change their pixel format, or their size without `scale`.
    """
    counts = DecodeTally() if tally is None else tally
    first = int(np.searchsorted(timeline.pts, start_pts))
    inside = len(timeline.between(start_pts, end_pts))
    expected = timeline.pts[first : first + inside + lookahead]
    last: VideoFrame | None = None
    end = first + len(expected)
    open_at = partial(
        decode_from, reader, key, timeline, end=end, lenient=repeat, stream_index=info.stream_index
    )
    by_nvdec = nvdec and not repeat and can_decode(info)
    fits = partial(matches_software_decoder, info=info) if by_nvdec else None
    with closing(_FrameSource(open_at, first, fits, by_seeking=timeline.seekable)) as frames:
        for index, pts in enumerate(expected.tolist()):
            with decode_errors(key, f"at pts {pts}", NEXT_STEP):
                frame = frames.next_frame(index, pts)
            stand_in = last or frame
            is_missing = repeat and (frame is None or frame.pts != pts or _exceeds_bit_depth(frame))
            if is_missing and stand_in is not None:
                frame = copy_frame(stand_in)
                frame.pts, frame.time_base = pts, timeline.time_base
            found = _check_frame(frame, key, info, pts, len(expected) - index)
            is_other_size = (found.width, found.height) != (info.width, info.height)
            if is_other_size and not scale:
                raise _changed(found, key, info, pts)
            last = found if as_decoded else fit_to_film(to_colorable(found, key, info), info)
            if index < inside:
                counts.frames += 1
                counts.corrupt_frames += last.is_corrupt
                counts.repeated_frames += is_missing
                counts.scaled_frames += is_other_size
                counts.nvdec_frames += frames.by_nvdec
            yield last


def to_colorable(frame: VideoFrame, key: str, info: VideoInfo) -> VideoFrame:
    """Return a frame in a planar format with luma: packed YUV unpacked, RGB reduced to its luma.

    Raises:
        SourceUnsupported: If an RGB frame has transparent pixels.
    """
    if is_rgb(frame.format.name):
        return luma_frame(frame, key, info, color_spec(info))
    return to_planar(frame)


class _FrameSource:
    """The frames of a segment in order: by seeking, and if that fails by decoding from the start.

    If `fits` is given, NVDEC decodes until a frame does not pass it.
    """

    def __init__(
        self,
        open_at: Callable[..., Generator[VideoFrame, None, None]],
        first: int,
        fits: Callable[[VideoFrame], bool] | None,
        *,
        by_seeking: bool,
    ) -> None:
        self._open, self._first, self._fits, self._by_seeking = open_at, first, fits, by_seeking
        self._frames = open_at(first=first, by_seeking=by_seeking, nvdec=self.by_nvdec)
        self._ahead: VideoFrame | None = None

    @property
    def by_nvdec(self) -> bool:
        """Whether the last frame came from NVDEC."""
        return self._fits is not None

    def next_frame(self, index: int, pts: int) -> VideoFrame | None:
        """Return the segment's frame `index`, which has this pts.

        If it is missing, the next later frame is returned instead, and again on the next call; or
        None at the end of the film.
        """
        if self._fits is not None:
            # On any failure, libav's own decoder decides what this frame is, or which error it has.
            with suppress(FFmpegError, HardwareMissing, SourceDamaged):
                frame = next(self._frames, None)
                if frame is not None and frame.pts == pts and self._fits(frame):
                    return frame
            self._fits = None
            self._open_again(index)
        frame, self._ahead = self._ahead or next(self._frames, None), None
        if self._by_seeking and (frame is None or frame.pts != pts):
            # After a seek a demuxer may return a different frame (a wrong index, a packet that is
            # not found). Only decoding from the start is certain.
            self._by_seeking = False
            self._open_again(index)
            frame = next(self._frames, None)
        if frame is not None and frame.pts is not None and frame.pts > pts:
            self._ahead = frame
        return frame

    def _open_again(self, index: int) -> None:
        self._frames.close()
        self._frames = self._open(
            first=self._first + index, by_seeking=self._by_seeking, nvdec=False
        )

    def close(self) -> None:
        """Close the film."""
        self._frames.close()


def _check_frame(
    frame: VideoFrame | None, key: str, info: VideoInfo, pts: int, wanted_frames: int
) -> VideoFrame:
    if frame is None:
        raise SourceDamaged(
            key,
            f"no frame decodes at pts {pts} or later: {wanted_frames} frames are missing",
            NEXT_STEP,
        )
    if frame.pts is None or frame.pts > pts:
        raise SourceDamaged(
            key, f"the frame at pts {pts} is missing; decoding resumes later", NEXT_STEP
        )
    if frame.pts < pts:
        raise SourceDamaged(
            key, f"the frame at pts {pts} decodes with pts {frame.pts}", "Remux it first"
        )
    pix_fmt = planar_format(frame.format.name)
    if pix_fmt != info.pix_fmt and not fits_but_for_chroma(pix_fmt, info):
        raise _changed(frame, key, info, pts)
    if _exceeds_bit_depth(frame):
        raise SourceDamaged(
            key, f"luma at pts {pts} has codes out of range for {info.pix_fmt}", NEXT_STEP
        )
    return frame


def _changed(frame: VideoFrame, key: str, info: VideoInfo, pts: int) -> SourceUnsupported:
    return SourceUnsupported(
        key,
        f"its frames change at pts {pts} from {info.width} x {info.height} "
        f"{info.rgb_format or info.pix_fmt} to {frame.width} x {frame.height} {frame.format.name}",
        "Split it there"
        if (frame.width, frame.height) == (info.width, info.height)
        else "Split it there, or use --size-changes scale",
    )


def _exceeds_bit_depth(frame: VideoFrame) -> bool:
    """Return whether luma has codes beyond its bit depth, as damaged streams can decode to."""
    if is_rgb(frame.format.name):
        return exceeds_bit_depth(frame)
    bits = frame.format.components[0].bits
    if bits in (8, 16) or planar_format(frame.format.name) != frame.format.name:
        return False
    return int(luma_plane(frame).max()) >> bits > 0
