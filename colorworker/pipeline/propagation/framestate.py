"""The values that the stages of propagation yield: one frozen type for each stage.

    DecodedFrame                                      luma at all the sizes that later stages need
    MarkedFrame                                       + whether a shot starts
    MovingFrame                                       + motion from the previous frame
    AnchorFrame | InBetweenFrame | LookaheadFrame     + its part in the shot, path to the anchor
    PredictedAnchor | ...                             + colors
    SettledAnchor | InBetweenFrame                    + colors averaged with those of later anchors
    ColoredFrame                                      the planes that chroma codes are made from

A value holds the value of the stage before, so no array is copied.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from colorworker.color.palette import Palette, build_palette
from colorworker.errors import OutputMismatch
from colorworker.media.opticalflow import FlowPath, pack_channels, resize
from colorworker.media.planes import Plane
from colorworker.media.shotdetection import SmallLuma

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DecodedFrame:
    """The luma of one frame at several sizes."""

    index: int
    """Number of the frame in its segment, from 0."""
    full_luma: Plane
    """Codes at the frame's own size."""
    luma: Plane
    """Codes at the size of the chroma planes."""
    guide: Plane
    """Codes at the size of the grid, see `ChromaUpsampler.grid`."""
    small: SmallLuma
    """Luma that shot detection compares."""
    flow_luma: Floats
    """Normalized luma at the size that motion is estimated at."""


@dataclass(frozen=True)
class MarkedFrame:
    """A frame and its place in its shot."""

    decoded: DecodedFrame
    starts_shot: bool
    hidden: bool
    """True if a flash, or damage of a few frames, hides the scene."""


@dataclass(frozen=True)
class FlowPair:
    """Motion between a frame and the previous one."""

    forward: FlowPath
    """From the previous frame to this one."""
    backward: FlowPath
    """From this frame to the previous one."""


@dataclass(frozen=True)
class MovingFrame:
    """A frame and its motion from the previous frame."""

    decoded: DecodedFrame
    hidden: bool
    flow: FlowPair | None
    """None if and only if the frame starts a shot."""

    @property
    def index(self) -> int:
        """Number of the frame in its segment, from 0."""
        return self.decoded.index


@dataclass(frozen=True)
class AnchorLink:
    """How a frame is connected to the anchor before it in its shot."""

    flow: FlowPair
    """Motion from the previous frame."""
    to_anchor: FlowPath
    """From the frame to that anchor."""


@dataclass(frozen=True)
class AnchorFrame:
    """A frame whose colors the network will predict."""

    decoded: DecodedFrame
    proxy: Plane
    """Luma codes at the shape that the network works at."""
    link: AnchorLink | None
    """None if the anchor starts a shot, or if every frame is an anchor."""


@dataclass(frozen=True)
class InBetweenFrame:
    """A frame of the segment that takes its colors from the anchors around it."""

    decoded: DecodedFrame
    link: AnchorLink


@dataclass(frozen=True)
class LookaheadFrame:
    """A frame between two anchors after the segment's end, where only motion is needed."""

    index: int
    flow: FlowPair


@dataclass(frozen=True)
class AnchorColors:
    """Colors of an anchor, and the luma that other frames are compared with."""

    luma: Floats
    """Normalized luma (h, w) at the grid's shape."""
    flow_luma: Floats
    """Normalized luma at the size that motion is estimated at."""
    planes: Floats
    """On the chroma table's axes, at the grid's shape: (2, h, w), or (4, h, w) with slopes."""

    @cached_property
    def layers(self) -> list[Floats]:
        """Luma and planes, packed for `opticalflow.warp`."""
        return pack_channels([self.luma, *self.planes])

    @cached_property
    def palette(self) -> Palette:
        """Mean of the planes by place and luma."""
        small = [resize(plane, self.flow_luma.shape) for plane in self.planes]
        return build_palette(self.flow_luma, np.stack(small))


@dataclass(frozen=True)
class PredictedAnchor:
    """An anchor with the network's colors, and known ones in their place."""

    decoded: DecodedFrame
    link: AnchorLink | None
    colors: AnchorColors
    kept: Floats | None = None
    """Share of each pixel, at the grid's shape, whose color a person gave and that keeps it."""


@dataclass(frozen=True)
class SettledAnchor:
    """An anchor whose colors have been averaged with those of later anchors of its shot."""

    decoded: DecodedFrame
    link: AnchorLink | None
    colors: AnchorColors


@dataclass(frozen=True)
class ColoredFrame:
    """A frame and the planes that its chroma codes are made from."""

    decoded: DecodedFrame
    planes: Floats
    """From `fit_anchor_planes`, or a blend of such planes."""


def propagation_error(index: int, seen: str) -> OutputMismatch:
    """Return the error for a frame that no color can be propagated to.

    Args:
        index: Number of the frame in its segment.
        seen: What is missing.
    """
    return OutputMismatch(
        f"frame {index} of the segment", seen, "Color it with --per-frame and report the film"
    )
