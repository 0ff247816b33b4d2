"""Convert codes to L* and L* with chroma to codes, as streaming libvips operations."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.lab import Floats, lightness_from_luminance
from colorworker.media.stills.colorspace import ColorConversion, RgbSpace
from colorworker.media.stills.icc import CODES, Doubles
from colorworker.media.stills.loaders import VIPS

_LEAST_WHITE = 50
"""L* of white through a profile, at least; through one that is damaged, all may be black."""
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27
"""Constants of CIE 15:2004, 8.2.1, as exact fractions."""
_LAB_OFFSET = [16, 0, 0]
_STEP_8 = 257
"""Step of 16-bit codes per 8-bit code: 255 * 257 = 65535."""
_SPACES = 8
"""Color spaces whose tables are cached, least recently used first out; 3 MB per space."""


def lab_from_codes(codes: pyvips.Image, conversion: ColorConversion) -> pyvips.Image:
    """Return L*a*b*, three float bands, for a picture's color bands (without alpha)."""
    if conversion.source is None:
        return _lab_by_little_cms(codes, conversion)
    if codes.bands == 1:
        lightness = lightness_from_codes(codes, conversion)
        return lightness.bandjoin([0, 0]).copy(interpretation="lab")
    space = conversion.source
    if space.is_float:
        return _lab_from_linear(codes, space)
    linear = codes.maplut(_linear_lut(space, codes.format == "uchar"))
    if not space.has_limits:
        return _lab_from_linear(linear, space)
    xyz = linear.recomb(_matrix(space.to_xyz * 100)).copy(interpretation="xyz")
    return xyz.XYZ2Lab(temp=_white(space))


def _lab_from_linear(linear: pyvips.Image, space: RgbSpace) -> pyvips.Image:
    """Return L*a*b* of light that may be brighter than white, which XYZ2Lab does not convert."""
    xyz = linear.recomb(_matrix(space.to_xyz / space.white[:, None]))
    # CIE 15:2004, 8.2.1.
    root = (xyz > _EPSILON).ifthenelse(xyz ** (1 / 3), xyz * (_KAPPA / 116) + 16 / 116)
    lab = root.recomb(pyvips.Image.new_from_array([[0, 116, 0], [500, -500, 0], [0, 200, -200]]))
    return (lab - _LAB_OFFSET).copy(interpretation="lab")


def lightness_from_codes(codes: pyvips.Image, conversion: ColorConversion) -> pyvips.Image:
    """Return L*, one float band, for a picture's color bands; white is 100.

    Only codes that are brighter than white have more, and only negative floats less than 0.
    """
    if codes.bands == 1 and conversion.source is not None and conversion.source.is_float:
        bright = (codes > _EPSILON).ifthenelse(codes ** (1 / 3) * 116 - 16, codes * _KAPPA)
        return bright.cast("float")
    if codes.bands == 1 and conversion.source is not None:
        return codes.maplut(_lightness_lut(conversion.source, codes.format == "uchar"))
    return lab_from_codes(codes, conversion)[0]


def chroma_from_lightness(lightness: pyvips.Image, slope: Floats, offset: Floats) -> pyvips.Image:
    """Return a* and b* = slope * L* + offset, with the coefficients enlarged to the size of L*.

    Args:
        lightness: L*, one band.
        slope: (h, w, 2), in the orientation of the stored pixels.
        offset: Like slope.
    """
    coefficients = np.ascontiguousarray(np.concatenate((slope, offset), axis=2), np.float32)
    height, width = slope.shape[:2]
    across, down = lightness.width / width, lightness.height / height
    # affine() instead of resize(), which shifts enlarged pictures by half a new pixel.
    large = pyvips.Image.new_from_array(coefficients).affine(
        [across, 0, 0, down],
        interpolate=pyvips.Interpolate.new("bilinear"),
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        oarea=[0, 0, lightness.width, lightness.height],
        extend="copy",
    )
    return large.extract_band(0, n=2) * lightness + large.extract_band(2, n=2)


def codes_from_lab(
    lightness: pyvips.Image, chroma: pyvips.Image, space: RgbSpace, depth: int
) -> pyvips.Image:
    """Return RGB codes whose L* is `lightness`, with chroma scaled into gamut.

    They have 8 or 16 bits, or are floats of linear light if the depth is 32.
    """
    lab = lightness.bandjoin(chroma).copy(interpretation="lab")
    xyz = lab.Lab2XYZ(temp=_white(space))
    linear = xyz.recomb(_matrix(np.linalg.inv(space.to_xyz) / 100))
    inside = _into_gamut(linear, space)
    if depth == 32:
        return inside.cast("float").copy(interpretation="scrgb")
    return _encoded(inside, space, depth)


def gray_codes(lightness: pyvips.Image, space: RgbSpace) -> pyvips.Image:
    """Return the 16-bit code of the gray with this L*, one band; used as a scale to compare L*."""
    zero = lightness.bandjoin([0, 0]).copy(interpretation="lab")
    luminance = zero.Lab2XYZ(temp=[100, 100, 100])[1] / 100
    if space.is_float:
        return luminance * (CODES - 1)
    return _encoded(luminance.clamp(max=space.peak), space.gray, 16)


