"""Scores of one colorized picture against its truth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import (
    Floats,
    lab_from_linear_rgb,
    linear_rgb_from_lab,
    linear_to_srgb,
    luminance_from_lightness,
    srgb_to_linear,
)
from colorworker.color.metrics import (
    chroma_mse,
    colorfulness,
    colorfulness_absolute,
    psnr,
)
from colorworker.errors import DependencyMissing

try:
    from skimage.color import deltaE_ciede2000
    from skimage.metrics import structural_similarity
except ModuleNotFoundError as error:
    raise DependencyMissing(
        "scikit-image",
        "is not installed; evaluation needs it for SSIM and CIEDE2000",
        "Install it: pip install 'colorworker[evaluate]'",
    ) from error

MIN_SIDE = 11
"""Side of SSIM's window in pixels, and so the minimum side of a measured picture."""


@dataclass(frozen=True)
class Scores:
    """Scores of one picture; comparisons with the truth use the true lightness."""

    colorfulness: float
    """Hasler-Suesstrunk colorfulness, signed."""
    colorfulness_absolute: float
    """The same with absolute opponent values."""
    psnr: float
    """PSNR of RGB, in dB."""
    ssim: float
    """SSIM of RGB, mean over channels."""
    chroma_mse: float
    """Mean squared error of a* and b*, over both channels."""
    ciede2000: float
    """Mean CIEDE2000 over pixels; color only, because lightness equals the truth's."""


@dataclass(frozen=True)
class Shown:
    """Chroma as displayed: with the true lightness, in gamut, in 8 bits."""

    chroma: Floats
    """a*, b* inside the sRGB gamut, (H, W, 2), not rounded."""
    rgb: npt.NDArray[np.uint8]
    """sRGB codes, (H, W, 3)."""


def shown(lightness: Floats, chroma: Floats) -> Shown:
    """Return predicted chroma as the worker writes it: scaled into gamut at constant lightness.

    Args:
        lightness: L* in [0, 100], (H, W).
        chroma: a*, b*, (H, W, 2), in gamut or not.
    """
    lab = np.concatenate((lightness[..., None], chroma), axis=-1)
    linear = scale_into_gamut(linear_rgb_from_lab(lab), luminance_from_lightness(lightness))
    rgb = np.rint(linear_to_srgb(linear) * 255).astype(np.uint8)
    return Shown(lab_from_linear_rgb(linear)[..., 1:], rgb)


def lab_of(rgb: npt.NDArray[np.uint8]) -> Floats:
    """Return L*a*b*, (H, W, 3), of sRGB codes, (H, W, 3), uint8."""
    return lab_from_linear_rgb(srgb_to_linear(np.divide(rgb, 255, dtype=np.float32)))


def differences(colored: Shown, lightness: Floats, chroma: Floats) -> npt.NDArray[np.float64]:
    """Return CIEDE2000 of each pixel, (H, W), at the true lightness.

    Args:
        colored: From `shown`, with the true lightness.
        lightness: The true L*, (H, W).
        chroma: The true a*, b*, (H, W, 2).

    Source:
        Sharma, Wu and Dalal 2005, as implemented by scikit-image.
    """
    light = lightness[..., None]
    true, seen = np.concatenate((light, chroma), -1), np.concatenate((light, colored.chroma), -1)
    return np.asarray(deltaE_ciede2000(true, seen), np.float64)


def compare(
    colored: Shown,
    chroma: Floats,
    rgb: npt.NDArray[np.uint8],
    difference: npt.NDArray[np.float64],
) -> Scores:
    """Return the scores of a colored picture.

    Args:
        colored: From `shown`, with the true lightness; sides of at least `MIN_SIDE`.
        chroma: The true a*, b*, (H, W, 2).
        rgb: The true sRGB codes, (H, W, 3).
        difference: From `differences`.

    Source:
        SSIM: Wang, Bovik, Sheikh and Simoncelli 2004, with their Gaussian window of 11 pixels,
        sigma 1.5, as implemented by scikit-image.
    """
    return Scores(
        colorfulness=colorfulness(colored.rgb),
        colorfulness_absolute=colorfulness_absolute(colored.rgb),
        psnr=psnr(colored.rgb, rgb),
        ssim=float(
            structural_similarity(
                rgb.astype(np.float32),  # half the time of float64, equal to 7 digits
                colored.rgb.astype(np.float32),
                channel_axis=-1,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
        ),
        chroma_mse=chroma_mse(colored.chroma, chroma),
        ciede2000=float(difference.mean()),
    )
