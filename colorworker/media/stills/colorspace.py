"""The RGB space of a picture's codes: how they convert to L*, and which codes colors get.

For sRGB pixels, with an sRGB profile or none, L* is computed under D65. With another RGB profile it
is computed in that profile's space, under D50, and the output stays in that space.
"""

import functools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from colorworker.color.lab import RGB_TO_XYZ, srgb_to_linear
from colorworker.media.stills.icc import CODES, Doubles, Shaper, parse, profile_space, rgb_profile

_SRGB_TO_XYZ_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
"""sRGB's primaries as profiles hold them, adapted to D50 by Bradford's method."""
_SRGB_GAMMA = 45455
_SRGB_POINTS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
"""White, red, green and blue of sRGB as x and y, in cHRM's units."""
_GAMMAS = (10_000, 400_000)
"""Plausible values of gAMA."""
_CICP_LINEAR = b"\x01\x08"
"""Primaries of BT.709 with linear transfer (ITU-T H.273)."""
_LEAST_DETERMINANT = 1e-4
_CURVE_TOLERANCE = 0.002
_MATRIX_TOLERANCE = 0.004
"""The many sRGB profiles differ by this much, because of tables of 1024 entries and rounding."""


@dataclass(frozen=True, eq=False)
class RgbSpace:
    """An RGB space: tone curves and primaries. Hashed by identity, so that tables can be cached.

    Attributes:
        curves: (3, CODES), linear light for 16-bit codes, rising from 0 to 1, or beyond if codes
            exist that are brighter than white, as in scans of negatives.
        to_xyz: (3, 3), linear RGB to XYZ; white is R = G = B = 1.
        is_float: Whether codes are linear light in floating point, without limits; `curves` is not
            used then.
    """

    curves: Doubles
    to_xyz: Doubles
    is_float: bool = False

    @property
    def peak(self) -> float:
        """Linear light of the highest code; white is 1."""
        return float(self.curves[:, -1].max())

    @property
    def has_limits(self) -> bool:
        """Whether no code is brighter than white."""
        return not self.is_float and self.peak <= 1

    @property
    def white(self) -> Doubles:
        """XYZ of white, Y about 1."""
        return np.asarray(self.to_xyz.sum(axis=1), np.float64)

    @functools.cached_property
    def gray_curve(self) -> Doubles:
        """Relative luminance, (CODES,), for codes R = G = B."""
        return np.asarray((self.to_xyz[1] / self.white[1]) @ self.curves, np.float64)

    @functools.cached_property
    def gray(self) -> "RgbSpace":
        """The space whose three curves are `gray_curve`."""
        return RgbSpace(np.stack([self.gray_curve] * 3), self.to_xyz)


@dataclass(frozen=True)
class ColorConversion:
    """How the codes of a source are read and those of its output are written.

    Attributes:
        source: Space of the source's codes; None if its profile needs Little CMS.
        output: Space of the output's codes.
        keeps_profile: Whether the output carries the source's profile.
        embeds_srgb: Whether the output carries an sRGB profile instead.
        ignores_profile: Whether the source's profile is not used because it is damaged or does not
            fit the pixels.
    """

    source: RgbSpace | None
    output: RgbSpace
    keeps_profile: bool = False
    embeds_srgb: bool = False
    ignores_profile: bool = False
    embeds: bytes = b""
    """Profile of `output` that is made for it; empty if another one, or none, says what it is."""
    only_in: str = ""
    """The only format whose files can say what `output` is; empty if all can."""

    @property
    def embeds_profile(self) -> bool:
        """Whether the output gets another profile than the source's."""
        return self.embeds_srgb or bool(self.embeds)

    def for_format(self, format_name: str) -> "ColorConversion":
        """Return the conversion for an output of this format."""
        if self.only_in and format_name != self.only_in:
            return replace(self, output=srgb(), embeds_srgb=True, embeds=b"")
        return self


@functools.cache
def srgb() -> RgbSpace:
    """Return sRGB under D65."""
    curve = srgb_to_linear(np.linspace(0, 1, CODES, dtype=np.float32))
    return RgbSpace(np.stack([curve.astype(np.float64)] * 3), RGB_TO_XYZ)


@functools.cache
def linear_light() -> ColorConversion:
    """Return the conversion for floats of linear light with sRGB's primaries."""
    identity = np.stack([np.linspace(0, 1, CODES)] * 3)
    space = RgbSpace(identity, RGB_TO_XYZ, is_float=True)
    return ColorConversion(space, space, only_in="tiff")


