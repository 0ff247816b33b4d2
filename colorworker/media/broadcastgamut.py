"""Colored frames brought within EBU R 103, before they are encoded."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from colorworker.color.ebur103 import count_beyond, limit_chroma
from colorworker.color.luma import ColorSpec
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.planes import Frame, Plane, color_spec, layout_of, plane_view


@dataclass
class GamutTally:
    """What luma, which is not touched, leaves outside."""

    pixels: int = 0
    beyond: int = 0


def limit_to_broadcast_gamut(
    frames: Iterator[Frame], info: VideoInfo, pix_fmt: str, tally: GamutTally
) -> Iterator[Frame]:
    """Yield the frames, their chroma scaled down wherever R', G' or B' would leave EBU R 103.

    Players interpolate chroma between its samples, so a sample must suit the luma of all pixels
    that it has a part in: those it stands for and those of its neighbors. At one luma the allowed
    chroma is a convex set, so what is interpolated between samples that suit it suits it too.

    Args:
        frames: In color, writable.
        info: Of the film.
        pix_fmt: Of the frames.
        tally: Counts pixels, and those whose luma alone is outside.
    """
    spec = replace(color_spec(info), bit_depth=layout_of(pix_fmt).bit_depth)
    for frame in frames:
        luma, cb, cr = (plane_view(frame, number) for number in range(3))
        tally.pixels += luma.size
        tally.beyond += count_beyond(luma, spec)
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
    """Return the least and the greatest luma that chroma samples have a part in.

    Args:
        luma: Codes (height, width).
        shape: Of the chroma planes.

    Returns:
        Two arrays of that shape and luma's dtype; luma itself where the shapes agree.
    """
    lowest = highest = luma
    for axis, length in enumerate(shape):
        if length == luma.shape[axis]:
            continue
        lowest = _over_neighbors(_over_group(lowest, axis, length, np.minimum), axis, np.minimum)
        highest = _over_neighbors(_over_group(highest, axis, length, np.maximum), axis, np.maximum)
    return lowest, highest


def _over_group(plane: Plane, axis: int, length: int, extreme: np.ufunc) -> Plane:
    """Return the extreme over the samples that each of `length` stands for; the rest is edge."""
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


def _over_neighbors(plane: Plane, axis: int, extreme: np.ufunc) -> Plane:
    turned = np.moveaxis(plane, axis, 0)
    result = turned.copy()
    extreme(result[1:], turned[:-1], out=result[1:])
    extreme(result[:-1], turned[1:], out=result[:-1])
    return np.moveaxis(result, 0, axis)
