"""Optical flow on synthetic motion, and paths over several frames."""

import numpy as np
import pytest

from colorworker.color.temporal import match_confidence, normalize_luma
from colorworker.media.opticalflow import (
    FlowEstimator,
    FlowPath,
    compose,
    estimate_paths,
    identity_path,
    normalize_contrast,
    pack_channels,
    sample,
    target_positions,
    upscale,
    visible_mask,
    warp,
)

HEIGHT, WIDTH = 64, 112


def texture(seed=0, height=HEIGHT, width=WIDTH + 40):
    """Return luma with waves in all directions, wider than a picture, to pan over."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = np.random.default_rng(seed).uniform(-0.5, 0.5, (12, 2))
    total = sum(np.sin(columns * x + rows * y + 9 * x) for x, y in waves)
    return (120 + 12 * total).clip(16, 235).astype(np.uint8)


def seen(picture):
    return normalize_contrast(normalize_luma(picture, 219))


def constant(x, y, trust=1.0):
    flow = np.broadcast_to(np.float32([x, y]), (HEIGHT, WIDTH, 2)).copy()
    return FlowPath(flow, np.full((HEIGHT, WIDTH), trust, np.float32))


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("step", [0, 2, 5])
def test_the_flow_of_a_pan_is_found_with_full_trust(fine, step):
    wide = texture()
    one, other = wide[:, 20 : 20 + WIDTH], wide[:, 20 + step : 20 + step + WIDTH]

    there, back = estimate_paths(FlowEstimator(fine=fine), seen(one), seen(other))

    inner = slice(10, -10), slice(10, -10)
    np.testing.assert_allclose(np.median(there.flow[inner], (0, 1)), (-step, 0), atol=0.3)
    np.testing.assert_allclose(np.median(back.flow[inner], (0, 1)), (step, 0), atol=0.3)
    assert there.trust[inner].mean() > 0.95


def test_pixels_that_leave_the_picture_have_no_trust():
    wide = texture()

    there, back = estimate_paths(
        FlowEstimator(fine=True), seen(wide[:, :WIDTH]), seen(wide[:, 8 : 8 + WIDTH])
    )

    assert there.trust[:, :6].mean() < 0.1
    assert back.trust[:, -6:].mean() < 0.1


def test_covered_pixels_have_no_trust():
    one = texture()[:, :WIDTH].copy()
    other = one.copy()
    block = texture(seed=5)[20:44, 20:44]
    one[20:44, 30:54] = block
    other[20:44, 38:62] = block

    there, _ = estimate_paths(FlowEstimator(fine=True), seen(one), seen(other))
    carried_here = sample(normalize_luma(other, 219), target_positions(there.flow))
    sure = match_confidence(normalize_luma(one, 219), carried_here, there.trust)

    assert sure[24:40, 55:61].mean() < 0.3
    assert sure[26:38, 36:48].mean() > 0.6
    assert sure[:, 80:100].mean() > 0.9


def test_exposure_and_contrast_do_not_change_the_flow():
    picture = texture(width=WIDTH)
    darker = np.rint(picture * 0.5 + 10).astype(np.uint8)

    same = seen(picture).astype(int) - seen(darker)

    # Halved luma is rounded, so each code stands for two.
    assert np.abs(same).max() <= 2


def test_a_picture_without_contrast_is_not_amplified():
    grain = np.random.default_rng(0).integers(30, 32, (HEIGHT, WIDTH)).astype(np.uint8)

    assert seen(grain).std() < 4


def test_composed_paths_add_motion_and_multiply_trust():
    path = compose(constant(2, 1, 0.5), constant(3, -2, 0.5))

    np.testing.assert_allclose(path.flow, np.broadcast_to([5, -1], path.flow.shape))
    np.testing.assert_allclose(path.trust, 0.25)


def test_composing_with_the_identity_changes_nothing():
    path = constant(2, 1, 0.5)

    for same in (
        compose(identity_path((HEIGHT, WIDTH)), path),
        compose(path, identity_path((HEIGHT, WIDTH))),
    ):
        np.testing.assert_array_equal(same.flow, path.flow)
        np.testing.assert_array_equal(same.trust, path.trust)


def test_a_still_path_composes_like_one_that_is_only_found_not_to_move():
    random = np.random.default_rng(1)
    motion = random.normal(0, 4, (HEIGHT, WIDTH, 2)).astype(np.float32)
    then = FlowPath(motion, random.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32))

    known, found = compose(identity_path((HEIGHT, WIDTH)), then), compose(constant(0, 0), then)

    np.testing.assert_array_equal(known.flow, found.flow)
    np.testing.assert_array_equal(known.trust, found.trust)


def test_upscaled_paths_scale_their_motion():
    motion, trust = upscale(constant(2, 1), (2 * HEIGHT, 3 * WIDTH))

    np.testing.assert_allclose(motion[:, 5, 7], (6, 2))
    np.testing.assert_allclose(trust, 1)


def test_unreliable_pixels_are_treated_as_unmoved():
    motion, trust = upscale(constant(20, 10, trust=0.0), (2 * HEIGHT, 2 * WIDTH))

    assert not motion.any()
    assert np.all((trust > 0) & (trust < 0.1))


def test_visible_pixels_return_to_where_they_were():
    forward, back = constant(3, 0).flow, constant(-3, 0).flow
    back[:, 60:] = 9

    seen_again = visible_mask(forward, back)

    assert seen_again[:, :56].all()
    assert not seen_again[:, 57:].any()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_planes_warped_together_equal_planes_sampled_alone(count):
    random = np.random.default_rng(count)
    planes = list(random.normal(size=(count, HEIGHT, WIDTH)).astype(np.float32))
    motion = random.normal(0, 4, (HEIGHT, WIDTH, 2)).astype(np.float32)
    at = target_positions(motion)

    together = warp(pack_channels(planes), np.ascontiguousarray(np.moveaxis(motion, -1, 0)))

    for plane, moved in zip(planes, together, strict=False):
        np.testing.assert_array_equal(moved, sample(plane, at))


@pytest.mark.parametrize("picture", [seen(texture()), np.full((HEIGHT, WIDTH), 128, np.uint8)])
def test_between_equal_pictures_there_is_exactly_no_motion(picture):
    still = identity_path(picture.shape)

    for path in estimate_paths(FlowEstimator(), picture, picture.copy()):
        np.testing.assert_array_equal(path.flow, still.flow)
        np.testing.assert_array_equal(path.trust, still.trust)
