"""A colored picture against its truth: against the libraries, and where it must be exact."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from colorworker.evaluation.measures import compare, differences, shown


@pytest.fixture
def truth(pictures):
    return next(pictures.read())


def scores_of(colored, truth):
    difference = differences(colored, truth.lightness, truth.chroma)
    return compare(colored, truth.chroma, truth.rgb, difference)


def test_the_truth_scores_no_error(truth):
    scores = scores_of(shown(truth.lightness, truth.chroma), truth)

    assert scores.ciede2000 == pytest.approx(0, abs=1e-3)
    assert scores.chroma_mse == pytest.approx(0, abs=1e-6)
    assert scores.ssim == pytest.approx(1)
    assert scores.psnr > 50


def test_scores_of_gray_match_scikit_image(truth):
    gray = shown(truth.lightness, np.zeros_like(truth.chroma))
    scores = scores_of(gray, truth)
    true_lab = rgb2lab(truth.rgb)
    gray_lab = true_lab * [1, 0, 0]

    assert scores.psnr == pytest.approx(peak_signal_noise_ratio(truth.rgb, gray.rgb))
    # Theirs begins at rounded codes; ours at the picture as libvips decodes it.
    assert scores.ciede2000 == pytest.approx(deltaE_ciede2000(true_lab, gray_lab).mean(), rel=0.01)
    assert scores.chroma_mse == pytest.approx((true_lab[..., 1:] ** 2).mean(), rel=0.01)
    assert scores.colorfulness == 0


def test_out_of_gamut_colors_are_scored_as_displayed(truth):
    wild = shown(truth.lightness, truth.chroma * 20)

    assert np.abs(wild.chroma).max() < 130
    assert np.abs(rgb2lab(wild.rgb)[..., 0] - truth.lightness).max() < 1.0


def test_ciede2000_separates_gray_from_half_right_where_psnr_and_ssim_do_not(truth):
    gray, half = (
        scores_of(shown(truth.lightness, truth.chroma * share), truth) for share in (0.0, 0.5)
    )

    assert half.ciede2000 < 0.7 * gray.ciede2000
    assert half.colorfulness > 0.3 * shown(truth.lightness, truth.chroma).rgb.std()
