"""Conversions between sRGB, linear light and CIE L*a*b* under D65, in float32."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_EPSILON = 216 / 24389
_KAPPA = 24389 / 27

RGB_TO_XYZ: npt.NDArray[np.float64] = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
"""Linear sRGB to XYZ under D65, from the primaries and the white point of IEC 61966-2-1."""
# The sum of the primaries, not a rounded D65: so grays have exactly a* = b* = 0.
_WHITE = RGB_TO_XYZ.sum(axis=1)
_RGB_TO_RELATIVE_XYZ = (RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)
_RELATIVE_XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ / _WHITE[:, None]).astype(np.float32)

LUMINANCE_WEIGHTS: Floats = _RGB_TO_RELATIVE_XYZ[1]
"""Shares of linear R, G and B in luminance; they sum to 1."""


def srgb_to_linear(rgb: Floats) -> Floats:
    """Return linear light for sRGB values in [0, 1]; any shape.

    Source:
        IEC 61966-2-1:1999, 5.2.
    """
    rgb = np.asarray(rgb, np.float32)
    powered = ((np.maximum(rgb, np.float32(0)) + np.float32(0.055)) / np.float32(1.055)) ** 2.4
    return np.where(rgb <= np.float32(0.04045), rgb / np.float32(12.92), powered).astype(np.float32)


def linear_to_srgb(rgb: Floats) -> Floats:
    """Return sRGB values for linear light in [0, 1]; any shape.

    Source:
        IEC 61966-2-1:1999, 5.2.
    """
    rgb = np.asarray(rgb, np.float32)
    powered = np.float32(1.055) * np.maximum(rgb, np.float32(0)) ** np.float32(1 / 2.4)
    low = rgb <= np.float32(0.0031308)
    return np.where(low, rgb * np.float32(12.92), powered - np.float32(0.055)).astype(np.float32)


def lightness_from_luminance(luminance: Floats) -> Floats:
    """Return L* in [0, 100] for relative luminance Y in [0, 1]; any shape.

    Source:
        CIE 15:2004, 8.2.1, with the exact ratios 216/24389 and 24389/27.
    """
    return (np.float32(116) * _compress(np.asarray(luminance, np.float32)) - 16).astype(np.float32)


def luminance_from_lightness(lightness: Floats) -> Floats:
    """Return relative luminance Y in [0, 1] for L* in [0, 100]; any shape."""
    return _expand((np.asarray(lightness, np.float32) + 16) / np.float32(116))


def lab_from_linear_rgb(rgb: Floats) -> Floats:
    """Convert linear RGB with sRGB primaries to CIE L*a*b* under D65.

    Args:
        rgb: (..., 3), white = 1.0; values outside [0, 1] are colors outside the gamut.

    Returns:
        float32 (..., 3): L* in [0, 100]; a* and b* in practice within [-128, 127].
    """
    x, y, z = np.moveaxis(_compress(np.asarray(rgb, np.float32) @ _RGB_TO_RELATIVE_XYZ.T), -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1).astype(np.float32)


def linear_rgb_from_lab(lab: Floats) -> Floats:
    """Convert CIE L*a*b* under D65 to linear RGB with sRGB primaries.

    Args:
        lab: (..., 3), L* in [0, 100].

    Returns:
        float32 (..., 3), outside [0, 1] for colors outside the gamut.
    """
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float32), -1, 0)
    y = (lightness + 16) / np.float32(116)
    xyz = np.stack((y + a / 500, y, y - b / 200), axis=-1)
    return (_expand(xyz) @ _RELATIVE_XYZ_TO_RGB.T).astype(np.float32)


def _compress(relative: Floats) -> Floats:
    linear = (relative * np.float32(_KAPPA) + 16) / np.float32(116)
    return np.where(relative > np.float32(_EPSILON), np.cbrt(relative), linear).astype(np.float32)


def _expand(compressed: Floats) -> Floats:
    linear = (compressed * 116 - 16) / np.float32(_KAPPA)
    cubed = compressed**3
    return np.where(cubed > np.float32(_EPSILON), cubed, linear).astype(np.float32)
