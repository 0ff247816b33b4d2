"""Colorfulness, PSNR and chroma error against values computed by hand."""

import math

import numpy as np
import pytest

from colorworker.color.metrics import (
    MOST_PSNR,
    chroma_mse,
    colorfulness,
    colorfulness_absolute,
    psnr,
)

RED, GREEN, BLUE, GRAY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 128, 128)


def picture(*pixels):
    return np.array([pixels], np.uint8)


def test_gray_has_no_colorfulness():
    assert colorfulness(picture(GRAY, (3, 3, 3))) == 0
    assert colorfulness_absolute(picture(GRAY, (3, 3, 3))) == 0


def test_colorfulness_follows_the_formula_of_the_paper():
    # One red pixel next to a gray one: rg = 255, 0; yb = 127.5, 0.
    spread = math.hypot(127.5, 63.75)
    middle = math.hypot(127.5, 63.75)

    assert colorfulness(picture(RED, GRAY)) == pytest.approx(spread + 0.3 * middle)


def test_signed_and_absolute_colorfulness_differ_where_opposite_colors_meet():
    # Red and green: rg = 255, -255; yb = 127.5 twice. Signed rg varies; absolute rg does not.
    both = picture(RED, GREEN)

    assert colorfulness(both) == pytest.approx(255 + 0.3 * 127.5)
    assert colorfulness_absolute(both) == pytest.approx(0.3 * math.hypot(255, 127.5))


def test_blue_counts_on_the_yellow_blue_axis():
    # Blue alone: rg = 0, yb = -255; nothing varies.
    assert colorfulness(picture(BLUE, BLUE)) == pytest.approx(0.3 * 255)


def test_psnr_does_not_wrap_around_as_uint8_does():
    truth = np.full((4, 4, 3), 5, np.uint8)
    darker = np.full((4, 4, 3), 3, np.uint8)
    wrapped = 10 * np.log10(255**2 / np.mean((darker - truth) ** 2.0))

    assert psnr(darker, truth) == pytest.approx(10 * math.log10(255**2 / 4))
    assert psnr(truth, darker) == psnr(darker, truth)
    assert wrapped != pytest.approx(psnr(darker, truth))


def test_psnr_of_equal_pictures_is_finite():
    same = picture(RED, GRAY)

    assert psnr(same, same) == MOST_PSNR == pytest.approx(58.92, abs=0.01)


def test_chroma_error_covers_both_channels():
    truth = np.zeros((1, 2, 2), np.float32)
    chroma = np.array([[[3, 4], [0, 0]]], np.float32)

    assert chroma_mse(chroma, truth) == pytest.approx((9 + 16) / 4)


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        psnr(picture(RED), picture(RED, RED))
    with pytest.raises(ValueError, match="cannot be compared"):
        chroma_mse(np.zeros((0, 2)), np.zeros((0, 2)))
