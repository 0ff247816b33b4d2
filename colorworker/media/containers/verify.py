"""Read a written film back and compare it with the timeline."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Discard
from av.video.frame import VideoFrame

from colorworker.domain.timeline import Timeline
from colorworker.errors import OutputMismatch, SourceDamaged
from colorworker.media.containers.demux import libav_message, select_stream
from colorworker.media.containers.maintrack import film_stream


def verify_film(path: Path, key: str, timeline: Timeline, *, shift_ticks: int = 0) -> Fraction:
    """Check that a film shows exactly the frames of the timeline, each at its time.

    Args:
        path: The written film.
        key: Its name, for errors.
        timeline: Timeline of the frames that were written.
        shift_ticks: Ticks of the timeline that were subtracted from every pts.

    Returns:
        The largest deviation of a frame from its time, in seconds, caused by rounding to the
        output's time base.

    Raises:
        OutputMismatch: If a frame is missing, repeated, unexpected or shown at a different time.
            Times are compared after rounding to the output's time base.
    """
    try:
        shown, time_base = _shown_pts(path, key)
    except (FFmpegError, SourceDamaged) as error:
        said = libav_message(error) if isinstance(error, FFmpegError) else error.seen
        raise OutputMismatch(key, f"the written film does not open ({said})") from error
    if len(shown) != len(timeline.pts):
        raise OutputMismatch(
            key, f"{len(shown)} frames were written, the source has {len(timeline.pts)}"
        )
    scale = timeline.time_base / time_base
    off = Fraction(0)
    for index, (seen, pts) in enumerate(zip(shown, timeline.pts, strict=True)):
        exact = (int(pts) - shift_ticks) * scale
        wanted = rescale(int(pts) - shift_ticks, scale)
        if seen != wanted:
            raise OutputMismatch(
                key, f"frame {index} was written at {seen * time_base} s, not {wanted * time_base}"
            )
        if index and seen == shown[index - 1]:
            raise OutputMismatch(key, f"two frames were written at {seen * time_base} s")
        off = max(off, abs(exact - seen))
    return off * time_base


def decode_part(path: Path, key: str, header: bytes = b"") -> Iterator[VideoFrame]:
    """Yield the decoded frames of a written part.

    Args:
        path: The part.
        key: The film's name, for errors.
        header: Codec header to decode with instead of the part's own.

    Raises:
        OutputMismatch: If it does not decode.
    """
    try:
        with av.open(str(path), "r") as container:
            stream = select_stream(container, film_stream(container, key, 0))
            if header:
                stream.codec_context.extradata = header
            yield from container.decode(stream)
    except (FFmpegError, SourceDamaged) as error:
        raise OutputMismatch(key, f"the part does not decode ({error})") from error


def rescale(ticks: int, scale: Fraction) -> int:
    """Return ticks in another time base, rounding halves away from zero like av_rescale_q."""
    doubled = 2 * abs(ticks) * scale.numerator + scale.denominator
    rounded = doubled // (2 * scale.denominator)
    return rounded if ticks >= 0 else -rounded


def _shown_pts(path: Path, key: str) -> tuple[list[int], Fraction]:
    with av.open(str(path), "r", metadata_errors="replace") as container:
        stream = film_stream(container, key, 0)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        shown = sorted(
            packet.pts
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and not packet.is_discard
        )
        return shown, stream.time_base or Fraction(1)
