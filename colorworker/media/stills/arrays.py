"""Pictures as NumPy arrays: their small L* for the network, and their color copy with the same L*.

Integers take the same path as files, so an array and a PNG of it get the same codes. libvips has no
such path for floats; those follow the same formulas in NumPy.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import (
    LUMINANCE_WEIGHTS,
    Floats,
    lightness_from_luminance,
    linear_rgb_from_lab,
    linear_to_srgb,
    srgb_to_linear,
)
from colorworker.media.stills.colorspace import ColorConversion, srgb
from colorworker.media.stills.lightness import (
    chroma_from_lightness,
    codes_from_lab,
    lightness_from_codes,
)
from colorworker.media.stills.picture import small_lab

Array = npt.NDArray[Any]

_DTYPES = ("uint8", "uint16", "float32", "float64")


def checked(array: Array) -> Array:
    """Return the array with shape (H, W) or (H, W, 3) and contiguous lines.

    Args:
        array: (H, W), (H, W, 1) or (H, W, 3); uint8, uint16, or float32 or float64 in [0, 1].

    Raises:
        ValueError: If the shape or the type is another one, or a float is outside of [0, 1].
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or 0 in array.shape:
        raise ValueError(f"shape {array.shape}: give (H, W), (H, W, 1) or (H, W, 3)")
    if array.dtype.name not in _DTYPES:
        raise ValueError(f"dtype {array.dtype}: give {', '.join(_DTYPES)}")
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0.0 and high <= 1.0):
            raise ValueError(f"floats from {low:.9g} to {high:.9g}: give values from 0 to 1")
    return np.ascontiguousarray(array)


def small_lightness(array: Array, height: int, width: int) -> Floats:
    """Return the L* of a picture at another size, (height, width), in [0, 100].

    Args:
        array: As `checked` returns it; sRGB codes.
        height: Of the result.
        width: Of the result.
    """
    return np.ascontiguousarray(small_array_lab(array, height, width)[..., 0])


def small_array_lab(array: Array, height: int, width: int) -> Floats:
    """Return the L*a*b* of a picture at another size, (height, width, 3).

    Args:
        array: As `checked` returns it; sRGB codes.
        height: Of the result.
        width: Of the result.
    """
    if array.dtype.kind == "f":
        # The network needs no more than 16 bits.
        array = np.rint(array * 65535).astype(np.uint16)
    codes = pyvips.Image.new_from_array(array)
    return small_lab(codes, ColorConversion(srgb(), srgb()), height, width)


def with_chroma(array: Array, slope: Floats, offset: Floats) -> Array:
    """Return the picture in color: RGB (H, W, 3) of the array's dtype, with the array's L*.

    a* and b* are slope * L* + offset, scaled into the sRGB gamut at constant lightness.

    Args:
        array: As `checked` returns it; sRGB codes.
        slope: (h, w, 2), of `color.guided.fit_to_luma`.
        offset: Like slope.
    """
    if array.dtype.kind == "f":
        return _float_with_chroma(array, slope, offset)
    conversion = ColorConversion(srgb(), srgb())
    lightness = lightness_from_codes(pyvips.Image.new_from_array(array), conversion)
    chroma = chroma_from_lightness(lightness, slope, offset)
    depth: Literal[8, 16] = 8 if array.dtype == np.uint8 else 16
    rgb: Array = codes_from_lab(lightness, chroma, conversion.output, depth).numpy()
    return rgb


def _float_with_chroma(array: Array, slope: Floats, offset: Floats) -> Array:
    linear = srgb_to_linear(array.astype(np.float32))
    luminance = linear if array.ndim == 2 else linear @ LUMINANCE_WEIGHTS
    lightness = lightness_from_luminance(luminance)
    chroma = chroma_from_lightness(pyvips.Image.new_from_array(lightness), slope, offset).numpy()
    rgb = linear_rgb_from_lab(np.concatenate([lightness[..., None], chroma], axis=2))
    signal: Array = np.clip(linear_to_srgb(scale_into_gamut(rgb, luminance)), 0, 1)
    return signal.astype(array.dtype)
