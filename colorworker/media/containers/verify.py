"""Read a written film back and hold it against the timeline."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.error import FFmpegError
from av.stream import Discard
from av.video.frame import VideoFrame

from colorworker.domain.timeline import Timeline
from colorworker.errors import OutputMismatch, SourceDamaged
from colorworker.media.containers.demux import film_stream, libav_message, select_stream


def verify_film(path: Path, key: str, timeline: Timeline, *, shift_ticks: int = 0) -> Fraction:
    """Check that a film shows every frame of the timeline, each at its time, and none besides.

    Returns the most seconds that a frame is off its time, by the rounding of the output's clock.

    Args:
        path: The written film.
        key: Its name, for errors.
        timeline: When the source's frames are shown.
        shift_ticks: What was taken off every pts, in the timeline's ticks.

    Raises:
        OutputMismatch: If a frame is missing, doubled, too many or shown at another time. Times
            are compared after rounding to the output's time base.
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


def decode_part(path: Path, key: str) -> Iterator[VideoFrame]:
    """Yield the frames of a written part, to be held against what was encoded.

    Raises:
        OutputMismatch: If it does not decode.
    """
    try:
        with av.open(str(path), "r") as container:
            yield from container.decode(select_stream(container, film_stream(container, key)))
    except (FFmpegError, SourceDamaged) as error:
        raise OutputMismatch(key, f"the part does not decode ({error})") from error


def rescale(ticks: int, scale: Fraction) -> int:
    """Return ticks in another time base, halves away from zero like libav's av_rescale_q."""
    doubled = 2 * abs(ticks) * scale.numerator + scale.denominator
    rounded = doubled // (2 * scale.denominator)
    return rounded if ticks >= 0 else -rounded


def _shown_pts(path: Path, key: str) -> tuple[list[int], Fraction]:
    with av.open(str(path), "r", metadata_errors="replace") as container:
        stream = film_stream(container, key)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        shown = sorted(
            packet.pts
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None and not packet.is_discard
        )
        return shown, stream.time_base or Fraction(1)
