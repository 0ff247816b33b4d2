"""Find the chroma for a given video luma: from (Y', a*, b*) to Cb and Cr.

Video stores Y', not L*, and luma must not change. For a pixel with luma Y' and a wanted (a*, b*),
this solves for the lightness L* such that the color (L*, a*, b*) has exactly luma Y'. The Cb and Cr
of that color are scaled towards 0 into gamut. `codes` keeps the results in a table; `transfer`
relates R'G'B' to light.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.transfer import (
    HIGHEST_LIGHTNESS,
    Transfer,
    luminance_from_signal,
    signal_from_light,
    transfer_from_code,
    white_signal,
)
from colorworker.errors import SourceUnsupported

Matrix = Literal["bt601", "bt709", "bt2020"]

_KR_KB: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
# ITU-T H.273 (2021-07): table 4 (MatrixCoefficients), table 2 (ColorPrimaries), table 3
# (TransferCharacteristics). Codes that are not named here are treated as unspecified.
_MATRIX_OF_CODE: dict[int, Matrix] = {
    1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020",
}  # fmt: skip
_OTHER_MATRICES = {
    8: "YCgCo", 10: "BT.2020 with constant luminance", 11: "SMPTE ST 2085",
    12: "derived from its primaries", 13: "derived from its primaries, with constant luminance",
    14: "ICtCp", 15: "IPT-C2", 16: "YCgCo-Re", 17: "YCgCo-Ro",
}  # fmt: skip
"""Matrices whose planes are not Y', Cb and Cr with fixed weights; codes of libav's AVColorSpace."""

# Linear RGB to XYZ, D65 white with Y = 1; key: wide_gamut. Primaries of IEC 61966-2-1 and BT.2020.
_XYZ_FROM_RGB: dict[bool, npt.NDArray[np.float64]] = {
    False: np.array([
        [0.41239080, 0.35758434, 0.18048079],
        [0.21263901, 0.71516868, 0.07219232],
        [0.01933082, 0.11919478, 0.95053215],
    ]),
    True: np.array([
        [0.63695805, 0.14461690, 0.16888098],
        [0.26270021, 0.67799807, 0.05930172],
        [0.00000000, 0.02807269, 1.06098506],
    ]),
}  # fmt: skip

_BISECTIONS = 24


@dataclass(frozen=True)
class ColorSpec:
    """How a stream's codes stand for colors."""

    matrix: Matrix
    full_range: bool
    bit_depth: int
    wide_gamut: bool = False
    """True for the primaries of BT.2020, False for those of sRGB. BT.601's differ from sRGB's by
    less than the error of any predicted color."""
    transfer: Transfer = "sdr"

    @property
    def black(self) -> int:
        """Luma code of black (H.273 equations 20 and 26)."""
        return 0 if self.full_range else 16 << (self.bit_depth - 8)

    @property
    def luma_span(self) -> int:
        """Luma codes between black and peak white."""
        return (1 << self.bit_depth) - 1 if self.full_range else 219 << (self.bit_depth - 8)

    @property
    def white_span(self) -> int:
        """Luma codes between black and diffuse white. HDR highlights are above that."""
        return round(self.luma_span * white_signal(self.transfer))

    @property
    def chroma_span(self) -> int:
        """Chroma codes between -0.5 and 0.5."""
        return (1 << self.bit_depth) - 1 if self.full_range else 224 << (self.bit_depth - 8)

    @property
    def neutral(self) -> int:
        """Chroma code of gray."""
        return 1 << (self.bit_depth - 1)


def spec_from_codes(
    *, matrix: int, full_range: bool, bit_depth: int, primaries: int, transfer: int, height: int
) -> ColorSpec:
    """Return how a stream's codes stand for colors, from its code points of ITU-T H.273.

    An unspecified matrix means BT.601 below 720 lines and BT.709 otherwise, as in players.

    Raises:
        SourceUnsupported: If the matrix is not one of Y', Cb and Cr with fixed weights.
    """
    if matrix in _OTHER_MATRICES:
        raise SourceUnsupported(
            "video stream",
            f"its color matrix is {_OTHER_MATRICES[matrix]}",
            "Convert the film to the BT.709 matrix first",
        )
    name = _MATRIX_OF_CODE.get(matrix) or ("bt709" if height >= 720 else "bt601")
    wide = primaries == 9 or (primaries == 2 and name == "bt2020")
    return ColorSpec(name, full_range, bit_depth, wide, transfer_from_code(transfer))


