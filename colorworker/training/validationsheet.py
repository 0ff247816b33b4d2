"""The sample sheet: the same held-out pictures after every epoch, colorized as in a job."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import linear_rgb_from_lab, linear_to_srgb, luminance_from_lightness
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.report.plots import picture_grid

Codes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def colored_sheet(path: Path, pictures: Sequence[Floats], title: str) -> bytes:
    """Return a PNG with each picture in gray, colorized by the weights, and in its true colors.

    Args:
        path: File of weights.
        pictures: L*a*b*, (H, W, 3), all of one size.
        title: Title of the sheet.
    """
    colorizer = load_colorizer(resolve(path))
    lab = np.stack(pictures)
    chroma = colorizer.predict(np.ascontiguousarray(lab[..., 0]))
    rows = []
    for picture, ab in zip(lab, chroma, strict=True):
        lightness = picture[..., :1]
        gray = np.concatenate((lightness, np.zeros_like(ab)), -1)
        rows.append([_codes(gray), _codes(np.concatenate((lightness, ab), -1)), _codes(picture)])
    pairs = [list(chain(*rows[index : index + 2])) for index in range(0, len(rows), 2)]
    columns = ("gray", "colored", "truth")
    return picture_grid(pairs, titles=columns * (2 if len(rows) > 1 else 1), title=title)


def _codes(lab: Floats) -> Codes:
    rgb = scale_into_gamut(linear_rgb_from_lab(lab), luminance_from_lightness(lab[..., 0]))
    return np.rint(linear_to_srgb(rgb) * 255).astype(np.uint8)
