"""Look up the Cb and Cr codes of pixels in a table from (Y', a*, b*), solved once per stream.

Here chroma lies on the table's own axes: `positions_from_ab` turns a* and b* into two planes of
positions. Everything that films do to chroma is linear, so it is done on those axes, and only the
codes are looked up for every pixel of every frame. For 8-bit luma this uses integers, with Cb and
Cr as two lanes of one number; deeper codes are interpolated in floating point.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from colorworker.color.luma import ColorSpec, solve_chroma

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.unsignedinteger]
Positions = npt.NDArray[np.float32] | npt.NDArray[np.int16]

_AB_STEP = 5.0
_AB_NODES = 45
_AB_LIMIT = _AB_STEP * (_AB_NODES - 1) / 2
_LUMA_NODES = 64

_POSITION_BITS = 5
"""Fractional bits of integer positions between nodes: steps of 0.16 in a* or b*, where a code is
about 1."""
_PARTS = 1 << _POSITION_BITS
_LANE_BITS = 3
"""Fractional bits of the codes in a lane. A lane's 16 bits leave 5 above its 11 for products with
`_PARTS`."""
_LANES = np.uint32(0x07FF07FF)
_BLOCK_PIXELS = 1 << 16
"""Pixels per block. Blocks of this size and their intermediate arrays fit a core's own cache."""


@dataclass(frozen=True)
class ChromaTable:
    """Chroma codes by luma level, a* node and b* node, flattened; made by `chroma_table`."""

    spec: ColorSpec
    scale: float
    """Units of the axes per unit of a* or b*."""
    zero: float
    """Position of a* = 0 and b* = 0. For integers it includes 0.5, because they are truncated."""
    highest: float
    """Largest position; the smallest is 0."""
    chroma: npt.NDArray[np.complex64]
    """Cb + j Cr about 0, in codes; empty for 8 bits."""
    lanes: npt.NDArray[np.uint32]
    """The codes + 0.5 as two 16-bit lanes, Cb in the lower; empty for more than 8 bits."""
    drop_bits: int
    """Low bits of a luma code that the table ignores."""

    @property
    def packed(self) -> bool:
        """Whether the table has lanes (8 bits): positions and look-ups are then integers."""
        return self.lanes.size > 0


@lru_cache(maxsize=4)
def chroma_table(spec: ColorSpec) -> ChromaTable:
    """Return the table of a stream. It takes 0.3 s, and 2 MB for 8 bits or 9 to 17 MB for more.

    The table is solved on a coarse grid of luma and interpolated to all codes. The set of all (Y',
    Cb, Cr) in gamut is convex, so interpolated colors stay in gamut.
    """
    nodes_ab = np.linspace(-_AB_LIMIT, _AB_LIMIT, _AB_NODES)
    # Denser towards black, where gamut and lightness are the most curved.
    nodes_luma = np.linspace(0.0, 1.0, _LUMA_NODES) ** 1.5
    luma, a, b = np.meshgrid(nodes_luma, nodes_ab, nodes_ab, indexing="ij")
    ab = np.stack([a.ravel(), b.ravel()], axis=1)
    solved = solve_chroma(luma.ravel(), ab, spec).reshape(_LUMA_NODES, -1) * spec.chroma_span
    drop_bits = max(0, spec.bit_depth - 10)
    codes = np.arange(0, 1 << spec.bit_depth, 1 << drop_bits) + (1 << drop_bits) // 2
    wanted = np.clip((codes - spec.black) / spec.luma_span, 0.0, 1.0)
    above = np.clip(np.searchsorted(nodes_luma, wanted), 1, _LUMA_NODES - 1)
    share = (wanted - nodes_luma[above - 1]) / (nodes_luma[above] - nodes_luma[above - 1])
    exact = solved[above - 1] + share[:, None] * (solved[above] - solved[above - 1])
    dense: npt.NDArray[np.complex64] = exact.astype(np.complex64)
    if spec.bit_depth == 8:
        zero = (_AB_NODES - 1) // 2 * _PARTS + 0.5
        highest = (_AB_NODES - 1) * _PARTS - 0.01
        scale = _PARTS / _AB_STEP
        return ChromaTable(
            spec, scale, zero, highest, dense[:0, 0], _packed(dense, spec), drop_bits
        )
    # Just below the last node: look-ups read the node after the position's own.
    zero, highest = (_AB_NODES - 1) / 2, _AB_NODES - 1.001
    none = np.empty(0, np.uint32)
    return ChromaTable(spec, 1 / _AB_STEP, zero, highest, dense.ravel(), none, drop_bits)


def _packed(dense: npt.NDArray[np.complex64], spec: ColorSpec) -> npt.NDArray[np.uint32]:
    """Return the codes as lanes, flattened from (luma levels, a* nodes, b* nodes)."""
    codes = dense.ravel().view(np.float32).reshape(-1, 2) + np.float32(spec.neutral + 0.5)
    # Truncating a code + 0.5 rounds it. Only in full range can that exceed the highest code.
    np.clip(codes, 0, 255.8, out=codes)
    # 0.25 makes up for the first interpolation, which truncates: by 0.5 on average, but by nothing
    # where nodes agree.
    lanes = np.rint(codes * (1 << _LANE_BITS) + 0.25).astype(np.uint32)
    packed: npt.NDArray[np.uint32] = lanes[:, 0] | lanes[:, 1] << 16
    return packed


