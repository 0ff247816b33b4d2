"""The shots of a film, merged from what its segments recorded."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from colorworker.domain.timeline import Timeline

Transition = Literal["start", "cut", "fade", "dissolve"]
"""How a shot follows the previous one; `start` is the film's first shot."""


@dataclass(frozen=True)
class Shot:
    """One shot of a film."""

    number: int
    """From 1, in the order they are shown."""
    start_pts: int
    """Timestamp of the first frame that shows any of it; in a dissolve that frame mixes two shots.
    """
    start_seconds: float
    """Time since the film's first frame, to the millisecond."""
    frames: int
    transition: Transition


class ShotSheet(NamedTuple):
    """The JPEG with a small picture of every shot of a film."""

    key: str
    height: int
    """Height of each picture in pixels."""
    width: int


@dataclass(frozen=True)
class RecordedStart:
    """Where a shot begins, as a segment recorded it."""

    start_pts: int
    end_pts: int
    """Timestamp of the first frame that shows nothing of the previous shot."""
    transition: Transition


def merge_shots(starts: Iterable[RecordedStart], timeline: Timeline) -> list[Shot]:
    """Return the film's shots, each once.

    Args:
        starts: Shot starts of all segments, in any order. A dissolve across a segment border can
            occur twice, whole and as the rest that the later segment saw; the first one counts.
        timeline: The film's timeline.
    """
    first_pts = int(timeline.pts[0])
    kept = [RecordedStart(first_pts, first_pts, "start")]
    for start in sorted(starts, key=lambda each: (each.start_pts, -each.end_pts)):
        # The last segment of an excerpt looks at frames beyond the excerpt's end.
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


def timecode(seconds: float) -> str:
    """Return a time as `HH:MM:SS.mmm`."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
