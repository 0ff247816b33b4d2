import numpy as np
import pytest

from colorworker.color.temporal import (
    PaletteEstimate,
    WarpedAnchor,
    average_with_later,
    blend_between,
    normalize_luma,
    unmatched_share,
)

SHAPE = (20, 30)


def flat(value):
    return np.full(SHAPE, value, np.float32)


def color(value):
    return np.full((2, *SHAPE), value, np.float32)


def lumas(*pictures):
    """Return the normalized luma of pictures of full-range luma in percent."""
    return [normalize_luma(np.rint(picture * 2.55).astype(np.uint8), 255) for picture in pictures]


def at(own, value, trust=1.0):
    return WarpedAnchor(own, color(value), flat(trust))


def estimate(value, confidence=1.0):
    return PaletteEstimate(color(value), flat(confidence))


NOTHING = estimate(0, confidence=0.0)


def test_pixels_that_look_alike_are_averaged():
    random = np.random.default_rng(0)
    (own,) = lumas(random.uniform(0, 100, SHAPE))
    noisy = [color(20) + random.normal(0, 6, (2, *SHAPE)).astype(np.float32) for _ in range(4)]
    later = [WarpedAnchor(own, chroma, flat(1)) for chroma in noisy[1:]]

    settled = average_with_later(own, noisy[0], later, [NOTHING] * 3)

    assert settled.std() == pytest.approx(3, rel=0.1)


def test_pixels_that_show_something_else_are_not_averaged():
    now, later = flat(30), flat(30)
    now[:, :10] = 80
    later[:, 10:20] = 80
    own, other = lumas(now, later)

    settled = average_with_later(own, color(0), [at(other, 40)], [NOTHING])

    assert np.all(np.abs(settled[..., :20]) < 0.5)
    np.testing.assert_allclose(settled[..., 22:], 20, atol=1.5)


def test_pixels_without_trusted_motion_are_not_averaged():
    (own,) = lumas(flat(50))

    settled = average_with_later(own, color(0), [at(own, 40, trust=0.0)], [NOTHING])

    np.testing.assert_array_equal(settled, 0)


def test_palettes_have_a_little_weight_where_motion_is_not_trusted():
    (own,) = lumas(flat(50))

    lost = average_with_later(own, color(0), [at(own, 90, trust=0.0)], [estimate(40)])
    followed = average_with_later(own, color(0), [at(own, 0)], [estimate(40)])

    assert 1 < lost.mean() < 10
    np.testing.assert_array_equal(followed, 0)


def test_an_anchor_without_later_ones_is_returned_unchanged_as_a_new_array():
    (own,) = lumas(flat(50))
    only = color(7)

    settled = average_with_later(own, only, [], [])

    np.testing.assert_array_equal(settled, only)
    assert settled is not only


def test_a_jump_in_exposure_does_not_prevent_averaging():
    random = np.random.default_rng(1)
    lightness = random.uniform(20, 60, SHAPE).astype(np.float32)
    own, other = lumas(lightness, lightness + 25)

    settled = average_with_later(own, color(0), [at(other, 10)], [NOTHING])

    np.testing.assert_allclose(settled, 5, atol=0.02)


def test_colors_change_linearly_from_one_anchor_to_the_next():
    (own,) = lumas(flat(50))

    steps = [
        blend_between(own, at(own, 0), at(own, 12), NOTHING, share / 6).mean() for share in range(7)
    ]

    np.testing.assert_allclose(steps, np.arange(0, 13, 2), atol=1e-4)


def test_a_pixel_takes_the_color_of_the_anchor_that_shows_it():
    now, before, after = flat(50), flat(50), flat(50)
    now[0, :15], before[0, :15], after[0, :15] = 90, 90, 30
    own, earlier, later = lumas(now, before, after)

    by_luma = blend_between(own, at(earlier, -10), at(later, 10), NOTHING, 0.5)
    by_motion = blend_between(own, at(own, -10), at(own, 10, trust=0.0), NOTHING, 0.5)

    np.testing.assert_allclose(by_luma[:, 0, :15], -10, atol=0.1)
    np.testing.assert_allclose(by_luma[:, 5:], 0, atol=1)
    np.testing.assert_allclose(by_motion, -10, atol=0.1)


def test_a_pixel_that_neither_anchor_shows_takes_the_palette_color():
    (own,) = lumas(flat(50))

    mixed = blend_between(own, at(own, -10, trust=0.0), at(own, 10, trust=0.0), estimate(30), 0.5)

    np.testing.assert_allclose(mixed, 30, atol=1)


def test_a_pixel_without_any_match_lies_between_the_anchors():
    (own,) = lumas(flat(50))

    mixed = blend_between(own, at(own, -10, trust=0.0), at(own, 10, trust=0.0), NOTHING, 0.25)

    np.testing.assert_allclose(mixed, -5, atol=1e-4)


def test_unmatched_pixels_are_found_neither_by_motion_nor_in_place():
    now, before = flat(50), flat(50)
    now[:, :6] = 90
    own, other = lumas(now, before)

    assert unmatched_share(own, other, other, flat(1)) == pytest.approx(0.2)
    assert unmatched_share(own, other, own, flat(1)) == 0
    assert unmatched_share(own, other, own, flat(0)) == pytest.approx(0.2)
