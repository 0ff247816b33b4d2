"""Colors from anchor to anchor, and from two anchors to the frames between them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from colorworker.color.palette import Palette, read
from colorworker.color.temporal import Carried, Surmised, between, settle
from colorworker.domain.options import Options
from colorworker.media.opticalflow import Path, carried, enlarged, interpolated, resized, through
from colorworker.media.planes import Frame
from colorworker.pipeline.propagation.framestate import Canvas, Colors, Moment
from colorworker.pipeline.propagation.upsample import ready

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Colored:
    """A frame of the segment, and the planes that its codes are made of."""

    frame: Frame
    moment: Moment
    planes: Floats
    """From `brush.ready`, or between such planes."""


@dataclass(frozen=True)
class _Anchor:
    """An anchor that frames follow."""

    index: int
    colors: Colors


def settled(moments: Iterator[Moment], options: Options) -> Iterator[Moment]:
    """Average the chroma of anchors with that of the anchors behind them in their shot."""
    settling = _Settling(options)
    for moment in moments:
        yield from settling.add(moment)
    yield from settling.rest()


class _Settling:
    """Holds moments until all is there that the colors of the first one depend on."""

    def __init__(self, options: Options) -> None:
        self._anchors = options.settle_anchors
        self._reach = options.anchor_interval * options.settle_anchors
        self._held: deque[Moment] = deque()
        self._earlier: Colors | None = None

    def add(self, moment: Moment) -> Iterator[Moment]:
        """Take the next moment; yield those that nothing more is needed for."""
        if moment.starts_shot:
            yield from self.rest()
        self._held.append(moment)
        while self._held and self._held[0].index + self._reach <= moment.index:
            yield self._first()

    def rest(self) -> Iterator[Moment]:
        """Yield what is held: the shot is over."""
        while self._held:
            yield self._first()

    def _first(self) -> Moment:
        first = self._held.popleft()
        own = first.colors
        if own is None or not self._anchors:
            return first
        others = list(self._later())
        # A shot's last anchor would jump from the colors before it; what lies behind the border is
        # left alone, because the next segment does not know what was before.
        if not others and self._earlier and first.back and first.frame:
            others = [(self._earlier, first.back)] * (self._anchors + 1)
        shape = own.look.shape
        chroma = settle(
            own.look,
            own.planes,
            [_carried(colors, path) for colors, path in others],
            [_surmised(colors.palette, own.flow_look, shape) for colors, _ in others],
        )
        self._earlier = replace(own, planes=chroma)
        return replace(first, colors=self._earlier)

    def _later(self) -> Iterator[tuple[Colors, Path]]:
        """Yield the anchors that are held, and the paths to them from the one just taken out."""
        path: Path | None = None
        for moment in self._held:
            if moment.motion is None:
                return
            path = through(path, moment.motion.to_here) if path else moment.motion.to_here
            if moment.colors is not None:
                yield moment.colors, path


def followed(moments: Iterator[Moment], canvas: Canvas) -> Iterator[Colored]:
    """Yield the segment's frames with the planes they follow, anchors with their own."""
    earlier: _Anchor | None = None
    waiting: list[Moment] = []
    for moment in moments:
        if moment.colors is None:
            waiting.append(moment)
            continue
        planes = ready(canvas.brush, moment.guide, moment.colors.planes)
        later = _Anchor(moment.index, replace(moment.colors, planes=planes))
        if earlier is not None and moment.motion is not None:
            yield from _between(earlier, waiting, later, moment.motion.to_here, canvas)
        waiting = []
        if moment.frame is None:
            return
        yield Colored(moment.frame, moment, planes)
        earlier = later


def _between(
    earlier: _Anchor, waiting: list[Moment], later: _Anchor, arriving: Path, canvas: Canvas
) -> Iterator[Colored]:
    """Yield the frames between two anchors, `arriving` being the path into the later one."""
    onward: list[Path] = []
    for moment in reversed(waiting):
        onward.append(arriving)
        if moment.motion is not None:
            arriving = through(moment.motion.to_here, arriving)
    one, other = earlier.colors, later.colors
    for moment in waiting:
        ahead = onward.pop()
        if moment.frame is None or moment.back is None:
            continue
        share = (moment.index - earlier.index) / (later.index - earlier.index)
        own = canvas.look(moment.guide)
        palette = np.float32(1 - share) * one.palette + np.float32(share) * other.palette
        planes = between(
            own,
            _carried(one, moment.back),
            _carried(other, ahead),
            _surmised(palette, moment.flow_look, own.shape),
            share,
        )
        yield Colored(moment.frame, moment, planes)


def _carried(colors: Colors, path: Path) -> Carried:
    """Return an anchor's colors where a path leads to it."""
    at, trust = enlarged(path, colors.look.shape)
    look, *planes = carried(colors.layers, at)
    return Carried(look, planes[: len(colors.planes)], trust)


def _surmised(palette: Palette, flow_look: Floats, shape: tuple[int, ...]) -> Surmised:
    """Return what a palette says of a frame, at the grid's shape."""
    # Colors that are only surmised may be coarse: half the size of motion, a quarter of the time.
    height, width = flow_look.shape
    coarse = resized(flow_look, (-(-height // 2), -(-width // 2)))
    spread = interpolated(palette.reshape(*palette.shape[:2], -1), coarse.shape)
    planes, known = read(spread, coarse)
    return Surmised([resized(plane, shape) for plane in planes], resized(known, shape))
