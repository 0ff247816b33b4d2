"""Numbers that say how colorful a picture is, and how far from another; NumPy only.

All take codes as uint8 and compute in float64: differences of uint8 wrap (3 - 5 is 254), and
published tables have been 7 dB too good for it.
"""

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Chroma = npt.NDArray[np.floating]

FINEST_MSE = 1 / 12
"""Mean squared error of rounding to codes; nothing finer is told apart."""
MOST_PSNR = float(10 * np.log10(255**2 / FINEST_MSE))
"""What `psnr` gives equal pictures, about 58.9 dB, so that means over pictures stay finite."""


def colorfulness(rgb: Codes) -> float:
    """Return the colorfulness of Hasler and Suesstrunk, opponents signed: 0 for gray, about 40.

    sqrt(s_rg^2 + s_yb^2) + 0.3 sqrt(m_rg^2 + m_yb^2), the standard deviations and means of
    rg = R - G and yb = (R + G) / 2 - B over the picture.

    Args:
        rgb: sRGB codes, (H, W, 3).

    Source:
        Hasler and Suesstrunk, "Measuring colorfulness in natural images", Proc. SPIE 5007 (2003),
        section 7; signed as in the paper and in IPOL's code. Compare only with signed values.
    """
    return _colorfulness(*_opponents(rgb))


def colorfulness_absolute(rgb: Codes) -> float:
    """Return the same of |R - G| and |(R + G) / 2 - B|: what many published tables hold.

    It is 8 % less than the signed value on photographs (38.5 against 41.8), and less still where
    opposite colors meet. Compare only with absolute values.

    Args:
        rgb: sRGB codes, (H, W, 3).

    Source:
        The evaluation code of DDColor, CT2 and ColorMNet.
    """
    return _colorfulness(*(np.abs(opponent) for opponent in _opponents(rgb)))


def psnr(rgb: Codes, truth: Codes) -> float:
    """Return the peak signal-to-noise ratio in dB over all three channels, at most `MOST_PSNR`.

    Args:
        rgb: sRGB codes, (H, W, 3).
        truth: Of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    _check(rgb, truth)
    mse = float(np.mean((rgb.astype(np.float64) - truth.astype(np.float64)) ** 2))
    return float(10 * np.log10(255**2 / max(mse, FINEST_MSE)))


def chroma_mse(chroma: Chroma, truth: Chroma) -> float:
    """Return the mean squared difference of a* and b*, over pixels and both channels.

    Its root, taken after averaging over pictures, is the ab-RMSE of tables.

    Args:
        chroma: a*, b*, (..., 2).
        truth: Of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    _check(chroma, truth)
    return float(np.mean((chroma.astype(np.float64) - truth.astype(np.float64)) ** 2))


def _opponents(rgb: Codes) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    return red - green, (red + green) / 2 - blue


def _colorfulness(rg: npt.NDArray[np.float64], yb: npt.NDArray[np.float64]) -> float:
    spread = np.hypot(rg.std(), yb.std())
    return float(spread + 0.3 * np.hypot(rg.mean(), yb.mean()))


def _check(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> None:
    if one.shape != other.shape or one.size == 0:
        raise ValueError(f"shapes {one.shape} and {other.shape} cannot be compared")