def positions_from_ab(table: ChromaTable, ab: Floats) -> Floats:
    """Return chroma on the table's axes.

    Args:
        table: The stream's table.
        ab: a* and b*, (h, w, 2); clipped to about +-110.

    Returns:
        float32 (2, h, w) in [0, table.highest].
    """
    positions = np.empty((2, *ab.shape[:2]), np.float32)
    for plane, values in zip(positions, np.moveaxis(ab, -1, 0), strict=True):
        np.multiply(values, np.float32(table.scale), out=plane)
    positions += np.float32(table.zero)
    return np.clip(positions, 0, np.float32(table.highest), out=positions)


def chroma_codes(
    table: ChromaTable, luma_codes: Codes, positions: Callable[[slice], Positions] | Positions
) -> tuple[Codes, Codes]:
    """Return the Cb and Cr codes of pixels with these luma codes and this chroma.

    Args:
        table: The stream's table.
        luma_codes: Unsigned integers (h, w) at the size of the chroma planes.
        positions: (2, h, w) on the table's axes, in [0, table.highest]; float32, or int16 for a
            packed table. Or a function that returns these for a slice of rows.

    Returns:
        Two arrays (h, w) of luma's dtype; exactly the neutral code where a* = b* = 0.
    """
    height, width = luma_codes.shape
    planes = np.empty((2, height, width), luma_codes.dtype)
    look_up = _packed_codes if table.packed else _float_codes
    rows = max(1, _BLOCK_PIXELS // width)
    for top in range(0, height, rows):
        block = slice(top, top + rows)
        wanted = positions(block) if callable(positions) else positions[:, block]
        look_up(table, luma_codes[block], wanted, planes[:, block])
    return planes[0], planes[1]


def _packed_codes(table: ChromaTable, luma_codes: Codes, positions: Positions, out: Codes) -> None:
    """Interpolate in (a*, b*), for Cb and Cr at once: the sum of a lane never overflows it."""
    share_a, share_b = (plane.astype(np.int32) for plane in positions)
    at = luma_codes.astype(np.int32)
    at *= _AB_NODES**2 << _POSITION_BITS
    at += (share_a & -_PARTS) * _AB_NODES
    at += share_b
    at >>= _POSITION_BITS
    indices = at.astype(np.intp)
    share_a &= _PARTS - 1
    share_b &= _PARTS - 1
    along_a, along_b = share_a.view(np.uint32), share_b.view(np.uint32)
    near = _lanes_between(table.lanes, indices, along_b)
    far = _lanes_between(table.lanes[_AB_NODES:], indices, along_b)
    _interpolate(near, far, along_a)
    near >>= _LANE_BITS + _POSITION_BITS
    out[0] = near.astype(np.uint8)
    near >>= 16
    out[1] = near.astype(np.uint8)


def _lanes_between(
    lanes: npt.NDArray[np.uint32], at: npt.NDArray[np.intp], share: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint32]:
    # No index is outside, and clipped look-ups are faster than checked ones.
    mixed = np.take(lanes, at, mode="clip")
    _interpolate(mixed, np.take(lanes[1:], at, mode="clip"), share)
    mixed >>= _POSITION_BITS
    mixed &= _LANES
    return mixed


def _interpolate(
    near: npt.NDArray[np.uint32], far: npt.NDArray[np.uint32], share: npt.NDArray[np.uint32]
) -> None:
    """Replace `near` by `_PARTS` times the value between; `far` is overwritten.

    Differences of lanes may borrow from each other: modulo 2^32 the sum is right all the same.
    """
    far -= near
    far *= share
    near <<= _POSITION_BITS
    near += far


def _float_codes(table: ChromaTable, luma_codes: Codes, positions: Positions, out: Codes) -> None:
    """Interpolate in (a*, b*) on the plane of the luma level, one complex gather per corner."""
    node = positions.astype(np.int32)
    share = positions - node
    at = (luma_codes >> table.drop_bits).astype(np.intp)
    for plane in node:
        at *= _AB_NODES
        at += plane
    along_b = share[1].astype(np.complex64)
    near = _between(table.chroma, at, along_b)
    at += _AB_NODES
    far = _between(table.chroma, at, along_b)
    far -= near
    far *= share[0]
    near += far
    codes = near.view(np.float32).reshape(*near.shape, 2)
    codes += table.spec.neutral + 0.5
    # Truncating a code + 0.5 rounds it. Only in full range can that exceed the highest code.
    np.clip(codes, 0, (1 << table.spec.bit_depth) - 1, out=codes)
    out[0], out[1] = codes[..., 0], codes[..., 1]


def _between(
    chroma: npt.NDArray[np.complex64], at: npt.NDArray[np.intp], share: npt.NDArray[np.complex64]
) -> npt.NDArray[np.complex64]:
    near = np.take(chroma, at)
    far = np.take(chroma, at + 1)
    far -= near
    far *= share
    near += far
    return near
