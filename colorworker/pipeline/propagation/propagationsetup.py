"""Setup shared by all frames of a segment: chroma table, sizes, scalers, flow estimator."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.luma import ColorSpec
from colorworker.color.temporal import normalize_luma
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.opticalflow import MIN_SIDE, FlowEstimator
from colorworker.media.planes import Plane, PlaneScaler, chroma_shape, color_spec
from colorworker.pipeline.propagation.upsample import ChromaUpsampler, make_upsampler

_FLOW_SIDE = 96
"""Pixels of the shorter side at which motion is estimated. At 64 a hand that is thrown up is lost;
128 does not reduce flicker any further."""


@dataclass(frozen=True)
class PlaneFormat:
    """Size and meaning of the planes of a sequence of frames."""

    spec: ColorSpec
    """The meaning of luma and chroma codes."""
    height: int
    width: int
    chroma_shape: tuple[int, int]
    """(height, width) of the chroma planes: the luma's, or a half or quarter of it, rounded up."""


def film_format(info: VideoInfo, pix_fmt: str) -> PlaneFormat:
    """Return the format of a film's planes.

    Args:
        info: The film's video stream.
        pix_fmt: Pixel format to write, planar Y'CbCr.

    Raises:
        SourceUnsupported: If the stream's pixel format or matrix is not supported.
    """
    shape = chroma_shape(pix_fmt, info.height, info.width)
    return PlaneFormat(color_spec(info), info.height, info.width, shape)


@dataclass(frozen=True)
class PropagationSetup:
    """Setup shared by all frames of a segment. Not thread-safe."""

    frame_count: int
    """Frames of the segment, without the look-ahead."""
    upsampler: ChromaUpsampler
    flow_estimator: FlowEstimator
    to_working: PlaneScaler
    """Scales luma to the network's working shape."""
    to_small: PlaneScaler
    """Scales luma to the size of shot detection."""
    to_flow: PlaneScaler
    """Scales luma to the size of motion estimation."""

    def normalized(self, codes: Plane) -> npt.NDArray[np.float32]:
        """Return luma codes as `temporal.normalize_luma` does, (h, w)."""
        return normalize_luma(codes, self.upsampler.table.spec.white_span)


def set_up_propagation(
    planes: PlaneFormat, working: tuple[int, int], frame_count: int
) -> PropagationSetup:
    """Return the setup of a segment.

    Args:
        planes: Format of the frames.
        working: (height, width) that the network works at.
        frame_count: Frames of the segment, without the look-ahead.
    """
    upsampler = make_upsampler(planes.spec, working, planes.chroma_shape)
    motion = flow_shape(*upsampler.grid)
    return PropagationSetup(
        frame_count=frame_count,
        upsampler=upsampler,
        flow_estimator=FlowEstimator(),
        to_working=PlaneScaler(*working),
        to_small=PlaneScaler(*shotdetection.SMALL_SHAPE),
        to_flow=PlaneScaler(*motion, larger=motion[0] > upsampler.grid[0]),
    )


def flow_shape(height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) at which the motion of pictures of this size is estimated."""
    shorter = min(height, width)
    scale = max(MIN_SIDE, min(_FLOW_SIDE, shorter)) / shorter
    return round(height * scale), round(width * scale)
