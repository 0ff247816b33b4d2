"""The blotch index on pictures whose unevenness is known."""

import numpy as np
import pytest

from colorworker.evaluation.blotches import (
    LONG_SIDE,
    blotch_index,
    chroma_factor,
    even_regions,
    unevenness,
)


def two_areas(height=60, width=80):
    """Return L* and (a*, b*) of a picture of two even areas, left red and right blue."""
    lightness = np.full((height, width), 40, np.float32)
    lightness[:, width // 2 :] = 70
    chroma = np.full((height, width, 2), (30, 20), np.float32)
    chroma[:, width // 2 :] = (-5, -30)
    return lightness, chroma


def blotched(chroma, by):
    """Return chroma with the upper fifth of the picture moved by a distance along a*."""
    found = chroma.copy()
    found[: len(chroma) // 5, :, 0] += by
    return found


def index_of(lightness, truth, predicted):
    regions = even_regions(lightness, truth)
    true, colored = [unevenness(regions, truth)], [unevenness(regions, predicted)]
    return blotch_index(colored, true, chroma_factor(colored, true))


def test_even_areas_are_the_regions():
    lightness, chroma = two_areas()
    regions = even_regions(lightness, chroma)

    assert (regions.height, regions.width) == (60, 80)
    # Blurred by the segmentation, the border itself is a few thin regions.
    assert sorted(len(pixels) for pixels in regions.pixels)[-2:] == [2280, 2280]
    assert sum(len(pixels) for pixels in regions.pixels) == 4800


def test_the_truth_has_the_index_zero():
    lightness, chroma = two_areas()

    assert index_of(lightness, chroma, chroma) == 0


def test_the_index_is_the_distance_of_the_blotches_at_the_mean_chroma_of_the_truth():
    lightness, chroma = two_areas()
    predicted = blotched(chroma, 12)
    mean = np.hypot(*np.moveaxis(np.float64(chroma), -1, 0)).mean()
    predicted_mean = np.hypot(*np.moveaxis(np.float64(predicted), -1, 0)).mean()

    assert index_of(lightness, chroma, predicted) == pytest.approx(
        12 * mean / predicted_mean, rel=1e-5
    )


def test_calmer_colors_do_not_lower_the_index():
    lightness, chroma = two_areas()
    predicted = blotched(chroma, 12)

    assert index_of(lightness, chroma, predicted * 0.2) == pytest.approx(
        index_of(lightness, chroma, predicted), rel=1e-5
    )


def test_a_wrong_but_even_color_has_no_blotches():
    lightness, chroma = two_areas()

    assert index_of(lightness, chroma, chroma[..., ::-1]) == pytest.approx(0, abs=1e-6)


def test_gray_has_no_index():
    lightness, chroma = two_areas()

    assert index_of(lightness, chroma, chroma * 0) is None


def test_areas_of_mixed_color_or_lightness_do_not_count():
    lightness, chroma = two_areas()
    generator = np.random.default_rng(0)
    mixed = chroma.copy()
    mixed[:, 40:] += generator.normal(0, 6, (60, 40, 2)).astype(np.float32)
    rough = lightness.copy()
    rough[:, :40] += generator.normal(0, 10, (60, 40)).astype(np.float32)

    for found in (even_regions(lightness, mixed), even_regions(rough, chroma)):
        covered = np.concatenate(found.pixels)
        right = (covered % 80) >= 40
        assert right.all() or not right.any()


def test_large_pictures_are_measured_small():
    lightness, chroma = two_areas(600, 800)
    regions = even_regions(lightness, chroma)

    assert (regions.height, regions.width) == (LONG_SIDE * 3 // 4, LONG_SIDE)
    assert unevenness(regions, chroma).spreads == pytest.approx(0, abs=1e-4)
