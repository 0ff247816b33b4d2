import numpy as np
import pytest

from colorworker.color.temporal import Carried, Surmised, between, look, settle, strange_share

SHAPE = (20, 30)


def flat(value):
    return np.full(SHAPE, value, np.float32)


def color(value):
    return np.full((2, *SHAPE), value, np.float32)


def looks(*pictures):
    """Looks of pictures of full-range luma in percent."""
    return [look(np.rint(picture * 2.55).astype(np.uint8), 255) for picture in pictures]


def at(own, value, trust=1.0):
    return Carried(own, color(value), flat(trust))


def surmised(value, known=1.0):
    return Surmised(color(value), flat(known))


NOTHING = surmised(0, known=0.0)


def test_settling_averages_what_looks_alike():
    random = np.random.default_rng(0)
    (own,) = looks(random.uniform(0, 100, SHAPE))
    noisy = [color(20) + random.normal(0, 6, (2, *SHAPE)).astype(np.float32) for _ in range(4)]
    later = [Carried(own, chroma, flat(1)) for chroma in noisy[1:]]

    settled = settle(own, noisy[0], later, [NOTHING] * 3)

    assert settled.std() == pytest.approx(3, rel=0.1)


def test_settling_leaves_out_what_has_moved():
    now, later = flat(30), flat(30)
    now[:, :10] = 80
    later[:, 10:20] = 80
    own, other = looks(now, later)

    settled = settle(own, color(0), [at(other, 40)], [NOTHING])

    assert np.all(np.abs(settled[..., :20]) < 0.5)
    np.testing.assert_allclose(settled[..., 22:], 20, atol=1.5)


def test_settling_leaves_out_what_motion_does_not_lead_to():
    (own,) = looks(flat(50))

    settled = settle(own, color(0), [at(own, 40, trust=0.0)], [NOTHING])

    np.testing.assert_array_equal(settled, 0)


def test_where_motion_does_not_lead_palettes_draw_a_little():
    (own,) = looks(flat(50))

    lost = settle(own, color(0), [at(own, 90, trust=0.0)], [surmised(40)])
    followed = settle(own, color(0), [at(own, 0)], [surmised(40)])

    assert 1 < lost.mean() < 10
    np.testing.assert_array_equal(followed, 0)


def test_settling_alone_changes_nothing_and_returns_a_new_array():
    (own,) = looks(flat(50))
    only = color(7)

    settled = settle(own, only, [], [])

    np.testing.assert_array_equal(settled, only)
    assert settled is not only


def test_exposure_that_jumps_does_not_hinder_settling():
    random = np.random.default_rng(1)
    lightness = random.uniform(20, 60, SHAPE).astype(np.float32)
    own, other = looks(lightness, lightness + 25)

    settled = settle(own, color(0), [at(other, 10)], [NOTHING])

    np.testing.assert_allclose(settled, 5, atol=0.02)


def test_colors_go_evenly_from_one_anchor_to_the_next():
    (own,) = looks(flat(50))

    steps = [between(own, at(own, 0), at(own, 12), NOTHING, share / 6).mean() for share in range(7)]

    np.testing.assert_allclose(steps, np.arange(0, 13, 2), atol=1e-4)


def test_a_pixel_takes_the_color_of_the_anchor_it_is_found_in():
    now, before, after = flat(50), flat(50), flat(50)
    now[0, :15], before[0, :15], after[0, :15] = 90, 90, 30
    own, earlier, later = looks(now, before, after)

    by_luma = between(own, at(earlier, -10), at(later, 10), NOTHING, 0.5)
    by_motion = between(own, at(own, -10), at(own, 10, trust=0.0), NOTHING, 0.5)

    np.testing.assert_allclose(by_luma[:, 0, :15], -10, atol=0.1)
    np.testing.assert_allclose(by_luma[:, 5:], 0, atol=1)
    np.testing.assert_allclose(by_motion, -10, atol=0.1)


def test_a_pixel_that_neither_anchor_shows_is_surmised():
    (own,) = looks(flat(50))

    mixed = between(own, at(own, -10, trust=0.0), at(own, 10, trust=0.0), surmised(30), 0.5)

    np.testing.assert_allclose(mixed, 30, atol=1)


def test_a_pixel_of_which_nothing_is_known_lies_between_the_anchors():
    (own,) = looks(flat(50))

    mixed = between(own, at(own, -10, trust=0.0), at(own, 10, trust=0.0), NOTHING, 0.25)

    np.testing.assert_allclose(mixed, -5, atol=1e-4)


def test_strange_is_what_neither_motion_nor_place_gives():
    now, before = flat(50), flat(50)
    now[:, :6] = 90
    own, other = looks(now, before)

    assert strange_share(own, other, other, flat(1)) == pytest.approx(0.2)
    assert strange_share(own, other, own, flat(1)) == 0
    assert strange_share(own, other, own, flat(0)) == pytest.approx(0.2)
