"""Smoothing of predicted color along the edges of lightness."""

import numpy as np
import pytest

from colorworker.model.runtime import tf
from colorworker.model.smoothing import smooth_chroma

pytestmark = pytest.mark.integration

SIZE = 48


def smoothed(chroma, lightness):
    return smooth_chroma(
        tf.constant(chroma[np.newaxis], tf.float32), tf.constant(lightness[np.newaxis], tf.float32)
    ).numpy()[0]


def two_surfaces():
    """Return L* of two flat surfaces side by side."""
    return np.where(np.arange(SIZE) < SIZE // 2, 40.0, 70.0) * np.ones((SIZE, 1))


def test_one_color_stays_as_it_is():
    lightness = np.random.default_rng(1).uniform(0, 100, (SIZE, SIZE))
    chroma = np.full((SIZE, SIZE, 2), (12.0, -30.0))

    np.testing.assert_allclose(smoothed(chroma, lightness), chroma, atol=1e-3)


def test_a_blotch_on_a_flat_surface_fades_and_color_is_neither_made_nor_lost():
    chroma = np.zeros((SIZE, SIZE, 2))
    chroma[20:24, 8:12] = (40, 20)

    found = smoothed(chroma, two_surfaces())

    assert found.max() < 16
    np.testing.assert_allclose(found.sum((0, 1)), chroma.sum((0, 1)), rtol=1e-3)


def test_color_does_not_cross_an_edge_of_lightness():
    chroma = np.where(two_surfaces()[..., None] < 50, (30.0, 10.0), (-20.0, 5.0))

    found = smoothed(chroma, two_surfaces())

    assert np.abs(found - chroma).max() < 0.01


def test_turning_the_picture_turns_its_colors():
    random = np.random.default_rng(2)
    lightness = random.uniform(40, 60, (SIZE, SIZE)).cumsum(0) % 100
    chroma = random.normal(0, 20, (SIZE, SIZE, 2))

    found = smoothed(chroma, lightness)
    turned = smoothed(chroma.transpose(1, 0, 2), lightness.T).transpose(1, 0, 2)

    # Rows and columns are solved in turn, so the order matters a little.
    assert np.sqrt(((found - turned) ** 2).mean()) < 0.15 * np.sqrt((found**2).mean())
