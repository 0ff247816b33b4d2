"""Cineon's code for scanned film: printing density, of which light is an exponential."""

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

HIGHEST_CODE = 1023
"""Of the 10 bits; other depths are the same share of their highest code."""
WHITE_CODE = 685
"""A white of 90 % reflectance; codes above it are brighter, as in lamps and the sky."""
_DENSITY_PER_CODE = 0.002
_NEGATIVE_GAMMA = 0.6
_STEP = _DENSITY_PER_CODE / _NEGATIVE_GAMMA
_LEAST = 10.0 ** (-WHITE_CODE * _STEP)


def light_from_code(share: npt.ArrayLike) -> Doubles:
    """Return linear light, white = 1, for codes as shares of the highest code; any shape.

    The result rises strictly from 0 to 13.5, so that no two codes become one. Black of code 95 is
    therefore 0.006 and not 0.

    Args:
        share: In [0, 1].

    Source:
        Kodak, Conversion of 10-bit Log Film Data to 8-bit Linear or Video Data for the Cineon
        Digital Film System (1995): code 685 is white, 0.002 density per code, gamma 0.6.
    """
    code = np.asarray(share, np.float64) * HIGHEST_CODE
    light = (10.0 ** ((code - WHITE_CODE) * _STEP) - _LEAST) / (1 - _LEAST)
    return np.asarray(light, np.float64)


def code_from_light(light: npt.ArrayLike) -> Doubles:
    """Return codes as shares of the highest code, the inverse of `light_from_code`; any shape.

    Below 0 the curve continues as a line, so that it stays monotonic.
    """
    light = np.asarray(light, np.float64)
    above = np.log10(np.maximum(light, 0) * (1 - _LEAST) + _LEAST) / _STEP + WHITE_CODE
    slope = (1 - _LEAST) / (_LEAST * _STEP * np.log(10))
    return np.asarray((above + np.minimum(light, 0) * slope) / HIGHEST_CODE, np.float64)
