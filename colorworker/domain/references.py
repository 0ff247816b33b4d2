"""Reference frames: frames of a film that a person has colored, and the frames they give color to.

A folder of references holds `<key of the film>/ref_000040.png`, where 40 is the frame's index in
presentation order, counted from 0. The names are those that HAVC and CMNET2 use.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from colorworker.domain.hints import InputFile

Reach = Literal["shot", "film"]
"""Which frames a reference gives color to: `shot`, only those of its own shot; `film`, also those
of the shots without references that look most like its shot."""

_ALIKE = 0.5
"""Correlation of two shots' looks from which one takes colors from the other."""
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
    root: str = ""
    """URI of the store of the picture; empty for that of the option `references`."""

    @property
    def identity(self) -> tuple[int, str, str, int, int | None]:
        """What an identity contains: the store does not matter, because the content is known."""
        return self.frame, self.key, self.etag, self.first, self.end

    def colors(self, frame: int) -> bool:
        """Return whether the picture gives color to the frame with this index."""
        return self.first <= frame and (self.end is None or frame < self.end)


G = TypeVar("G", ReferenceFrame, InputFile)
"""A file that gives its colors to the frames with first <= index < end of a film."""


@dataclass(frozen=True)
class ShotBoundary:
    """Where a shot begins, by indexes of frames in the film."""

    frame: int
    """First frame that shows any of the shot."""
    settled: int
    """First frame that shows nothing of the shot before; the same frame if it follows a cut."""


class ShotLook(NamedTuple):
    """What a shot looks like."""

    frame: int
    """Index of the shot's first frame in the stretch, as an index of the film."""
    codes: str
    """Mean luma of its frames in the stretch, very small, as hexadecimal codes."""


@dataclass(frozen=True)
class ShotsFound:
    """The shots that begin in one stretch of a film."""

    first_frame: int
    """Index of the stretch's first frame in the film."""
    frames: int
    boundaries: tuple[ShotBoundary, ...] = ()
    """After the first frame, up to and including the first frame after the stretch."""
    looks: tuple[ShotLook, ...] = ()
    """Of the first shot, whenever it began, and of each shot that begins in the stretch."""


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


def assign_references(
    references: Iterable[G], stretches: Sequence[ShotsFound], reach: Reach = "shot"
) -> list[G]:
    """Return the references or hints of a film, each with the range of the shot that it colors.

    References of frames behind the film's end have an empty range. With the reach `film`, the best
    reference for a shot without its own appears again, with the range of that shot.

    Args:
        references: References or hints of the film, each with the index of its frame.
        stretches: All stretches of the film, in order.
        reach: Which shots references give colors to.
    """
    last = stretches[-1]
    starts: list[int] = shot_starts(stretches)
    film_end = last.first_frame + last.frames
    stops: list[int | None] = [*starts[1:], None]
    found: list[G] = []
    own: defaultdict[int, list[G]] = defaultdict(list)
    for each in references:
        frame = each.frame or 0
        if frame >= film_end:
            found.append(each._replace(first=frame, end=frame))
        elif frame >= starts[0]:
            shot = bisect_right(starts, frame) - 1
            own[shot].append(each._replace(first=starts[shot], end=stops[shot]))
    found += [each for shot in sorted(own) for each in own[shot]]
    if reach == "film" and own:
        looks = _looks(starts, stretches)
        for shot, (first, end) in enumerate(zip(starts, stops, strict=True)):
            if shot not in own:
                likeness, best = max((_likeness(looks, shot, other), -other) for other in own)
                if likeness >= _ALIKE:
                    found += [each._replace(first=first, end=end) for each in own[-best]]
    return found


def references_of_stretch(
    assigned: Iterable[G], stretches: Sequence[ShotsFound], index: int
) -> tuple[G, ...]:
    """Return the references or hints that give colors to frames of a stretch.

    The last stretch also gets those of frames behind the film's end, so that somebody reports them.

    Args:
        assigned: From `assign_references`.
        stretches: All stretches of the film, in order.
        index: Index of the stretch.
    """
    first, last = stretches[index].first_frame, index == len(stretches) - 1
    end = first + stretches[index].frames
    return tuple(
        each
        for each in assigned
        if (each.first < end and (each.end is None or first < each.end))
        or (last and each.first >= end)
    )


def _looks(starts: Sequence[int], stretches: Sequence[ShotsFound]) -> list[npt.NDArray[np.float32]]:
    """Return the look of every shot without its mean and contrast, from its first stretch."""
    looks = {look.frame: look.codes for stretch in reversed(stretches) for look in stretch.looks}
    found = []
    for start in starts:
        codes = np.frombuffer(bytes.fromhex(looks.get(start, "")), np.uint8).astype(np.float32)
        codes -= codes.mean() if codes.size else 0
        norm = float(np.sqrt((codes * codes).sum()))
        found.append(codes / norm if norm else codes)
    return found


def _likeness(looks: Sequence[npt.NDArray[np.float32]], one: int, other: int) -> float:
    """Return the correlation of two shots' looks; 0 if one is not known."""
    if looks[one].size != looks[other].size:
        return 0.0
    return float(looks[one] @ looks[other])
