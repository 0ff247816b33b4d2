"""The outline of a film in a dry run: its properties and its segments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from colorworker.domain.units import Cut


class SegmentRun(NamedTuple):
    """Consecutive segments with the same number of frames."""

    first: int
    """Number of the first segment, counted from 1."""
    last: int
    """Number of the last segment."""
    start_seconds: float
    """Start of the first segment, counted from the film's first frame."""
    frames: int
    """Frames per segment."""


@dataclass(frozen=True)
class FilmOutline:
    """A film in a dry run."""

    codec: str = ""
    pix_fmt: str = ""
    width: int = 0
    height: int = 0
    rate: Fraction = Fraction(0)
    """Frames per second."""
    frames: int = 0
    """Number of frames to color; for an excerpt, only those inside it. 0 if unknown."""
    seconds: float = 0.0
    """Duration of these frames."""
    segments: int = 0
    """Number of segments; approximate if `cuts` is empty."""
    cuts: tuple[SegmentRun, ...] = ()
    """Empty if the film's packets were not read."""
    in_color: bool = False
    is_done: bool = False
    warnings: tuple[str, ...] = ()
    """Problems that do not prevent its coloring."""
    error: str = ""
    """Why it cannot be colored."""


def group_cuts(cuts: Iterable[Cut], origin_pts: int, time_base: Fraction) -> tuple[SegmentRun, ...]:
    """Return the segments of a film, with consecutive ones of equal length in one run.

    Args:
        cuts: Cut list of the film.
        origin_pts: Timestamp of the film's first frame.
        time_base: Seconds per tick.
    """
    found: list[SegmentRun] = []
    first = 1
    for frames, group in groupby(cuts, key=lambda cut: cut.frame_count):
        alike = list(group)
        start = float((alike[0].start_pts - origin_pts) * time_base)
        found.append(SegmentRun(first, first + len(alike) - 1, round(start, 3), frames))
        first += len(alike)
    return tuple(found)


def frame_range(cuts: Sequence[SegmentRun]) -> tuple[int, int]:
    """Return the number of frames of the shortest and of the longest segment.

    Raises:
        ValueError: If there is no segment.
    """
    return min(each.frames for each in cuts), max(each.frames for each in cuts)
