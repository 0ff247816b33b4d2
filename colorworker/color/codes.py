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
"""Of a position below the node, in integers: steps of 0.16 in a* or b*. A code is about 1."""
_PARTS = 1 << _POSITION_BITS
_LANE_BITS = 3
"""Of a code below the point. Above its 11 bits a lane has 5 to spare for a product with parts."""
_LANES = np.uint32(0x07FF07FF)
_BLOCK_PIXELS = 1 << 16
"""Such blocks and what is made of them stay in a core's own cache."""


@dataclass(frozen=True)
class ChromaTable:
    """Chroma by luma level, a* node and b* node, flat; make it with `chroma_table`."""

    spec: ColorSpec
    scale: float
    """Units of the axes in one of a* or b*."""
    zero: float
    """Where a* = 0 and b* = 0 lie; what is rounded down includes the half for that."""
    highest: float
    """Of a position; the lowest is 0."""
    chroma: npt.NDArray[np.complex64]
    """Cb + j Cr about 0, in codes; empty where `lanes` are there."""
    lanes: npt.NDArray[np.uint32]
    """The codes + 0.5 as two lanes of a number, Cb the lower; empty for more than 8 bits."""
    drop_bits: int
    """Low bits of a luma code that the table does not look at."""

    @property
    def packed(self) -> bool:
        """Whether positions are whole numbers and codes looked up in integers: 8 bits."""
        return self.lanes.size > 0


@lru_cache(maxsize=4)
def chroma_table(spec: ColorSpec) -> ChromaTable:
    """Return the stream's table: 2 MB for 8 bits, 9 to 17 MB for more; takes a third of a second.

    Solved on a coarse grid and drawn out by interpolation. The colors of one luma that lie in
    gamut are a convex set, and so are all (Y', Cb, Cr) in gamut: interpolation never leaves it.
    """
    nodes_ab = np.linspace(-_AB_LIMIT, _AB_LIMIT, _AB_NODES)
    # Denser towards black, where gamut and lightness bend most.
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
    drawn: npt.NDArray[np.complex64] = exact.astype(np.complex64)
    if spec.bit_depth == 8:
        zero = (_AB_NODES - 1) // 2 * _PARTS + 0.5
        highest = (_AB_NODES - 1) * _PARTS - 0.01
        scale = _PARTS / _AB_STEP
        return ChromaTable(
            spec, scale, zero, highest, drawn[:0, 0], _packed(drawn, spec), drop_bits
        )
    # Half a node short of the last one's index would still read inside; a hair is enough.
    zero, highest = (_AB_NODES - 1) / 2, _AB_NODES - 1.001
    none = np.empty(0, np.uint32)
    return ChromaTable(spec, 1 / _AB_STEP, zero, highest, drawn.ravel(), none, drop_bits)


def _packed(drawn: npt.NDArray[np.complex64], spec: ColorSpec) -> npt.NDArray[np.uint32]:
    """Return the codes as lanes, (luma levels, a* nodes, b* nodes), flat."""
    codes = drawn.ravel().view(np.float32).reshape(-1, 2) + np.float32(spec.neutral + 0.5)
    # A code + 1/2 rounds when it is cut; only full range's can come to one above the highest.
    np.clip(codes, 0, 255.8, out=codes)
    # More by what the first of two interpolations cuts off: nothing where nodes agree, else a half.
    lanes = np.rint(codes * (1 << _LANE_BITS) + 0.25).astype(np.uint32)
    packed: npt.NDArray[np.uint32] = lanes[:, 0] | lanes[:, 1] << 16
    return packed


def positions_from_ab(table: ChromaTable, ab: Floats) -> Floats:
    """Return chroma on the table's axes.

    Args:
        table: Of the stream.
        ab: a* and b*, (h, w, 2); what lies beyond about +-110 counts as that.

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
        table: Of the stream, from `chroma_table`.
        luma_codes: Unsigned integers (h, w) at the chroma planes' size.
        positions: (2, h, w) on the table's axes, in [0, table.highest], float32, or int16 for a
            packed table; or what returns those of a slice of rows.

    Returns:
        Two arrays (h, w) of `luma_codes`' dtype; exactly the neutral code where a* = b* = 0.
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
    """Bilinear in (a*, b*), both codes at once: no lane's sum reaches the next one."""
    at = luma_codes.astype(np.int32)
    shares = []
    for plane in positions:
        whole = plane.astype(np.int32)
        shares.append((whole & (_PARTS - 1)).view(np.uint32))
        whole >>= _POSITION_BITS
        at *= _AB_NODES
        at += whole
    indices = at.astype(np.intp)
    along_a, along_b = shares
    lanes = table.lanes
    weights = _PARTS - along_b, along_b
    near = _lanes_between(lanes, indices, weights)
    far = _lanes_between(lanes[_AB_NODES:], indices, weights)
    far *= along_a
    near *= _PARTS - along_a
    near += far
    near >>= _LANE_BITS + _POSITION_BITS
    out[0] = near.astype(np.uint8)
    near >>= 16
    out[1] = near.astype(np.uint8)


def _lanes_between(
    lanes: npt.NDArray[np.uint32],
    at: npt.NDArray[np.intp],
    weights: tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]],
) -> npt.NDArray[np.uint32]:
    # Clipped look-ups are quicker than checked ones; none is outside.
    mixed = np.take(lanes, at, mode="clip")
    mixed *= weights[0]
    above = np.take(lanes[1:], at, mode="clip")
    above *= weights[1]
    mixed += above
    mixed >>= _POSITION_BITS
    mixed &= _LANES
    return mixed


def _float_codes(table: ChromaTable, luma_codes: Codes, positions: Positions, out: Codes) -> None:
    """Bilinear in (a*, b*) on the luma level's plane; one complex gather a corner."""
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
    # Floor of code + 1/2; only full range's +0.5 can come to one code above the highest.
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
