"""Narrow ranges of lightness are stretched for the network, others are left alone."""

import numpy as np
import pytest

from colorworker.color.levels import level

FULL = np.linspace(3, 97, 64 * 64, dtype=np.float32).reshape(64, 64)


def test_a_picture_of_full_range_is_unchanged():
    assert level(FULL) is FULL


@pytest.mark.parametrize(("low", "high"), [(20, 70), (40, 60), (70, 95), (2, 12)])
def test_a_narrow_range_becomes_the_same_as_a_full_one(low, high):
    narrow = low + (high - low) / 100 * FULL

    assert np.abs(level(narrow) - (level(20 + 0.5 * FULL))).max() < 0.01
    assert np.percentile(level(narrow), (0.5, 99.5)) == pytest.approx((2, 98), abs=0.01)


def test_single_specks_do_not_decide_the_range():
    narrow = 40 + 0.2 * FULL
    narrow[0, :4] = (0, 0, 100, 100)

    assert level(narrow)[32:].max() > 95
    assert level(narrow).min() == 0
    assert level(narrow).max() == 100


def test_the_noise_of_a_plain_picture_is_not_stretched():
    plain = 50 + 0.03 * FULL

    assert level(plain) is plain
