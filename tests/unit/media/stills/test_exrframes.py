"""Colors of half and float whose luminance is exact."""

import numpy as np
import pytest

from colorworker.color.gamut import scale_into_gamut
from colorworker.media.stills.exrframes import exact_colors

WEIGHTS = np.array([0.2126729, 0.7151522, 0.0721750])
WEIGHTS /= WEIGHTS.sum()


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_any_color_gets_exactly_the_luminance_and_only_white_and_black_become_gray(kind):
    random = np.random.default_rng(0)
    luminance = (10 ** random.uniform(-4, 0, (200, 200))).astype(kind)
    # Of any hue, half of them at the edge of the gamut.
    color = random.uniform(0, 1, (200, 200, 3)) ** 3
    color *= (luminance / (color @ WEIGHTS))[..., None]
    color = scale_into_gamut(color.astype(np.float32), luminance)
    luminance[0] = np.linspace(-2, 0, 200)
    luminance[1] = np.linspace(1, 60000, 200)

    found = exact_colors(color, luminance.astype(np.float32), kind)

    assert np.array_equal(found, found.astype(kind))
    assert np.array_equal((found.astype(np.float64) @ WEIGHTS).astype(kind), luminance)
    is_gray = (found == found[..., :1]).all(axis=-1)
    assert is_gray[:2].all()
    colorful = color.max(axis=-1) - color.min(axis=-1) > 0.02 * luminance
    assert not (is_gray & colorful)[2:].any()
    off = np.abs(found - color)[2:].max(axis=-1) / color[2:].max(axis=-1)
    assert np.percentile(off, 99) < (2e-3 if kind is np.float16 else 1e-6)
