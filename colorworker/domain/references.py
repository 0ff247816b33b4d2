"""Reference frames: frames of a film that a person has colored, and the frames they give color to.

A folder of references holds `<key of the film>/ref_000040.png`, where 40 is the frame's index in
presentation order, counted from 0. The names are those that HAVC and CMNET2 use.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Reach = Literal["shot", "film"]
"""Which frames a reference gives color to: `shot`, only those of its own shot; `film`, also those
of the shots without references that look most like its shot."""

_NAME = re.compile(r"ref_(\d{1,9})\.(?:png|jpe?g)", re.IGNORECASE)
_PICTURE = re.compile(r".*\.(?:png|jpe?g)", re.IGNORECASE)


class ReferenceFrame(NamedTuple):
    """A picture that gives its colors to the frames with first <= index < end of a film."""

    frame: int
    """Index of the frame that the picture shows, counted from 0 in presentation order."""
    key: str
    """Key of the picture in the store of references."""
    etag: str
    first: int = 0
    end: int | None = None
    """None for the film's end."""

    def colors(self, frame: int) -> bool:
        """Return whether the picture gives color to the frame with this index."""
        return self.first <= frame and (self.end is None or frame < self.end)


@dataclass(frozen=True)
class ShotBoundary:
    """Where a shot begins, by indexes of frames in the film."""

    frame: int
    """First frame that shows any of the shot."""
    settled: int
    """First frame that shows nothing of the shot before; the same frame if it follows a cut."""


@dataclass(frozen=True)
class ShotsFound:
    """The shots that begin in one stretch of a film."""

    first_frame: int
    """Index of the stretch's first frame in the film."""
    frames: int
    boundaries: tuple[ShotBoundary, ...] = ()
    """After the first frame, up to and including the first frame after the stretch."""


def reference_name(frame: int) -> str:
    """Return the file name of the reference of a frame."""
    return f"ref_{frame:06d}.png"


def reference_number(name: str) -> int | None:
    """Return the index of the frame that a file name stands for; None if it stands for none."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None


def is_picture_name(name: str) -> bool:
    """Return whether a file is a picture of a format that references can have."""
    return _PICTURE.fullmatch(name) is not None


def shot_starts(found: Iterable[ShotsFound]) -> list[int]:
    """Return the index of the first frame of every shot, in order.

    Args:
        found: What was found in each stretch of the film, in order. A dissolve across the border of
            two stretches can be in both; the first one counts.
    """
    stretches = list(found)
    kept = [ShotBoundary(stretches[0].first_frame, stretches[0].first_frame)]
    end = stretches[-1].first_frame + stretches[-1].frames
    boundaries = [each for stretch in stretches for each in stretch.boundaries]
    for each in sorted(boundaries, key=lambda boundary: (boundary.frame, -boundary.settled)):
        if kept[-1].frame < each.frame < end and each.frame >= kept[-1].settled:
            kept.append(each)
    return [each.frame for each in kept]


def references_of_stretch(
    references: Iterable[ReferenceFrame], starts: Sequence[int], stretch: ShotsFound, last: bool
) -> tuple[ReferenceFrame, ...]:
    """Return the references that give color to frames of a stretch, each with its shot's range.

    Args:
        references: All references of the film.
        starts: From `shot_starts`.
        stretch: The stretch.
        last: Whether it is the film's last one. It also gets the references of frames that follow
            it, with an empty range, so that somebody reports frames that do not exist.
    """
    first, end = stretch.first_frame, stretch.first_frame + stretch.frames
    found = []
    for each in references:
        shot = bisect_right(starts, each.frame) - 1
        begin = starts[max(shot, 0)]
        stop = starts[shot + 1] if shot + 1 < len(starts) else None
        if last and each.frame >= end:
            found.append(each._replace(first=each.frame, end=each.frame))
        elif shot >= 0 and begin < end and (stop is None or first < stop):
            found.append(each._replace(first=begin, end=stop))
    return tuple(found)
