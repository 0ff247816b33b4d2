"""Chroma upsampled along the edges of luma: in integers for 8 bits, in floats for more."""

import numpy as np
import pytest

from colorworker.color.codes import positions_from_ab
from colorworker.color.luma import ColorSpec
from colorworker.media.planes import PlaneScaler
from colorworker.pipeline.propagation.upsample import (
    fit_anchor_planes,
    make_upsampler,
    prediction_on_grid,
    upsample_chroma,
)

WORKING, CHROMA = (32, 48), (80, 120)


def spec_of(depth):
    return ColorSpec("bt709", full_range=False, bit_depth=depth)


def scene(depth):
    """Return luma at the size of the chroma planes, dark left and light right, and its guide."""
    luma = np.full(CHROMA, 60 << (depth - 8), np.uint8 if depth == 8 else np.uint16)
    luma[:, 61:] = 170 << (depth - 8)
    return luma, PlaneScaler(*WORKING)(luma)


def painted(depth, ab):
    upsampler = make_upsampler(spec_of(depth), WORKING, CHROMA)
    luma, guide = scene(depth)
    planes = fit_anchor_planes(upsampler, guide, positions_from_ab(upsampler.table, ab))
    return np.stack(upsample_chroma(upsampler, luma, guide, planes)) / (1 << (depth - 8))


def two_colors(left, right):
    ab = np.empty((*WORKING, 2), np.float32)
    # The edge lies within one pixel of the small picture, which has a color between the two.
    ab[:, :24], ab[:, 24], ab[:, 25:] = left, np.add(left, right) / 2, right
    return ab


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_gray_stays_exactly_gray(depth):
    colored = painted(depth, np.zeros((*WORKING, 2), np.float32))

    np.testing.assert_array_equal(colored, np.full((2, *CHROMA), 128))


@pytest.mark.parametrize("depth", [8, 10])
def test_a_flat_color_is_the_same_at_both_sizes(depth):
    ab = np.broadcast_to(np.float32([25, -15]), (*WORKING, 2))
    small = make_upsampler(spec_of(depth), WORKING, WORKING)
    _, guide = scene(depth)

    wanted = np.stack(
        upsample_chroma(
            small, guide, guide, fit_anchor_planes(small, guide, prediction_on_grid(small, ab))
        )
    )
    large = painted(depth, ab)

    wanted = wanted / (1 << (depth - 8))
    for side in (slice(None, 20), slice(28, None)):
        across = slice(side.start and 70, side.stop and 50)
        expected = wanted[:, :, side].mean(axis=(1, 2))
        np.testing.assert_allclose(large[:, :, across].mean(axis=(1, 2)), expected, atol=0.6)


@pytest.mark.parametrize("depth", [8, 10])
def test_upsampled_colors_change_at_edges_of_luma(depth):
    colored = painted(depth, two_colors((-20, 30), (20, -10)))

    flat = colored[:, :, 20:50].mean(axis=(1, 2)), colored[:, :, 75:100].mean(axis=(1, 2))
    step = np.abs(flat[1] - flat[0])
    before, after = colored[:, 40, 60], colored[:, 40, 61]
    assert np.all(np.abs(after - before) > 0.6 * step)


def test_integers_and_floats_give_the_same_colors():
    random = np.random.default_rng(1)
    ab = random.normal(0, 12, (*WORKING, 2)).astype(np.float32)

    error = painted(8, ab) - painted(10, ab)

    assert np.abs(error.mean()) < 0.05
    assert np.sqrt((error**2).mean()) < 0.6


@pytest.mark.parametrize("depth", [8, 10])
def test_predictions_are_downscaled_by_area(depth):
    smaller = (30, 45)
    upsampler = make_upsampler(spec_of(depth), WORKING, smaller)
    ab = np.broadcast_to(np.float32([40, -60]), (*WORKING, 2))

    grid = prediction_on_grid(upsampler, ab)

    assert grid.shape == (2, *smaller)
    wanted = positions_from_ab(upsampler.table, ab).mean(axis=(1, 2))
    np.testing.assert_allclose(grid.mean(axis=(1, 2)), wanted, atol=0.05)
