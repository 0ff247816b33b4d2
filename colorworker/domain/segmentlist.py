"""What a film is and where it will be cut, said before anything of it is colored."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from colorworker.domain.units import Cut


class SegmentRun(NamedTuple):
    """Segments that follow each other and have as many frames each."""

    first: int
    """Number of the first of them, from 1."""
    last: int
    start_seconds: float
    """Of the first of them, from the film's first frame on."""
    frames: int
    """Of each."""


@dataclass(frozen=True)
class FilmOutline:
    """One film of a dry run."""

    codec: str = ""
    pix_fmt: str = ""
    width: int = 0
    height: int = 0
    rate: Fraction = Fraction(0)
    """Frames a second."""
    frames: int = 0
    """To be colored: of an excerpt, those in it. 0 where the header does not say."""
    seconds: float = 0.0
    """They are shown for."""
    segments: int = 0
    """They are cut into; about, unless `cuts` says it exactly."""
    cuts: tuple[SegmentRun, ...] = ()
    """Empty where the film's packets were not read."""
    in_color: bool = False
    is_done: bool = False
    warnings: tuple[str, ...] = ()
    """What is wrong with it and does not keep it from being colored."""
    error: str = ""
    """Why it cannot be colored."""


def group_cuts(cuts: Iterable[Cut], origin_pts: int, time_base: Fraction) -> tuple[SegmentRun, ...]:
    """Return a film's cuts, those in a row that are equally long as one.

    Args:
        cuts: In their order.
        origin_pts: Of the film's first frame.
        time_base: Seconds a tick.
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
    """Return how many frames the shortest and the longest segment have.

    Raises:
        ValueError: If there is no segment.
    """
    return min(each.frames for each in cuts), max(each.frames for each in cuts)
