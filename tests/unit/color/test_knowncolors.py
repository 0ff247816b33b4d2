"""Known colors: in place of the prediction, and around them by their residual."""

import numpy as np
import pytest

from colorworker.color.knowncolors import (
    KnownColors,
    apply_known_colors,
    replace_known,
    spread_residuals,
)

HEIGHT, WIDTH = 64, 96


def known(region, color, origin="hint", weight=1.0):
    """Return one color, known in a region of a 64 x 96 picture."""
    weights = np.zeros((HEIGHT, WIDTH), np.float32)
    weights[region] = weight
    ab = np.full((HEIGHT, WIDTH, 2), np.nan, np.float32)
    ab[region] = color
    return KnownColors(np.where(weights[..., None] > 0, ab, 0), weights, origin)


@pytest.fixture
def lightness():
    """Bright on the left, dark on the right."""
    picture = np.full((HEIGHT, WIDTH), 75, np.float32)
    picture[:, WIDTH // 2 :] = 15
    return picture


@pytest.fixture
def predicted():
    return np.full((HEIGHT, WIDTH, 2), (5, 10), np.float32)


@pytest.mark.parametrize("origin", ["hint", "stroke", "overlay", "reference", "exemplar"])
def test_a_certain_color_is_exact_whatever_its_origin(lightness, predicted, origin):
    region = np.s_[20:23, 10:13]

    found = apply_known_colors(lightness, predicted, [known(region, (50, -40), origin)])

    np.testing.assert_array_equal(found[region], np.broadcast_to((50, -40), (3, 3, 2)))


def test_hints_reach_similar_pixels_and_less_those_of_other_lightness(lightness, predicted):
    hint = known(np.s_[20:24, 40:44], (50, -40))

    moved = np.abs(apply_known_colors(lightness, predicted, [hint]) - predicted).sum(-1)

    assert moved[30, 36] > 40
    assert moved[30, 60] < moved[30, 28] / 2
    assert moved[63, 0] < moved[30, 36] / 2


@pytest.mark.parametrize("origin", ["stroke", "overlay", "exemplar"])
def test_colors_that_are_filled_already_change_nothing_around_them(lightness, predicted, origin):
    region = np.s_[20:40, 10:40]

    found = apply_known_colors(lightness, predicted, [known(region, (50, -40), origin)])

    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[region] = False
    np.testing.assert_array_equal(found[outside], predicted[outside])


def test_later_colors_cover_earlier_ones_and_half_a_weight_is_half_the_way(lightness, predicted):
    region = np.s_[10:20, 10:20]
    below, above = known(region, (50, 50), "overlay"), known(region, (10, -10), "overlay", 0.5)

    found = apply_known_colors(lightness, predicted, [below, above])

    np.testing.assert_allclose(found[region], np.broadcast_to((30, 20), (10, 10, 2)), atol=1e-4)


def test_no_known_color_changes_nothing(lightness, predicted):
    nothing = known(np.s_[:0], (0, 0))

    assert np.array_equal(apply_known_colors(lightness, predicted, []), predicted)
    assert np.array_equal(apply_known_colors(lightness, predicted, [nothing]), predicted)


def test_a_reference_colors_what_it_does_not_cover_from_its_surroundings(lightness, predicted):
    reference = known(np.s_[:, 8:], (30, 20), "reference")

    found = apply_known_colors(lightness, predicted, [reference])

    assert np.abs(found[:, :8] - (30, 20)).max() < 3


def test_residuals_spread_over_planes_of_any_unit(lightness, predicted):
    planes = np.ascontiguousarray(np.moveaxis(predicted, -1, 0))
    hint = known(np.s_[20:24, 40:44], (50, -40))
    target = np.moveaxis(hint.ab, -1, 0)

    plain = spread_residuals(lightness, planes, target, hint.weight)
    scaled = spread_residuals(lightness, planes * 8 + 512, target * 8 + 512, hint.weight)

    np.testing.assert_allclose(scaled, plain * 8 + 512, atol=0.05)


def test_colors_of_unknown_pixels_do_not_matter(lightness, predicted):
    hint = known(np.s_[20:24, 40:44], (50, -40))
    noise = np.where(hint.weight[..., None] > 0, hint.ab, np.float32(999))

    found = apply_known_colors(lightness, predicted, [KnownColors(noise, hint.weight, "hint")])

    np.testing.assert_allclose(found, apply_known_colors(lightness, predicted, [hint]), atol=1e-3)


def test_a_single_known_pixel_survives_every_size():
    picture = KnownColors(
        np.full((400, 600, 2), (40, -20), np.float32), np.zeros((400, 600), np.float32), "hint"
    )
    picture.weight[201, 333] = 1

    for size in ((400, 600), (256, 384), (37, 64), (800, 1200)):
        small = picture.resized(*size)
        assert small.weight.shape == size
        assert small.weight.max() == 1
        assert np.abs(small.ab[small.weight == 1] - (40, -20)).max() < 1e-3
        assert (small.weight > 0).sum() <= 16


def test_shapes_that_do_not_match_are_refused(lightness, predicted):
    with pytest.raises(ValueError, match="do not match"):
        KnownColors(predicted, np.zeros((3, 3), np.float32), "hint")
    planes = np.moveaxis(predicted, -1, 0)
    with pytest.raises(ValueError, match="do not match"):
        spread_residuals(lightness[:9], planes, planes, np.ones((HEIGHT, WIDTH), np.float32))


def test_replacing_keeps_what_is_not_known():
    planes = np.zeros((2, 2, 2), np.float32)
    weight = np.array([[0, 1], [0.25, 0]], np.float32)

    replaced = replace_known(planes, np.full((2, 2, 2), 8, np.float32), weight)

    np.testing.assert_array_equal(replaced[0], [[0, 8], [2, 0]])
