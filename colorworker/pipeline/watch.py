"""Where shots begin among the frames of a segment, marked as they pass and logged.

A log holds what is behind the segment's first frame, up to and including the first frame of the
next segment: that one alone sees what was before it. So the logs of all segments, joined, hold
every shot but the film's first, and each once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from colorworker.media import shots

Transition = Literal["cut"]
T = TypeVar("T")


class Watchable(Protocol):
    """A frame of the segment, or behind its end."""

    @property
    def index(self) -> int:
        """Of the frame in the segment, from 0."""
        ...

    @property
    def small(self) -> shots.Small:
        """Its luma, as `shots` compares it."""
        ...


W = TypeVar("W", bound=Watchable)


@dataclass(frozen=True)
class ShotStart:
    """The first frame of a shot, and how the shot before it gave way."""

    index: int
    """Of the frame in its segment; the segment's frame count is the next one's first frame."""
    transition: Transition


def watched(
    frames: Iterator[W], frame_count: int, log: list[ShotStart]
) -> Iterator[tuple[W, bool]]:
    """Yield every frame with whether a shot starts there; a flash of a few frames starts none.

    The segment's first frame always starts one: what was before it is not known.

    Args:
        frames: In order; a few more than `frame_count`, which is the segment's.
        frame_count: Of the segment.
        log: Gets the shots that begin behind the first frame, the next segment's first included.
    """
    before: deque[shots.Small] = deque(maxlen=shots.FRAMES_BEHIND)
    flash_end = 0
    for window in windows(frames, shots.FRAMES_AHEAD):
        frame, after = window[0], [each.small for each in window]
        starts_shot = not before
        if before and frame.index > flash_end and shots.is_cut(before, after):
            length = shots.flash_frames(before[-1], after)
            flash_end = frame.index + length
            starts_shot = length == 0
        if starts_shot and 0 < frame.index <= frame_count:
            log.append(ShotStart(frame.index, "cut"))
        yield frame, starts_shot
        if frame.index == frame_count:
            # The next segment begins here and does not know what was before; nor must we.
            flash_end = 0
            before.clear()
        before.append(frame.small)


def windows(items: Iterator[T], ahead: int) -> Iterator[list[T]]:
    """Yield every item with up to `ahead` following ones, fewer at the end."""
    held: deque[T] = deque()
    for item in items:
        held.append(item)
        if len(held) > ahead:
            yield list(held)
            held.popleft()
    while held:
        yield list(held)
        held.popleft()
