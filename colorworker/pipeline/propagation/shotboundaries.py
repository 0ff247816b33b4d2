"""Where shots begin among the frames of a segment, marked as they pass and logged.

A log holds what is behind the segment's first frame, up to and including the first frame of the
next segment: that one alone sees what was before it. So the logs of all segments, joined, hold
every shot but the film's first, and each once; only a dissolve across a border can be in two.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from colorworker.domain.shots import Transition
from colorworker.media import shotdetection
from colorworker.media.dissolves import Dissolve, DissolveWatch

T = TypeVar("T")

_FADED = 0.7
"""Share of the contrast a few frames away, below which a picture is on its way to or from black."""
_SHORTEST_FRAMES = 3
"""Of a shot; what seems to end one sooner is a blot on one of its first frames."""


class Watchable(Protocol):
    """A frame of the segment, or behind its end."""

    @property
    def index(self) -> int:
        """Of the frame in the segment, from 0."""
        ...

    @property
    def small(self) -> shotdetection.Small:
        """Its luma, as `shots` compares it."""
        ...


W = TypeVar("W", bound=Watchable)


@dataclass(frozen=True)
class ShotStart:
    """The first frame that shows anything of a shot, and how the shot before it gave way."""

    index: int
    """Of the frame in its segment; the segment's frame count is the next one's first frame."""
    transition: Transition
    frames: int = 0
    """Of a dissolve; 0 for everything else."""


def watched(
    frames: Iterator[W], frame_count: int, log: list[ShotStart]
) -> Iterator[tuple[W, bool, bool]]:
    """Yield every frame with whether a shot starts there and whether a flash or damage hides it.

    What hides a shot for a few frames ends none, and the next segment's first frame counts as seen.

    The segment's first frame always starts one: what was before it is not known. In a dissolve none
    is said to start, because what is in the picture goes on: it is in the log alone.

    Args:
        frames: In order; a few more than `frame_count`, which is the segment's.
        frame_count: Of the segment.
        log: Gets the shots that begin behind the first frame, the next segment's first included;
            a dissolve when it has ended, so later than cuts at the same place.
    """
    watch, dissolves = _Watch(), DissolveWatch()
    for window in windows(frames, shotdetection.FRAMES_AHEAD):
        frame, after = window[0], [each.small for each in window]
        transition = watch.see(frame.index, after)
        if transition or shotdetection.is_flat(frame.small):
            if transition:
                _log_dissolve(dissolves.end(), frame_count, log)
            dissolves = DissolveWatch(frame.index)
        _log_dissolve(dissolves.see(frame.small), frame_count, log)
        if frame.index > frame_count:
            # Whoever takes the frames may stop at any of these.
            _log_dissolve(dissolves.so_far(), frame_count, log)
        if transition and 0 < frame.index <= frame_count:
            log.append(ShotStart(frame.index, transition))
        yield frame, transition is not None, frame.index != frame_count and watch.hides(frame.index)
        if frame.index == frame_count:
            # The next segment begins here and does not know what was before; nor must we.
            watch = _Watch()
            watch.see(frame.index, after)
    _log_dissolve(dissolves.end(), frame_count, log)


def _log_dissolve(dissolve: Dissolve | None, frame_count: int, log: list[ShotStart]) -> None:
    if dissolve is None or not 0 < dissolve.first <= frame_count:
        return
    start = ShotStart(dissolve.first, "dissolve", dissolve.end - dissolve.first)
    if log and log[-1].index == start.index:
        log[-1] = start
    else:
        log.append(start)


class _Watch:
    """What has been seen since a segment's first frame, as far as cuts and fades depend on it."""

    def __init__(self) -> None:
        self._before: deque[shotdetection.Small] = deque(maxlen=shotdetection.FRAMES_BEHIND)
        self._shown: shotdetection.Small | None = None
        """The last frame that was not flat."""
        self._faded = False
        """That frame was fainter than those before it."""
        self._flat = False
        """Nothing is to be seen for the moment."""
        self._quiet_end = 0
        self._flash_end = 0

    def see(self, index: int, after: Sequence[shotdetection.Small]) -> Transition | None:
        """Take a frame and those after it; return how a shot begins with it, None if none does."""
        frame = after[0]
        transition = self._transition(index, after)
        if transition and self._before:
            self._quiet_end = index + _SHORTEST_FRAMES - 1
        if not self._flat:
            self._faded = bool(self._before) and _is_fainter(frame, self._before[0])
            self._shown = frame
        self._before.append(frame)
        return transition

    def hides(self, index: int) -> bool:
        """Return whether the frame that was taken last, with this index, is one of a flash."""
        return index < self._flash_end

    def _transition(self, index: int, after: Sequence[shotdetection.Small]) -> Transition | None:
        if not self._before:
            self._flat = shotdetection.is_flat(after[0])
            return "cut"
        if shotdetection.is_flat(after[0]):
            self._flat = True
            return None
        if self._flat:
            # At the end of a fade contrast hovers about the bound.
            if any(shotdetection.is_flat(each) for each in after):
                return None
            self._flat = False
            if self._shown is not None and _is_alike(self._shown, after):
                return None
            return "fade" if self._faded or _is_fainter(after[0], after[-1]) else "cut"
        if index <= self._quiet_end or not shotdetection.is_cut(list(self._before), after):
            return None
        if length := shotdetection.flash_frames(self._before[-1], after):
            self._quiet_end = self._flash_end = index + length
            return None
        return "cut"


def _is_alike(shown: shotdetection.Small, after: Sequence[shotdetection.Small]) -> bool:
    return not all(shotdetection.is_unlike(shown, each) for each in (after[0], after[-1]))


def _is_fainter(frame: shotdetection.Small, other: shotdetection.Small) -> bool:
    return float(frame.std()) < _FADED * float(other.std())


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
