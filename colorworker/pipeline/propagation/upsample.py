"""Fit an anchor's chroma to its luma, and upsample chroma to the size of the chroma planes.

Colors are propagated on a grid. If the chroma planes are no larger than the picture that the
network sees, the grid is theirs. Otherwise it is the network's: a guided filter is fitted at
anchors only, its values and slopes are propagated like any other planes, and each frame's own luma
adds the detail when they are upsampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color import guided
from colorworker.color.codes import ChromaTable, chroma_codes, chroma_table, positions_from_ab
from colorworker.color.luma import ColorSpec
from colorworker.media.planes import Plane, PlaneScaler

Floats = npt.NDArray[np.float32]

_SLOPE_BITS = 3
"""Integer slopes are rounded to 8ths of a unit of the table's axes per luma code."""
_STEEPEST = 575.0
"""Largest change of a* or b* from black to white that 16-bit slopes can hold; 8-bit slopes hold
about the same."""
_HALF = 1 << 15
_EPSILON = 20.0
"""Smallest variance of L* that chroma follows; see `guided.fit_to_luma`."""


@dataclass(frozen=True)
class ChromaUpsampler:
    """The stream's chroma table, the sizes of chroma, and scalers between them."""

    table: ChromaTable
    working: tuple[int, int]
    """(height, width) that the network works at."""
    chroma: tuple[int, int]
    """(height, width) of the chroma planes that are written."""
    grid: tuple[int, int]
    """(height, width) at which colors are averaged and propagated: the smaller of the two."""
    to_grid: PlaneScaler
    to_chroma: PlaneScaler
    to_chroma_16bit: PlaneScaler
    """The same for 16-bit planes: a scaler that is given both depths sets itself up again each
    time."""

    @property
    def enlarges(self) -> bool:
        """Whether the chroma planes are larger than the grid."""
        return self.grid != self.chroma


def make_upsampler(
    spec: ColorSpec, working: tuple[int, int], chroma: tuple[int, int]
) -> ChromaUpsampler:
    """Return the upsampler of a stream.

    Args:
        spec: How the stream's codes stand for colors.
        working: (height, width) that the network works at.
        chroma: (height, width) of the chroma planes.
    """
    fits = chroma[0] <= working[0] and chroma[1] <= working[1]
    grid = chroma if fits else working
    return ChromaUpsampler(
        chroma_table(spec),
        working,
        chroma,
        grid,
        PlaneScaler(*grid),
        PlaneScaler(*chroma, larger=True),
        PlaneScaler(*chroma, larger=True),
    )


def prediction_on_grid(upsampler: ChromaUpsampler, ab: Floats) -> Floats:
    """Return a prediction on the chroma table's axes, at the grid's shape.

    Args:
        upsampler: The stream's upsampler.
        ab: a* and b*, (h, w, 2), at the working shape.

    Returns:
        float32 (2, h, w) in [0, table.highest]; rounded to 16 bits where it is made smaller.
    """
    positions = positions_from_ab(upsampler.table, ab)
    if upsampler.grid == upsampler.working:
        return positions
    smaller = np.empty((2, *upsampler.grid), np.float32)
    for plane, position in zip(smaller, positions, strict=True):
        np.divide(
            upsampler.to_grid(_in_16_bits(upsampler.table, position)),
            np.float32(_steps(upsampler.table)),
            out=plane,
        )
    return smaller


def fit_anchor_planes(upsampler: ChromaUpsampler, guide: Plane, chroma: Floats) -> Floats:
    """Return the planes of an anchor that other frames take their colors from.

    Args:
        upsampler: The stream's upsampler.
        guide: The anchor's luma codes at the grid's shape.
        chroma: Its averaged chroma on the table's axes, (2, h, w).

    Returns:
        float32 at the grid's shape: `chroma`, (2, h, w), if the chroma planes are no larger; else
        values and slopes over luma, (4, h, w).
    """
    if not upsampler.enlarges:
        return chroma
    luma = guide.astype(np.float32)
    epsilon = _EPSILON * (upsampler.table.spec.white_span / 100) ** 2
    slope, offset = guided.fit_planes_to_luma(luma, chroma, epsilon=epsilon)
    values = np.clip(slope * luma + offset, 0, np.float32(upsampler.table.highest))
    return np.concatenate([values, slope])


def upsample_chroma(
    upsampler: ChromaUpsampler, luma: Plane, guide: Plane, planes: Floats
) -> tuple[Plane, Plane]:
    """Return a frame's Cb and Cr codes at the shape of the chroma planes.

    Args:
        upsampler: The stream's upsampler.
        luma: The frame's luma codes at that shape.
        guide: The frame's luma codes at the grid's shape.
        planes: From `fit_anchor_planes`, or a blend of such planes.

    Returns:
        Two planes of luma's dtype.
    """
    if not upsampler.enlarges:
        return chroma_codes(upsampler.table, guide, planes)
    upsample = _upsampled_rows_in_integers if upsampler.table.packed else _upsampled_rows_in_floats
    return chroma_codes(upsampler.table, luma, upsample(upsampler, luma, guide, planes))


def _upsampled_rows_in_integers(
    upsampler: ChromaUpsampler, luma: Plane, guide: Plane, planes: Floats
) -> Callable[[slice], npt.NDArray[np.int16]]:
    """Return a function from a slice of rows to their chroma at the size of `luma`, (2, rows, w).

    Everything fits 16 bits: slopes of up to 90 8ths, times the difference between luma and the
    upsampled guide of at most 235 codes, plus positions of up to 1408 in 8ths, make at most 32414.
    """
    guide = upsampler.to_chroma(guide)
    values = [
        upsampler.to_chroma_16bit(_in_16_bits(upsampler.table, plane)) for plane in planes[:2]
    ]
    scale, middle = np.float32(1 << _SLOPE_BITS), np.float32(128.5)
    slopes = [
        upsampler.to_chroma(np.clip(plane * scale + middle, 38, 218).astype(np.uint8))
        for plane in planes[2:]
    ]
    highest = int(upsampler.table.highest)
    finer = _steps(upsampler.table).bit_length() - 1 - _SLOPE_BITS

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


def _upsampled_rows_in_floats(
    upsampler: ChromaUpsampler, luma: Plane, guide: Plane, planes: Floats
) -> Callable[[slice], Floats]:
    """Return the same function in float32, for luma of more than 8 bits."""
    guide = upsampler.to_chroma(guide)
    values = [
        upsampler.to_chroma_16bit(_in_16_bits(upsampler.table, plane)) for plane in planes[:2]
    ]
    unit = np.float32(_STEEPEST * upsampler.table.scale / upsampler.table.spec.white_span / _HALF)
    slopes = [
        upsampler.to_chroma(np.clip(plane / unit + _HALF, 0, 2 * _HALF - 1).astype(np.uint16))
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
            plane += value[block] * np.float32(1 / _steps(upsampler.table))
        return np.clip(result, 0, np.float32(upsampler.table.highest), out=result)

    return rows


def _in_16_bits(table: ChromaTable, positions: Floats) -> Plane:
    return (positions * np.float32(_steps(table))).astype(np.uint16)


def _steps(table: ChromaTable) -> int:
    """Return the largest power of 2 by which positions can be multiplied and still fit 16 bits."""
    return 1 << int(0xFFFF / table.highest).bit_length() - 1
