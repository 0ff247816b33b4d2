"""A film's shots: what the segments' logs say, joined into one list that knows no segments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from colorworker.domain.timeline import Timeline

Transition = Literal["start", "cut", "fade", "dissolve"]
"""How a shot takes the place of the one before; `start` is the film's first."""


@dataclass(frozen=True)
class Shot:
    """One shot of a film, as its report lists it."""

    number: int
    """From 1, in the order they are shown."""
    start_pts: int
    """Of the first frame that shows anything of it; in a dissolve that is a mean of two shots."""
    start_seconds: float
    """The same from the film's first frame on, to the millisecond."""
    frames: int
    transition: Transition


@dataclass(frozen=True)
class Start:
    """Where a shot begins, as a segment's record says it."""

    start_pts: int
    end_pts: int
    """Of the first frame that shows nothing of the shot before."""
    transition: Transition


def shots_of(starts: Iterable[Start], timeline: Timeline) -> list[Shot]:
    """Return the film's shots, each once.

    Args:
        starts: Of all segments, in any order. A dissolve that crosses a border can be among them
            twice, whole and as the rest of it that the later segment has seen: the first counts.
        timeline: Of the film.
    """
    first_pts = int(timeline.pts[0])
    kept = [Start(first_pts, first_pts, "start")]
    for start in sorted(starts, key=lambda each: (each.start_pts, -each.end_pts)):
        # A part of a film ends where its last segment has looked beyond.
        if first_pts < start.start_pts <= timeline.pts[-1] and start.start_pts >= kept[-1].end_pts:
            kept.append(start)
    frames = timeline.pts.searchsorted([start.start_pts for start in kept]).tolist()
    ends = [*frames[1:], len(timeline.pts)]
    return [
        Shot(
            number,
            start.start_pts,
            round(float((start.start_pts - first_pts) * timeline.time_base), 3),
            end - begin,
            start.transition,
        )
        for number, (start, begin, end) in enumerate(zip(kept, frames, ends, strict=True), start=1)
    ]


def starts_from_json(values: Sequence[dict[str, Any]]) -> list[Start]:
    """Return the starts that a segment's record holds."""
    return [Start(**value) for value in values]


def timecode(seconds: float) -> str:
    """Return a time as `HH:MM:SS.mmm`."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
