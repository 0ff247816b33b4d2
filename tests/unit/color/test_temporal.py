import numpy as np
import pytest

from colorworker.color.temporal import between, look, settle

SHAPE = (20, 30)


def flat(value):
    return np.full(SHAPE, value, np.float32)


def colour(value):
    return np.full((2, *SHAPE), value, np.float32)


def looks(*pictures):
    """Looks of pictures of full-range luma in percent."""
    return [look(np.rint(picture * 2.55).astype(np.uint8), 255) for picture in pictures]


def test_settling_averages_what_looks_alike():
    random = np.random.default_rng(0)
    same = looks(random.uniform(0, 100, SHAPE)) * 4
    noisy = [colour(20) + random.normal(0, 6, (2, *SHAPE)).astype(np.float32) for _ in range(4)]

    settled = settle(same, noisy)

    assert settled.std() == pytest.approx(3, rel=0.1)


def test_settling_leaves_out_what_has_moved():
    now, later = flat(30), flat(30)
    now[:, :10] = 80
    later[:, 10:20] = 80
    colours = [colour(0), colour(40)]

    settled = settle(looks(now, later), colours)

    assert np.all(np.abs(settled[..., :20]) < 0.5)
    np.testing.assert_allclose(settled[..., 22:], 20, atol=1.5)


def test_settling_alone_changes_nothing_and_returns_a_new_array():
    only = colour(7)

    settled = settle(looks(flat(50)), [only])

    np.testing.assert_array_equal(settled, only)
    assert settled is not only


def test_exposure_that_jumps_does_not_hinder_settling():
    random = np.random.default_rng(1)
    lightness = random.uniform(20, 60, SHAPE).astype(np.float32)

    settled = settle(looks(lightness, lightness + 25), [colour(0), colour(10)])

    np.testing.assert_allclose(settled, 5, atol=0.02)


def test_a_still_picture_goes_evenly_from_one_anchor_to_the_next():
    (own,) = looks(flat(50))

    steps = [
        between(own, (own, colour(0)), (own, colour(12)), share / 6).mean() for share in range(7)
    ]

    np.testing.assert_allclose(steps, np.arange(0, 13, 2), atol=1e-4)


def test_a_pixel_takes_the_colour_of_the_anchor_it_looks_like():
    now, before, after = flat(50), flat(50), flat(50)
    now[0, :15], before[0, :15], after[0, :15] = 90, 90, 30

    own, earlier, later = looks(now, before, after)
    mixed = between(own, (earlier, colour(-10)), (later, colour(10)), 0.5)

    np.testing.assert_allclose(mixed[:, 0, :15], -10, atol=1)
    np.testing.assert_allclose(mixed[:, 5:], 0, atol=1)
