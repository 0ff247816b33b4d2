"""Check, before any frame is colored, that an output can hold a film's times."""

from fractions import Fraction

import numpy as np

from colorworker.domain.timeline import Timeline
from colorworker.errors import SourceUnsupported
from colorworker.media.containers.verify import rescale

MATROSKA_TICK = Fraction(1, 1000)
"""Time base of libav's Matroska muxer."""
LONGEST_TICKS = (1 << 31) - 1
"""Longest duration of a frame in MP4 and QuickTime files, in ticks (ISO/IEC 14496-12, 8.6.1.2)."""


def check_times(key: str, timeline: Timeline, container: str) -> None:
    """Check that a container can give every frame a time of its own.

    Args:
        key: The film's name, for errors.
        timeline: Timeline of the frames to write.
        container: The output's muxer.

    Raises:
        SourceUnsupported: If two frames would get the same time, or one would be shown for too
            long.
    """
    pts, time_base = timeline.pts, timeline.time_base
    steps = np.diff(pts)
    if container != "matroska":
        shown = np.append(steps, timeline.durations[-1])
        longest = int(shown.argmax())
        if shown[longest] > LONGEST_TICKS:
            raise SourceUnsupported(
                key,
                f"frame {longest} is shown for {float(shown[longest] * time_base):.0f} s, longer "
                f"than {container} can store",
                "Use --profile archive, or cut the film there",
            )
    elif len(steps) and steps.min() * time_base < MATROSKA_TICK:
        shortest = int(steps.argmin())
        scale = time_base / MATROSKA_TICK
        origin = min(0, int(pts[0]))
        ticks = [rescale(each - origin, scale) for each in pts.tolist()]
        if bool(np.any(np.diff(ticks) == 0)):
            raise SourceUnsupported(
                key,
                f"frames {shortest} and {shortest + 1} are shown "
                f"{float(steps[shortest] * time_base * 1000):.3f} ms apart, and Matroska stores "
                "times in whole milliseconds",
                "Use --profile mezzanine, which keeps the times exactly",
            )
