"""Likely colors, certainty and alternatives from a distribution over color bins."""

import numpy as np
import pytest

from colorworker.color.colordistribution import (
    ColorDistribution,
    certainty,
    likely_colors,
    variant_ab,
)

BINS = np.array([(a, b) for a in range(-60, 61, 10) for b in range(-60, 61, 10)], np.float32)
RED, BLUE = (int(np.argmin(np.abs(BINS - ab).sum(1))) for ab in ((50, 30), (10, -50)))


def distribution(logits, seed=0):
    features = np.random.default_rng(seed).random((4, 6, 8)).astype(np.float32)
    return ColorDistribution(logits, BINS, features, 0.38)


@pytest.fixture
def possible():
    """Left: red, or less likely blue. Right: gray for certain."""
    logits = np.full((16, 24, len(BINS)), -12, np.float32)
    logits[:, :12, RED], logits[:, :12, BLUE] = np.log(0.7), np.log(0.3)
    logits[:, 12:, len(BINS) // 2] = 4
    return distribution(logits)


@pytest.fixture
def lightness():
    return np.full((64, 96), 50, np.float32)


def test_likely_colors_have_their_probabilities_and_the_lightness_of_the_place(possible, lightness):
    red, blue, *rest = likely_colors(possible, lightness, 10, 10)

    assert red.probability == pytest.approx(0.7, abs=0.01)
    assert blue.probability == pytest.approx(0.3, abs=0.01)
    assert red.rgb[0] > 1.5 * red.rgb[2]
    assert blue.rgb[2] > 1.5 * blue.rgb[0]
    assert sum(each.probability for each in rest) < 0.01
    assert sum(each.probability for each in (red, blue, *rest)) <= 1 + 1e-6


def test_neighboring_bins_are_shown_as_one_color(lightness):
    logits = np.full((16, 24, len(BINS)), -12, np.float32)
    logits[..., [RED, RED + 1]] = 3

    first, *rest = likely_colors(distribution(logits), lightness, 0, 0)

    assert first.probability > 0.99
    assert len(rest) <= 4


@pytest.mark.parametrize("place", [(-1, 0), (64, 0), (0, 96)])
def test_a_place_outside_of_the_picture_is_refused(possible, lightness, place):
    with pytest.raises(ValueError, match="outside the picture of 96 x 64"):
        likely_colors(possible, lightness, *place)


def test_certainty_is_high_where_one_color_is_likely(possible):
    values = certainty(possible)
    even = certainty(distribution(np.zeros((16, 24, len(BINS)), np.float32)))

    assert values[:, 12:].min() > 0.9
    assert values[:, :12].max() < values[:, 12:].min()
    assert even.max() < 1e-3


def test_variants_change_what_is_uncertain_and_are_the_same_everywhere(possible, lightness):
    ab = np.zeros((64, 96, 2), np.float32)
    ab[:, :48] = (50, 30)

    variants = [variant_ab(possible, lightness, ab, number) for number in range(1, 9)]

    changes = [np.abs(variant - ab).sum(-1) for variant in variants]
    assert max(change[:, 8:40].mean() for change in changes) > 10
    assert max(change[:, 60:].mean() for change in changes) < 3
    np.testing.assert_array_equal(variant_ab(possible, lightness, ab, 3), variants[2])
    assert not np.allclose(variants[0], variants[1])


def test_variant_0_is_the_prediction(possible, lightness):
    ab = np.ones((64, 96, 2), np.float32)

    assert variant_ab(possible, lightness, ab, 0) is ab