@functools.cache
def coded_light(name: str, light_from_code: Callable[[Doubles], Doubles]) -> ColorConversion:
    """Return the conversion for codes with this curve and sRGB's primaries; output keeps both.

    Args:
        name: The name of the profile that the output gets.
        light_from_code: From codes in [0, 1] to linear light, strictly rising, white at 1.
    """
    curve = np.asarray(light_from_code(np.linspace(0, 1, CODES)), np.float64)
    space = RgbSpace(np.stack([curve] * 3), _SRGB_TO_XYZ_D50)
    profile = rgb_profile(name, curve, _SRGB_TO_XYZ_D50)
    return ColorConversion(space, space, embeds=profile, only_in="tiff")


def from_lab() -> ColorConversion:
    """Return the conversion for pixels that are L*a*b* already."""
    return ColorConversion(None, srgb(), embeds_srgb=True)


def choose_conversion(profile: bytes | None, color_bands: int) -> ColorConversion:
    """Return the conversion for a picture with this profile and 1, 3 or 4 (CMYK) color bands.

    A profile that is damaged or does not fit the pixels is ignored.
    """
    if color_bands == 4:
        return ColorConversion(None, srgb(), embeds_srgb=True)
    if profile is None:
        return ColorConversion(srgb(), srgb())
    space = profile_space(profile)
    shaper = parse(profile) if space != "other" else None
    if space == "gray" and color_bands == 1 and shaper:
        # A gray profile defines only the lightness of codes; the primaries do not matter.
        gray = RgbSpace(np.repeat(shaper.curves, 3, axis=0), RGB_TO_XYZ)
        return ColorConversion(gray, srgb(), embeds_srgb=True)
    if space == "rgb" and shaper and shaper.to_xyz is not None:
        own = srgb() if _is_srgb(shaper) else RgbSpace(shaper.curves, shaper.to_xyz)
        return ColorConversion(own, own, keeps_profile=True)
    if space == "rgb" and color_bands == 3:
        return ColorConversion(None, srgb(), embeds_srgb=True)
    return without_profile(color_bands)


def without_profile(color_bands: int) -> ColorConversion:
    """Return the conversion for a picture whose profile cannot be used."""
    source = None if color_bands == 4 else srgb()
    return ColorConversion(source, srgb(), embeds_srgb=True, ignores_profile=True)


def conversion_from_chunks(chunks: Mapping[bytes, bytes]) -> ColorConversion:
    """Return the conversion for a PNG without a profile, by its chunks of color.

    Args:
        chunks: Data of cICP, sRGB, gAMA and cHRM, those that there are.

    Source:
        PNG third edition, 4.3 (which one wins), 11.3.2.
    """
    cicp = chunks.get(b"cICP", b"")
    if cicp[:2] == _CICP_LINEAR:
        return _in_png(1.0, None)
    if cicp or b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return ColorConversion(srgb(), srgb())
    gamma = int.from_bytes(chunks[b"gAMA"], "big")
    primaries = chunks.get(b"cHRM", b"")
    points = struct.unpack(">8I", primaries) if len(primaries) == 32 else None
    like_srgb = points is None or bool(np.allclose(points, _SRGB_POINTS, rtol=0, atol=200))
    if not _GAMMAS[0] <= gamma <= _GAMMAS[1] or (like_srgb and abs(gamma - _SRGB_GAMMA) < 500):
        return ColorConversion(srgb(), srgb())
    return _in_png(100_000 / gamma, None if like_srgb else points)


@functools.lru_cache(maxsize=8)
def _in_png(exponent: float, points: tuple[int, ...] | None) -> ColorConversion:
    """Return the conversion for codes that are linear light to the power of 1 / exponent."""
    matrix = RGB_TO_XYZ if points is None else _matrix_of(points)
    curve = np.linspace(0, 1, CODES) ** exponent
    space = RgbSpace(np.stack([curve] * 3), np.asarray(matrix, np.float64))
    if abs(np.linalg.det(space.to_xyz)) < _LEAST_DETERMINANT:
        return ColorConversion(srgb(), srgb())
    return ColorConversion(space, space, only_in="png")


def _matrix_of(points: tuple[int, ...]) -> Doubles:
    """Return RGB to XYZ for the white point and primaries of cHRM, in units of 1/100,000."""
    pairs = np.maximum(np.array(points, np.float64).reshape(4, 2) / 100_000, 1e-5)
    xyz = np.stack([pairs[:, 0], pairs[:, 1], 1 - pairs.sum(axis=1)]) / pairs[:, 1]
    try:
        scale = np.linalg.solve(xyz[:, 1:], xyz[:, 0])
    except np.linalg.LinAlgError:
        return np.zeros((3, 3))
    return np.asarray(xyz[:, 1:] * scale, np.float64)


def _is_srgb(shaper: Shaper) -> bool:
    if shaper.to_xyz is None:
        return False
    return bool(
        np.allclose(shaper.curves, srgb().curves, rtol=0, atol=_CURVE_TOLERANCE)
        and np.allclose(shaper.to_xyz, _SRGB_TO_XYZ_D50, rtol=0, atol=_MATRIX_TOLERANCE)
    )
