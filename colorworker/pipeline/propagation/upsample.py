"""Chroma of an anchor made ready to be followed, and written at the chroma planes' own size.

Where those are no larger than what the network sees, chroma is followed at their size. Else it is
followed at the network's: the guided filter is fitted at anchors only, its values and slopes are
followed as planes like any other, and each frame's own luma adds the detail when they are enlarged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color import guided
from colorworker.color.codes import ChromaTable, chroma_codes, chroma_table, located
from colorworker.color.luma import ColorSpec
from colorworker.media.planes import Plane, PlaneScaler

Floats = npt.NDArray[np.float32]

_SLOPE_BITS = 3
"""Slopes in integers are rounded to 8ths of a unit of the table's axes a luma code."""
_STEEPEST = 575.0
"""Change of a* or b* from black to white that deep slopes can hold, about what fine ones can."""
_HALF = 1 << 15
_EPSILON = 20.0
"""Smallest variance of L* that chroma follows; see `guided.fit`."""


@dataclass(frozen=True)
class Brush:
    """Sizes, the stream's table, and scalers between them."""

    table: ChromaTable
    working: tuple[int, int]
    """Shape the network wants."""
    chroma: tuple[int, int]
    """Shape of the chroma planes that are written."""
    grid: tuple[int, int]
    """Shape colors are settled and followed at: the smaller of the two."""
    to_grid: PlaneScaler
    to_chroma: PlaneScaler
    to_chroma_finely: PlaneScaler
    """The same for planes of 16 bits: a scaler that sees both sets itself up again each time."""

    @property
    def enlarges(self) -> bool:
        """Whether chroma planes are larger than the grid."""
        return self.grid != self.chroma


def brush_for(spec: ColorSpec, working: tuple[int, int], chroma: tuple[int, int]) -> Brush:
    """Return the brush for a stream, the network's working shape and the chroma planes' shape."""
    fits = chroma[0] <= working[0] and chroma[1] <= working[1]
    grid = chroma if fits else working
    return Brush(
        chroma_table(spec),
        working,
        chroma,
        grid,
        PlaneScaler(*grid),
        PlaneScaler(*chroma, larger=True),
        PlaneScaler(*chroma, larger=True),
    )


def on_grid(brush: Brush, ab: Floats) -> Floats:
    """Return a prediction, a* and b* (h, w, 2) at the working shape, on the table's axes and grid.

    float32 (2, h, w) at the grid's shape; by way of 16 bits where it is made smaller.
    """
    positions = located(brush.table, ab)
    if brush.grid == brush.working:
        return positions
    smaller = np.empty((2, *brush.grid), np.float32)
    for plane, position in zip(smaller, positions, strict=True):
        np.divide(
            brush.to_grid(_in_16_bits(brush.table, position)),
            np.float32(_steps(brush.table)),
            out=plane,
        )
    return smaller


def ready(brush: Brush, guide: Plane, chroma: Floats) -> Floats:
    """Return the planes of an anchor that frames follow, (2 or 4, h, w) at the grid's shape.

    Args:
        brush: Of the stream.
        guide: The anchor's luma codes at the grid's shape.
        chroma: Its settled chroma on the table's axes, (2, h, w).
    """
    if not brush.enlarges:
        return chroma
    luma = guide.astype(np.float32)
    epsilon = _EPSILON * (brush.table.spec.white_span / 100) ** 2
    slope, offset = guided.fit_planes(luma, chroma, epsilon=epsilon)
    values = np.clip(slope * luma + offset, 0, np.float32(brush.table.highest))
    return np.concatenate([values, slope])


def codes(brush: Brush, luma: Plane, guide: Plane, planes: Floats) -> tuple[Plane, Plane]:
    """Return a frame's Cb and Cr codes at the chroma planes' shape.

    Args:
        brush: Of the stream.
        luma: The frame's luma codes at that shape.
        guide: The same at the grid's shape.
        planes: What it follows, from `ready`.
    """
    if not brush.enlarges:
        return chroma_codes(brush.table, guide, planes)
    enlarged = _enlarged_in_integers if brush.table.packed else _enlarged_in_floats
    return chroma_codes(brush.table, luma, enlarged(brush, luma, guide, planes))


def _enlarged_in_integers(
    brush: Brush, luma: Plane, guide: Plane, planes: Floats
) -> Callable[[slice], npt.NDArray[np.int16]]:
    """Return what gives rows of chroma at the size of `luma`, (2, rows, w).

    All in 16 bits: slopes up to 90 in 8ths, times what luma has more than the enlarged guide, at
    most 235 codes, and positions up to 1408 in 8ths come to 32414.
    """
    guide = brush.to_chroma(guide)
    values = [brush.to_chroma_finely(_in_16_bits(brush.table, plane)) for plane in planes[:2]]
    scale, middle = np.float32(1 << _SLOPE_BITS), np.float32(128.5)
    slopes = [
        brush.to_chroma(np.clip(plane * scale + middle, 38, 218).astype(np.uint8))
        for plane in planes[2:]
    ]
    highest = int(brush.table.highest)
    finer = _steps(brush.table).bit_length() - 1 - _SLOPE_BITS

    def rows(block: slice) -> npt.NDArray[np.int16]:
        detail = luma[block].astype(np.int16)
        detail -= guide[block]
        result = np.empty((2, *detail.shape), np.int16)
        for plane, value, slope in zip(result, values, slopes, strict=True):
            plane[:] = slope[block]
            plane -= 128
            plane *= detail
            plane += (value[block] >> finer).view(np.int16)
            plane >>= _SLOPE_BITS
        return np.clip(result, 0, highest, out=result)

    return rows


def _enlarged_in_floats(
    brush: Brush, luma: Plane, guide: Plane, planes: Floats
) -> Callable[[slice], Floats]:
    """Return the same in float32, for luma of more than 8 bits."""
    guide = brush.to_chroma(guide)
    values = [brush.to_chroma_finely(_in_16_bits(brush.table, plane)) for plane in planes[:2]]
    unit = np.float32(_STEEPEST * brush.table.scale / brush.table.spec.white_span / _HALF)
    slopes = [
        brush.to_chroma(np.clip(plane / unit + _HALF, 0, 2 * _HALF - 1).astype(np.uint16))
        for plane in planes[2:]
    ]

    def rows(block: slice) -> Floats:
        detail = luma[block].astype(np.float32)
        detail -= guide[block]
        detail *= unit
        result = np.empty((2, *detail.shape), np.float32)
        for plane, value, slope in zip(result, values, slopes, strict=True):
            np.subtract(slope[block], np.float32(_HALF), out=plane, dtype=np.float32)
            plane *= detail
            plane += value[block] * np.float32(1 / _steps(brush.table))
        return np.clip(result, 0, np.float32(brush.table.highest), out=result)

    return rows


def _in_16_bits(table: ChromaTable, positions: Floats) -> Plane:
    return (positions * np.float32(_steps(table))).astype(np.uint16)


def _steps(table: ChromaTable) -> int:
    """Return by which power of 2 positions can be multiplied to fit 16 bits."""
    return 1 << int(0xFFFF / table.highest).bit_length() - 1
