"""CDC, warp error and flicker: their definitions, and their blind spots."""

import numpy as np
import pytest
from scipy.stats import entropy

from colorworker.color.lab import linear_rgb_from_lab, linear_to_srgb
from colorworker.evaluation.flicker import Consistency, FilmMeter, histograms
from colorworker.evaluation.measures import lab_of
from colorworker.evaluation.motion import MotionEstimator, warped

HEIGHT, WIDTH, STEP = 64, 80, 2


def scene(seed=0):
    """Return L* and chroma of a wide textured picture, to pan over."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0 : WIDTH + 60]
    waves = sum(
        np.sin(columns * fx + rows * fy + phase)
        for fx, fy, phase in generator.uniform(0.1, 0.5, (6, 3))
    )
    lightness = (55 + 6 * waves).astype(np.float32)
    chroma = np.stack((20 * np.sin(columns / 30), 15 * np.cos(rows / 25)), -1)
    return lightness, chroma.astype(np.float32)


def pan(count=8, change=lambda _, lightness, chroma: (lightness, chroma)):
    """Yield (L*, RGB codes) of a camera that moves 2 pixels a frame, each frame changed."""
    lightness, chroma = scene()
    for index in range(count):
        part = slice(index * STEP, index * STEP + WIDTH)
        light, ab = change(index, lightness[:, part], chroma[:, part])
        lab = np.concatenate((light[..., None], ab), -1)
        rgb = linear_to_srgb(np.clip(linear_rgb_from_lab(lab), 0, 1))
        yield lightness[:, part], np.rint(rgb * 255).astype(np.uint8)


def measured(frames):
    motion_of, meter = MotionEstimator(), FilmMeter()
    for lightness, rgb in frames:
        meter.add(rgb, motion_of(lightness))
    return meter.scores()


def as_the_tcvc_code(frames):
    """Compute CDC channel by channel and distance by distance, as its definition reads."""
    channels = []
    for channel in (2, 1, 0):
        shares = [
            np.bincount(f[..., channel].ravel(), minlength=256) / f[..., 0].size for f in frames
        ]
        total = 0.0
        for distance in (1, 2, 4):
            values = []
            for one, other in zip(shares, shares[distance:], strict=False):
                middle = (one + other) / 2
                values.append((entropy(one, middle) + entropy(other, middle)) / 2)
            total += np.mean(values) / 3
        channels.append(total)
    return np.mean(channels)


def test_cdc_matches_the_reference_code_of_tcvc():
    frames = [rgb for _, rgb in pan()]

    assert measured(pan()).cdc == pytest.approx(as_the_tcvc_code(frames))


def test_histograms_of_two_frames_without_a_common_code_are_ln_2_apart():
    consistency = Consistency()
    for value in (10, 20, 30, 40, 50):
        consistency.add(histograms(np.full((4, 4, 3), value, np.uint8)))

    assert consistency.value() == pytest.approx(np.log(2))


def test_a_film_of_four_frames_has_no_cdc():
    assert measured(pan(4)).cdc is None
    assert measured(pan(5)).cdc is not None


def test_cdc_is_zero_for_a_gray_film():
    true = measured(pan())
    gray = measured(pan(change=lambda _, light, ab: (light, 0 * ab)))

    assert gray.colorfulness == 0
    assert gray.cdc == pytest.approx(true.cdc, rel=0.5)
    assert gray.cdc < 0.05


def test_flickering_exposure_raises_cdc_but_not_its_ab_version():
    def pumping(index, light, ab):
        return light + 3 * (-1) ** index, ab

    def pulsing(index, light, ab):
        return light, ab * (1 + 0.3 * (-1) ** index)

    true, exposed, colored = (
        measured(pan(change=change))
        for change in (lambda _, light, ab: (light, ab), pumping, pulsing)
    )

    assert exposed.cdc > 3 * true.cdc
    assert exposed.cdc_ab < 0.5 * colored.cdc_ab
    assert colored.cdc_ab > 2 * true.cdc_ab


def test_color_that_moves_with_its_object_hardly_flickers():
    steady = measured(pan())
    pulsing = measured(pan(change=lambda index, light, ab: (light, ab * (1 + 0.3 * (-1) ** index))))

    assert steady.flicker < 1.0
    assert pulsing.flicker > 5 * steady.flicker
    assert pulsing.warp_error > 5 * steady.warp_error
    assert 0 < steady.warp_error < 1e-3
    assert steady.visible > 0.8


def test_color_that_stays_where_the_object_was_counts_as_flicker():
    _, fixed = scene()
    lagging = measured(pan(change=lambda _, light, _ab: (light, fixed[:, :WIDTH])))

    assert lagging.flicker > 2 * measured(pan()).flicker


def test_nothing_is_compared_across_a_cut():
    motion_of, meter = MotionEstimator(), FilmMeter()
    for index, (lightness, rgb) in enumerate(pan(6)):
        if index == 3:
            motion_of.cut()
        meter.add(rgb if index < 3 else 255 - rgb, motion_of(lightness))

    assert meter.scores().flicker < 1.5


def test_chroma_errors_are_measured_where_the_truth_is_known():
    meter = FilmMeter()
    _, rgb = next(pan(1))
    meter.add(rgb, None, lab_of(rgb)[..., 1:] + np.float32([3, 4]))

    assert meter.scores().ab_rmse == pytest.approx(np.sqrt(12.5), rel=1e-5)
    assert meter.scores().warp_error is None


def test_estimated_motion_warps_the_later_frame_onto_the_earlier():
    frames = list(pan(2))
    motion_of = MotionEstimator()

    assert motion_of(frames[0][0]) is None
    motion = motion_of(frames[1][0])

    inside = motion.visible
    assert np.median(motion.flow[inside], axis=0) == pytest.approx([-STEP, 0], abs=0.2)
    back = warped(frames[1][0][..., None], motion)[..., 0]
    assert np.abs(back - frames[0][0])[inside].mean() < 0.5


def test_frames_of_different_or_too_small_size_are_refused():
    motion_of = MotionEstimator()
    motion_of(np.zeros((32, 32), np.float32))

    with pytest.raises(ValueError, match="follows one"):
        motion_of(np.zeros((32, 48), np.float32))
    with pytest.raises(ValueError, match="at least 16"):
        motion_of(np.zeros((8, 48), np.float32))
    with pytest.raises(ValueError, match="no frames"):
        FilmMeter().scores()
