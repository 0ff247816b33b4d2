"""Colors of another picture go to what looks alike, and its general tone to the rest."""

import numpy as np

from colorworker.color.exemplar import colors_from_exemplar, make_exemplar
from colorworker.color.knowncolors import apply_known_colors

SKY, GRASS, OTHER = np.eye(3, dtype=np.float32)


def features(top, bottom):
    """Return what a network sees in a picture of two halves, (16, 16, 3)."""
    return np.stack([top] * 8 + [bottom] * 8)[:, None].repeat(16, 1)


def lab(lightness, top, bottom):
    picture = np.zeros((128, 128, 3), np.float32)
    picture[..., 0] = lightness
    picture[:64, :, 1:], picture[64:, :, 1:] = top, bottom
    return picture


EXEMPLAR = make_exemplar(lab(60, (0, -40), (-30, 40)), features(SKY, GRASS))
LIGHTNESS = np.full((128, 128), 60, np.float32)
PREDICTED = np.full((128, 128, 2), (5, 10), np.float32)


def colored(seen, strength=1.0, exemplar=EXEMPLAR):
    known = colors_from_exemplar(exemplar, LIGHTNESS, PREDICTED, seen, strength)
    return apply_known_colors(LIGHTNESS, PREDICTED, [known])


def test_what_looks_alike_takes_the_colors_wherever_it_is():
    found = colored(features(GRASS, SKY))

    assert np.abs(found[:40] - (-30, 40)).max() < 3
    assert np.abs(found[88:] - (0, -40)).max() < 3


def test_strength_0_changes_nothing_and_half_is_half_the_way():
    np.testing.assert_array_equal(colored(features(GRASS, SKY), 0.0), PREDICTED)
    half = colored(features(GRASS, SKY), 0.5)

    assert np.abs(half[:40] - np.array((-25, 50)) / 2).max() < 2


def test_what_nothing_matches_takes_the_general_tone_only():
    found = colored(features(OTHER, OTHER))

    tone = np.array((-15, 0))
    assert np.abs(found - (tone + np.array((5, 10))) / 2).max() < 2


def test_without_features_the_mean_of_the_colors_is_matched():
    found = colored(None, exemplar=make_exemplar(lab(60, (0, -40), (-30, 40)), None))

    assert np.abs(found.mean((0, 1)) - (-15, 0)).max() < 1