def luma_weights(matrix: Matrix) -> tuple[float, float]:
    """Return Kr and Kb, the weights of red and blue in Y'."""
    return _KR_KB[matrix]


def lightness_from_luma(codes: npt.NDArray[np.integer], spec: ColorSpec) -> npt.NDArray[np.float32]:
    """Return the L* of grays with these luma codes.

    Args:
        codes: Integers of any shape, at most 2**bit_depth - 1.
        spec: How the codes stand for colors.

    Returns:
        float32 of the same shape, clipped to [0, 100]: black and diffuse white.
    """
    return np.take(_lightness_of_codes(spec), codes, mode="clip")


@lru_cache(maxsize=8)
def _lightness_of_codes(spec: ColorSpec) -> npt.NDArray[np.float32]:
    codes = np.arange(1 << spec.bit_depth)
    luma = np.clip((codes - spec.black) / spec.luma_span, 0.0, 1.0)
    light = np.minimum(luminance_from_signal(luma, spec.transfer), 1.0)
    return (116.0 * _cube_root(light) - 16.0).astype(np.float32)


def _cube_root(ratio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIE 15:2004 equation 8.6 ff., with the exact 216/24389."""
    return np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)


def solve_chroma(
    luma: npt.NDArray[np.float64], ab: npt.NDArray[np.float64], spec: ColorSpec
) -> npt.NDArray[np.complex128]:
    """Return Cb + j Cr of the colors with this luma and this (a*, b*), scaled into gamut.

    Args:
        luma: Y' in [0, 1], shape (n,).
        ab: a* and b*, shape (n, 2).
        spec: Matrix, primaries and transfer; range and bit depth have no effect here.

    Returns:
        complex128 (n,), both parts in [-0.5, 0.5]. With this luma, R', G' and B' are in [0, 1].

    Source:
        ITU-R BT.601-7, BT.709-6 and BT.2020-2 (non-constant luminance) for Y', Cb, Cr.
    """
    kr, kb = _KR_KB[spec.matrix]
    low = np.full(luma.shape, -100.0)
    high = np.full(luma.shape, HIGHEST_LIGHTNESS[spec.transfer])
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        red, green, blue = _display_rgb(middle, ab, spec)
        too_light = kr * red + (1 - kr - kb) * green + kb * blue > luma
        high = np.where(too_light, middle, high)
        low = np.where(too_light, low, middle)
    red, green, blue = _display_rgb((low + high) / 2, ab, spec)
    reached = kr * red + (1 - kr - kb) * green + kb * blue
    cb = (blue - reached) / (2 * (1 - kb))
    cr = (red - reached) / (2 * (1 - kr))
    chroma: npt.NDArray[np.complex128] = (cb + 1j * cr) * share_in_gamut(luma, cb, cr, kr, kb)
    chroma[np.all(ab == 0, axis=1)] = 0
    return chroma


def _display_rgb(
    lightness: npt.NDArray[np.float64], ab: npt.NDArray[np.float64], spec: ColorSpec
) -> npt.NDArray[np.float64]:
    """Return R', G', B' as (3, n), outside [0, 1] for colors outside the gamut."""
    root_y = (lightness + 16) / 116
    roots = np.stack([root_y + ab[:, 0] / 500, root_y, root_y - ab[:, 1] / 200])
    ratios = np.where(roots > 6 / 29, roots**3, (116 * roots - 16) * (27 / 24389))
    xyz_from_rgb = _XYZ_FROM_RGB[spec.wide_gamut]
    white = xyz_from_rgb.sum(axis=1)
    light = np.linalg.solve(xyz_from_rgb, white[:, None] * ratios)
    return signal_from_light(light, ratios[1], spec.transfer)


def share_in_gamut(
    luma: npt.NDArray[np.float64],
    cb: npt.NDArray[np.float64],
    cr: npt.NDArray[np.float64],
    kr: float,
    kb: float,
) -> npt.NDArray[np.float64]:
    """Return the largest share of (Cb, Cr) in [0, 1] that keeps R', G' and B' in [0, 1].

    At fixed Y' each of the three is Y' plus a linear function of (Cb, Cr), so this is exact.
    """
    red = 2 * (1 - kr) * cr
    blue = 2 * (1 - kb) * cb
    green = -(kr * red + kb * blue) / (1 - kr - kb)
    share = np.ones_like(luma)
    for change in (red, green, blue):
        room = np.where(change > 0, 1 - luma, luma)
        np.minimum(share, room / np.maximum(np.abs(change), 1e-9), out=share)
    return share
