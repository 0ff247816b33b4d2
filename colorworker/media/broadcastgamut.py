"""Limit the chroma of colored frames to EBU R 103 before encoding."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from colorworker.color.ebur103 import count_luma_outside, limit_chroma
from colorworker.color.luma import ColorSpec
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.planes import Frame, Plane, color_spec, layout_of, plane_view


@dataclass
class GamutTally:
    """Counts pixels whose luma alone, which is never changed, is outside EBU R 103."""

    pixels: int = 0
    beyond: int = 0


def limit_to_broadcast_gamut(
    frames: Iterator[Frame], info: VideoInfo, pix_fmt: str, tally: GamutTally
) -> Iterator[Frame]:
    """Yield the frames with chroma scaled down wherever R', G' or B' would leave EBU R 103.

    Players interpolate chroma between its samples. So a sample must be legal at the luma of every
    pixel it contributes to: its own pixels and those of its neighbors. For a given luma the legal
    chroma values form a convex set, so interpolation between legal samples is legal too.

    Args:
        frames: Colored frames, writable.
        info: The film's properties.
        pix_fmt: Pixel format of the frames.
        tally: Counts all pixels, and those whose luma alone is outside.
    """
    spec = replace(color_spec(info), bit_depth=layout_of(pix_fmt).bit_depth)
    for frame in frames:
        luma, cb, cr = (plane_view(frame, number) for number in range(3))
        tally.pixels += luma.size
        tally.beyond += count_luma_outside(luma, spec)
        if frame.interlaced_frame and cb.shape[0] < luma.shape[0]:
            for first in (0, 1):
                _limit(luma[first::2], cb[first::2], cr[first::2], spec)
        else:
            _limit(luma, cb, cr, spec)
        yield frame


def _limit(luma: Plane, cb: Plane, cr: Plane, spec: ColorSpec) -> None:
    lowest, highest = luma_extremes(luma, cb.shape)
    cb[:], cr[:] = limit_chroma(cb, cr, lowest, highest, spec)


def luma_extremes(luma: Plane, shape: tuple[int, ...]) -> tuple[Plane, Plane]:
    """Return the minimum and maximum luma of the pixels that each chroma sample contributes to.

    Args:
        luma: Codes, (height, width).
        shape: Shape of the chroma planes.

    Returns:
        Two arrays of that shape and luma's dtype; luma itself if the shapes are equal.
    """
    lowest = highest = luma
    for axis, length in enumerate(shape):
        if length == luma.shape[axis]:
            continue
        lowest = _neighbor_extreme(
            _group_extreme(lowest, axis, length, np.minimum), axis, np.minimum
        )
        highest = _neighbor_extreme(
            _group_extreme(highest, axis, length, np.maximum), axis, np.maximum
        )
    return lowest, highest


def _group_extreme(plane: Plane, axis: int, length: int, extreme: np.ufunc) -> Plane:
    """Return the extreme over each group of samples along an axis, `length` groups in all.

    A last group that is too short is padded with the edge.
    """
    size = -(-plane.shape[axis] // length)
    lacking = length * size - plane.shape[axis]
    if lacking > 0:
        padding = [(0, lacking if each == axis else 0) for each in range(2)]
        plane = np.pad(plane, padding, mode="edge")
    at = [slice(None), slice(None)]
    parts = []
    for first in range(size):
        at[axis] = slice(first, length * size, size)
        parts.append(plane[tuple(at)])
    result: Plane = parts[0]
    for part in parts[1:]:
        result = extreme(result, part)
    return result


def _neighbor_extreme(plane: Plane, axis: int, extreme: np.ufunc) -> Plane:
    turned = np.moveaxis(plane, axis, 0)
    result = turned.copy()
    extreme(result[1:], turned[:-1], out=result[1:])
    extreme(result[:-1], turned[1:], out=result[:-1])
    return np.moveaxis(result, 0, axis)
