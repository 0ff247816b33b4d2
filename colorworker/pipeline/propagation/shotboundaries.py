"""Find the shots of a segment while its frames pass, and log where they begin.

A log covers the frames after the segment's first one, up to and including the first frame of the
next segment, because only this segment has the frames before that one. So the joined logs of all
segments hold every shot but the film's first, and each once; only a dissolve across a border can be
in two logs.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from colorworker.domain.shots import Transition
from colorworker.media import shotdetection
from colorworker.media.dissolves import Dissolve, DissolveDetector

T = TypeVar("T")

_FADED = 0.7
"""Share of the contrast a few frames away, below which a picture is fading in or out."""
_SHORTEST_FRAMES = 3
"""Minimum length of a shot, in frames. An earlier change is a blot on one of the first frames."""


class ComparableFrame(Protocol):
    """A frame of the segment or of its look-ahead."""

    @property
    def index(self) -> int:
        """Number of the frame in the segment, from 0."""
        ...

    @property
    def small(self) -> shotdetection.SmallLuma:
        """Luma, from `shotdetection.small_luma`."""
        ...


C = TypeVar("C", bound=ComparableFrame)


@dataclass(frozen=True)
class ShotStart:
    """The first frame that shows anything of a shot, and the transition from the shot before."""

    index: int
    """Number of the frame in its segment; equal to the segment's frame count, it is the first frame
    of the next segment."""
    transition: Transition
    frames: int = 0
    """Frames of a dissolve; 0 for other transitions."""


def detect_shots(
    frames: Iterator[C], frame_count: int, log: list[ShotStart]
) -> Iterator[tuple[C, bool, bool]]:
    """Yield every frame, whether a shot starts with it, and whether a flash or damage hides it.

    A flash or damage of a few frames ends no shot. The first frame of the next segment never counts
    as hidden.

    The segment's first frame always starts a shot, because the frames before it are unknown. A
    dissolve starts none, because the picture changes gradually: it is only logged.

    Args:
        frames: In order: the segment's frames, then its look-ahead.
        frame_count: Frames of the segment, without the look-ahead.
        log: Receives the shots that begin after the first frame, the next segment's first
            included. A dissolve is added when it has ended, so after cuts at the same place.
    """
    detector, dissolves = _ShotDetector(), DissolveDetector()
    for window in with_lookahead(frames, shotdetection.FRAMES_AHEAD):
        frame, after = window[0], [each.small for each in window]
        transition = detector.see(frame.index, after)
        if transition or shotdetection.is_flat(frame.small):
            if transition:
                _log_dissolve(dissolves.finish(), frame_count, log)
            dissolves = DissolveDetector(frame.index)
        _log_dissolve(dissolves.add(frame.small), frame_count, log)
        if frame.index > frame_count:
            # The caller may stop at any of these frames.
            _log_dissolve(dissolves.current(), frame_count, log)
        if transition and 0 < frame.index <= frame_count:
            log.append(ShotStart(frame.index, transition))
        hidden = frame.index != frame_count and detector.hides(frame.index)
        yield frame, transition is not None, hidden
        if frame.index == frame_count:
            # The next segment begins here and does not know the frames before. Start anew as it
            # does, or the two segments would choose different anchors.
            detector = _ShotDetector()
            detector.see(frame.index, after)
    _log_dissolve(dissolves.finish(), frame_count, log)


def _log_dissolve(dissolve: Dissolve | None, frame_count: int, log: list[ShotStart]) -> None:
    if dissolve is None or not 0 < dissolve.first <= frame_count:
        return
    start = ShotStart(dissolve.first, "dissolve", dissolve.end - dissolve.first)
    if log and log[-1].index == start.index:
        log[-1] = start
    else:
        log.append(start)


class _ShotDetector:
    """Finds cuts and fades from the frames since a segment's first one."""

    def __init__(self) -> None:
        self._before: deque[shotdetection.SmallLuma] = deque(maxlen=shotdetection.FRAMES_BEHIND)
        self._shown: shotdetection.SmallLuma | None = None
        """The last frame that was not flat."""
        self._faded = False
        """Whether that frame had less contrast than those before it."""
        self._flat = False
        """Whether the picture is blank at the moment."""
        self._quiet_end = 0
        self._flash_end = 0

    def see(self, index: int, after: Sequence[shotdetection.SmallLuma]) -> Transition | None:
        """Take the next frame.

        Args:
            index: Number of the frame in the segment.
            after: Luma of the frame and of those that follow it.

        Returns:
            The transition to the shot that starts with the frame; None if none starts.
        """
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
        """Return whether the frame that was taken last, with this index, is part of a flash."""
        return index < self._flash_end

    def _transition(
        self, index: int, after: Sequence[shotdetection.SmallLuma]
    ) -> Transition | None:
        if not self._before:
            self._flat = shotdetection.is_flat(after[0])
            return "cut"
        if shotdetection.is_flat(after[0]):
            self._flat = True
            return None
        if self._flat:
            # At the end of a fade, contrast hovers around the threshold.
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


def _is_alike(shown: shotdetection.SmallLuma, after: Sequence[shotdetection.SmallLuma]) -> bool:
    return not all(shotdetection.is_dissimilar(shown, each) for each in (after[0], after[-1]))


def _is_fainter(frame: shotdetection.SmallLuma, other: shotdetection.SmallLuma) -> bool:
    return float(frame.std()) < _FADED * float(other.std())


def with_lookahead(items: Iterator[T], ahead: int) -> Iterator[list[T]]:
    """Yield a list of every item and the `ahead` items that follow it, fewer at the end."""
    held: deque[T] = deque()
    for item in items:
        held.append(item)
        if len(held) > ahead:
            yield list(held)
            held.popleft()
    while held:
        yield list(held)
        held.popleft()
