"""A frame on its way through the stages that color a segment, and what they have in common."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from colorworker.color.palette import Palette, gathered
from colorworker.color.temporal import look
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.opticalflow import MIN_SIDE, FlowEstimator, Path, layered, resized
from colorworker.media.planes import Frame, Plane, PlaneScaler, chroma_shape, color_spec
from colorworker.pipeline.propagation.upsample import Brush, brush_for

Floats = npt.NDArray[np.float32]

_FLOW_SIDE = 96
"""Pixels of the shorter side that motion is taken at. At 64 a hand that is thrown up is lost; 128
calm colors no better."""


@dataclass(frozen=True)
class Canvas:
    """What is the same for all frames of a segment."""

    frame_count: int
    pix_fmt: str
    brush: Brush
    flow: FlowEstimator
    to_working: PlaneScaler
    to_small: PlaneScaler
    to_flow: PlaneScaler

    def look(self, codes: Plane) -> Floats:
        """Return what luma codes are compared by."""
        return look(codes, self.brush.table.spec.white_span)


@dataclass(frozen=True)
class Motion:
    """Between a frame and the one before it."""

    to_here: Path
    back: Path


@dataclass(frozen=True)
class Colors:
    """What an anchor looks like, and its colors."""

    look: Floats
    """What it is compared by, (h, w) at the grid's shape."""
    flow_look: Floats
    """The same at the size of motion."""
    planes: Floats
    """On the table's axes at the grid's shape: chroma (2, h, w), or what `ready` makes of it."""

    @cached_property
    def layers(self) -> list[Floats]:
        """Its look and planes, to be carried."""
        return layered([self.look, *self.planes])

    @cached_property
    def palette(self) -> Palette:
        """Its planes by place and luma."""
        small = [resized(plane, self.flow_look.shape) for plane in self.planes]
        return gathered(self.flow_look, np.stack(small))


@dataclass(frozen=True)
class Moment:
    """One frame; fields below `flow_look` are filled in on its way."""

    index: int
    frame: Frame | None
    """None behind the segment's end, where only colors are needed."""
    luma: Plane
    """Luma codes at the chroma planes' shape."""
    guide: Plane
    """The same at the grid's shape."""
    small: Floats
    """Luma that shots are told by."""
    flow_look: Floats
    """What it is compared by, at the size of motion."""
    starts_shot: bool = False
    hidden: bool = False
    """By a flash or by damage of a few frames."""
    motion: Motion | None = None
    """None where a shot starts."""
    back: Path | None = None
    """To the anchor before; None where a shot starts."""
    proxy: Plane | None = None
    """Luma codes at the working shape, anchors only."""
    colors: Colors | None = None
    """Anchors only."""


def canvas_for(info: VideoInfo, working: tuple[int, int], frame_count: int, pix_fmt: str) -> Canvas:
    """Return the canvas of a segment.

    Args:
        info: Of the stream.
        working: Shape the network wants.
        frame_count: Of the segment.
        pix_fmt: To write; planar Y'CbCr.

    Raises:
        SourceUnsupported: If the stream's pixel format or matrix is one that is not colored.
    """
    brush = brush_for(color_spec(info), working, chroma_shape(pix_fmt, info.height, info.width))
    shape = _flow_shape(*brush.grid)
    return Canvas(
        frame_count=frame_count,
        pix_fmt=pix_fmt,
        brush=brush,
        flow=FlowEstimator(),
        to_working=PlaneScaler(*working),
        to_small=PlaneScaler(*shotdetection.SMALL_SHAPE),
        to_flow=PlaneScaler(*shape, larger=shape[0] > brush.grid[0]),
    )


def _flow_shape(height: int, width: int) -> tuple[int, int]:
    shorter = min(height, width)
    scale = max(MIN_SIDE, min(_FLOW_SIDE, shorter)) / shorter
    return round(height * scale), round(width * scale)