def _into_gamut(linear: pyvips.Image, space: RgbSpace) -> pyvips.Image:
    """Scale a libvips image into gamut, by the formula of `color.gamut.scale_into_gamut`.

    What is brighter than white, or darker than black, stays as it is but becomes gray.
    """
    weights = space.to_xyz[1] / space.white[1]
    gray = linear.recomb(_matrix(weights[None]))
    if not space.has_limits:
        return _into_limits(linear, gray, space)
    gray = gray.clamp()
    above = linear[0].maxpair(linear[1]).maxpair(linear[2]) - gray
    below = gray - linear[0].minpair(linear[1]).minpair(linear[2])
    room = 1 - gray
    # In libvips, division by zero gives 0: at black and white there is no room and no chroma.
    share = (room / above.maxpair(room)).minpair(gray / below.maxpair(gray))
    return ((linear - gray) * share + gray).clamp()


def _into_limits(linear: pyvips.Image, gray: pyvips.Image, space: RgbSpace) -> pyvips.Image:
    inside = gray.clamp()
    above = linear[0].maxpair(linear[1]).maxpair(linear[2]) - inside
    below = inside - linear[0].minpair(linear[1]).minpair(linear[2])
    room = 1 - inside
    share = (room / above.maxpair(room)).minpair(inside / below.maxpair(inside))
    colored = (linear - gray) * share + gray
    return colored if space.is_float else colored.clamp(max=space.peak)


def _encoded(linear: pyvips.Image, space: RgbSpace, depth: int) -> pyvips.Image:
    """Return rounded codes for linear light in [0, 1], from tables indexed by its square root.

    Rounded to 16 bits, the square root is a fine enough index for 8-bit codes. For 16-bit codes the
    value is interpolated between two entries.
    """
    if not space.has_limits:
        linear = linear / space.peak
    place = linear**0.5 * (CODES - 1)
    if depth == 8:
        table = _encoding_lut_8(space)
        return (place + 0.5).cast("ushort").maplut(table).copy(interpretation="srgb")
    index = place.cast("ushort")
    values, steps = _encoding_luts_16(space)
    exact = index.maplut(values) + (place - index) * index.maplut(steps)
    return (exact + 0.5).cast("ushort").copy(interpretation="rgb16")


def _encoding(curves: Doubles) -> Floats:
    """Return the inverse of the curves, (1 or 3, CODES): codes for the squares of [0, 1]."""
    different = curves if np.any(curves != curves[:1]) else curves[:1]
    linear = np.linspace(0, 1, CODES) ** 2 * max(1.0, float(curves[:, -1].max()))
    codes = np.arange(CODES)
    return np.stack([np.interp(linear, curve, codes) for curve in different]).astype(np.float32)


# Tables of 65536 entries cost more than the pixels of a small picture, and most share one space.
@lru_cache(maxsize=_SPACES)
def _encoding_lut_8(space: RgbSpace) -> pyvips.Image:
    return _lut(np.rint(_encoding(space.curves) / _STEP_8).astype(np.uint8))


@lru_cache(maxsize=_SPACES)
def _encoding_luts_16(space: RgbSpace) -> tuple[pyvips.Image, pyvips.Image]:
    """Return the codes, and the difference of each entry to the next."""
    values = _encoding(space.curves)
    return _lut(values), _lut(np.diff(values, axis=1, append=values[:, -1:]))


@lru_cache(maxsize=_SPACES)
def _linear_lut(space: RgbSpace, eight_bits: bool) -> pyvips.Image:
    return _lut(_sampled(space.curves, eight_bits))


@lru_cache(maxsize=_SPACES)
def _lightness_lut(space: RgbSpace, eight_bits: bool) -> pyvips.Image:
    """Return the L* for codes R = G = B."""
    curve = lightness_from_luminance(space.gray_curve.astype(np.float32))
    return _lut(_sampled(curve[None], eight_bits))


def _sampled(curves: Doubles | Floats, eight_bits: bool) -> Floats:
    step = _STEP_8 if eight_bits else 1
    return curves[:, ::step].astype(np.float32)


def _lut(bands: npt.NDArray[np.number]) -> pyvips.Image:
    return pyvips.Image.new_from_array(np.ascontiguousarray(bands.T[None]))


def _matrix(values: Doubles) -> pyvips.Image:
    return pyvips.Image.new_from_array(values.tolist())


def _white(space: RgbSpace) -> list[float]:
    return [float(value * 100) for value in space.white]


def can_convert(white: pyvips.Image) -> bool:
    """Return whether Little CMS can use the picture's own profile, and finds its white light.

    Args:
        white: White, or no ink, with that profile.
    """
    with VIPS:
        try:
            lab = white.icc_import(embedded=True, pcs="lab", intent="relative")
            return bool(lab[0].avg() > _LEAST_WHITE)
        except pyvips.Error:
            return False


def _lab_by_little_cms(codes: pyvips.Image, conversion: ColorConversion) -> pyvips.Image:
    default = "cmyk" if codes.bands == 4 else "srgb"
    if codes.interpretation in ("lab", "labs"):
        return codes.colourspace("lab")
    own = not conversion.ignores_profile
    return codes.icc_import(embedded=own, input_profile=default, pcs="lab", intent="relative")
