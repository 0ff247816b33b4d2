"""Colors averaged from anchor to anchor, and blended for the frames between two anchors."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from colorworker.color.palette import Palette, read_palette
from colorworker.color.temporal import (
    PaletteEstimate,
    WarpedAnchor,
    average_with_later,
    blend_between,
)
from colorworker.domain.options import Options
from colorworker.media.opticalflow import FlowPath, compose, resize, resize_channels, upscale, warp
from colorworker.pipeline.propagation.framestate import (
    AnchorColors,
    ColoredFrame,
    FlowPair,
    InBetweenFrame,
    LookaheadFrame,
    PredictedAnchor,
    SettledAnchor,
    propagation_error,
)
from colorworker.pipeline.propagation.propagationsetup import PropagationSetup
from colorworker.pipeline.propagation.upsample import fit_anchor_planes

Floats = npt.NDArray[np.float32]


def settle_anchors(
    frames: Iterator[PredictedAnchor | InBetweenFrame | LookaheadFrame],
    setup: PropagationSetup,
    options: Options,
) -> Iterator[SettledAnchor | InBetweenFrame]:
    """Average the chroma of every anchor with that of the anchors after it in its shot.

    Raises:
        OutputMismatch: If a frame of a shot has no motion from the previous one.
    """
    settling = _Settling(setup.frame_count, options)
    for frame in frames:
        yield from settling.add(frame)
    yield from settling.end_shot()


class _Settling:
    """Holds frames until all frames have arrived that the colors of the first one depend on."""

    def __init__(self, frame_count: int, options: Options) -> None:
        self._frame_count = frame_count
        self._anchors = options.settle_anchors
        self._reach = options.anchor_interval * options.settle_anchors
        self._held: deque[PredictedAnchor | InBetweenFrame | LookaheadFrame] = deque()
        self._earlier: AnchorColors | None = None

    def add(
        self, frame: PredictedAnchor | InBetweenFrame | LookaheadFrame
    ) -> Iterator[SettledAnchor | InBetweenFrame]:
        """Take the next frame; yield the frames that are complete."""
        if isinstance(frame, PredictedAnchor) and frame.link is None:
            yield from self.end_shot()
        self._held.append(frame)
        while self._held and _index(self._held[0]) + self._reach <= _index(frame):
            yield from self._release_first()

    def end_shot(self) -> Iterator[SettledAnchor | InBetweenFrame]:
        """Yield all frames that are held."""
        while self._held:
            yield from self._release_first()

    def _release_first(self) -> Iterator[SettledAnchor | InBetweenFrame]:
        first = self._held.popleft()
        if isinstance(first, PredictedAnchor):
            yield SettledAnchor(first.decoded, first.link, self._settle(first))
        elif isinstance(first, InBetweenFrame):
            yield first
        # A LookaheadFrame is only needed for the paths of frames before it.

    def _settle(self, anchor: PredictedAnchor) -> AnchorColors:
        own = anchor.colors
        if not self._anchors:
            return own
        others = list(self._later_anchors())
        # The last anchor of a shot has no later ones, and its colors would jump, so average it with
        # the previous one. Not beyond the segment's end: the next segment does not know that
        # anchor, and both must choose the same colors.
        inside = anchor.decoded.index < self._frame_count
        if not others and self._earlier and anchor.link and inside:
            others = [(self._earlier, anchor.link.to_anchor)] * (self._anchors + 1)
        shape = own.luma.shape
        chroma = average_with_later(
            own.luma,
            own.planes,
            [_warp(colors, path) for colors, path in others],
            [estimate_from_palette(colors.palette, own.flow_luma, shape) for colors, _ in others],
        )
        if anchor.kept is not None:
            chroma = anchor.kept * own.planes + (1 - anchor.kept) * chroma
        self._earlier = replace(own, planes=chroma)
        return self._earlier

    def _later_anchors(self) -> Iterator[tuple[AnchorColors, FlowPath]]:
        """Yield the colors of each anchor held, and the path to it from the last frame released."""
        path: FlowPath | None = None
        held = list(self._held)
        while held and not isinstance(held[-1], PredictedAnchor):
            held.pop()
        for frame in held:
            flow = _flow(frame)
            path = compose(path, flow.forward) if path else flow.forward
            if isinstance(frame, PredictedAnchor):
                yield frame.colors, path


def _index(frame: PredictedAnchor | InBetweenFrame | LookaheadFrame) -> int:
    return frame.index if isinstance(frame, LookaheadFrame) else frame.decoded.index


def _flow(frame: PredictedAnchor | InBetweenFrame | LookaheadFrame) -> FlowPair:
    if isinstance(frame, LookaheadFrame):
        return frame.flow
    if frame.link is None:
        raise propagation_error(frame.decoded.index, "it has no motion from the previous frame")
    return frame.link.flow


@dataclass(frozen=True)
class _FittedAnchor:
    """An anchor with planes that frames can take their colors from."""

    index: int
    colors: AnchorColors


def interpolate_between_anchors(
    frames: Iterator[SettledAnchor | InBetweenFrame], setup: PropagationSetup
) -> Iterator[ColoredFrame]:
    """Yield every frame of the segment, in order, with the planes of its chroma.

    Anchors keep their own colors; frames between two anchors get a blend of both.

    Raises:
        OutputMismatch: If there is no anchor on one side of a frame, or no motion leads there.
    """
    earlier: _FittedAnchor | None = None
    waiting: list[InBetweenFrame] = []
    for frame in frames:
        if isinstance(frame, InBetweenFrame):
            waiting.append(frame)
            continue
        index = frame.decoded.index
        planes = fit_anchor_planes(setup.upsampler, frame.decoded.guide, frame.colors.planes)
        later = _FittedAnchor(index, replace(frame.colors, planes=planes))
        if waiting:
            if earlier is None or frame.link is None:
                raise propagation_error(
                    waiting[0].decoded.index, "no anchors of its shot around it"
                )
            yield from _interpolate(earlier, waiting, later, frame.link.flow.forward, setup)
            waiting = []
        if index >= setup.frame_count:
            return
        yield ColoredFrame(frame.decoded, planes)
        earlier = later
    if waiting:
        raise propagation_error(waiting[0].decoded.index, "no anchor after it")


def _interpolate(
    earlier: _FittedAnchor,
    waiting: list[InBetweenFrame],
    later: _FittedAnchor,
    arriving: FlowPath,
    setup: PropagationSetup,
) -> Iterator[ColoredFrame]:
    """Yield the frames between two anchors; `arriving` leads from the last of them to `later`."""
    paths_to_later = [arriving]
    for frame in reversed(waiting[1:]):
        paths_to_later.append(compose(frame.link.flow.forward, paths_to_later[-1]))
    one, other = earlier.colors, later.colors
    for frame in waiting:
        decoded = frame.decoded
        share = (decoded.index - earlier.index) / (later.index - earlier.index)
        luma = setup.normalized(decoded.guide)
        palette = np.float32(1 - share) * one.palette + np.float32(share) * other.palette
        planes = blend_between(
            luma,
            _warp(one, frame.link.to_anchor),
            _warp(other, paths_to_later.pop()),
            estimate_from_palette(palette, decoded.flow_luma, luma.shape),
            share,
        )
        yield ColoredFrame(decoded, planes)


def _warp(colors: AnchorColors, path: FlowPath) -> WarpedAnchor:
    """Return an anchor's colors moved to the frame that the path begins at."""
    motion, trust = upscale(path, colors.luma.shape)
    luma, *planes = warp(colors.layers, motion)
    return WarpedAnchor(luma, planes[: len(colors.planes)], trust)


def estimate_from_palette(
    palette: Palette, flow_luma: Floats, shape: tuple[int, ...]
) -> PaletteEstimate:
    """Return a palette's estimate of a frame's colors, at the grid's shape."""
    # An estimate may be coarse: at half the size of motion it takes a quarter of the time.
    height, width = flow_luma.shape
    coarse = resize(flow_luma, (-(-height // 2), -(-width // 2)))
    spread = resize_channels(palette.reshape(*palette.shape[:2], -1), coarse.shape)
    planes, confidence = read_palette(spread, coarse)
    # Weighted, because planes are 0 where the palette is empty, which is a strong color.
    planes *= confidence
    certain = resize(confidence, shape)
    weighted = [resize(plane, shape) for plane in planes]
    weights = np.maximum(certain, np.float32(1e-6))
    for plane in weighted:
        plane /= weights
    return PaletteEstimate(weighted, certain)
