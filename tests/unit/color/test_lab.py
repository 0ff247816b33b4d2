import numpy as np
import pytest

from colorworker.color.gamut import scale_into_gamut
from colorworker.color.lab import (
    LUMINANCE_WEIGHTS,
    lab_from_linear_rgb,
    lightness_from_luminance,
    linear_rgb_from_lab,
    linear_to_srgb,
    luminance_from_lightness,
    srgb_to_linear,
)


def test_lab_of_srgb_red_equals_the_published_value():
    lab = lab_from_linear_rgb(np.array([1.0, 0.0, 0.0], np.float32))

    np.testing.assert_allclose(lab, (53.24, 80.09, 67.20), atol=0.02)


def test_grays_have_no_chroma_and_the_lightness_of_their_luminance():
    gray = np.linspace(0, 1, 257, dtype=np.float32)

    lab = lab_from_linear_rgb(np.repeat(gray[:, None], 3, axis=1))

    assert np.abs(lab[:, 1:]).max() < 1e-3
    np.testing.assert_allclose(lab[:, 0], lightness_from_luminance(gray), atol=1e-4)


def test_every_srgb_code_survives_a_round_trip_through_lab():
    codes = np.random.default_rng(0).integers(0, 256, (5000, 3))

    lab = lab_from_linear_rgb(srgb_to_linear((codes / 255).astype(np.float32)))
    back = linear_to_srgb(linear_rgb_from_lab(lab)) * 255

    assert np.abs(back - codes).max() < 0.01


def test_luminance_and_lightness_are_inverse_in_both_branches():
    luminance = np.array([0.0, 0.001, 216 / 24389, 0.01, 0.5, 1.0], np.float32)

    back = luminance_from_lightness(lightness_from_luminance(luminance))

    np.testing.assert_allclose(back, luminance, atol=1e-6)


@pytest.mark.parametrize("chroma", [0.0, 20.0, 90.0, 300.0])
def test_into_gamut_keeps_luminance_and_hue(chroma):
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, 4000)
    lightness = rng.uniform(0, 100, 4000)
    lab = np.stack((lightness, chroma * np.cos(angle), chroma * np.sin(angle)), axis=-1)
    rgb = linear_rgb_from_lab(lab.astype(np.float32))
    luminance = rgb @ LUMINANCE_WEIGHTS

    inside = scale_into_gamut(rgb, luminance)

    assert inside.min() >= 0
    assert inside.max() <= 1
    np.testing.assert_allclose(inside @ LUMINANCE_WEIGHTS, luminance, atol=2e-6)
    gray = luminance[:, None]
    assert np.all((inside - gray) * (rgb - gray) >= -1e-6)


def test_into_gamut_does_not_change_colors_inside():
    rgb = np.random.default_rng(2).random((1000, 3), dtype=np.float32)

    np.testing.assert_allclose(scale_into_gamut(rgb, rgb @ LUMINANCE_WEIGHTS), rgb, atol=1e-6)


def test_into_gamut_turns_black_and_white_gray():
    rgb = np.array([[0.3, -0.1, 0.0], [1.2, 0.9, 1.1]], np.float32)

    inside = scale_into_gamut(rgb, np.array([0.0, 1.0], np.float32))

    np.testing.assert_array_equal(inside, [[0, 0, 0], [1, 1, 1]])
