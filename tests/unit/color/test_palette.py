import numpy as np
import pytest

from colorworker.color.palette import build_palette, read_palette
from colorworker.color.resize import interpolate_bilinear
from colorworker.color.temporal import normalize_luma

HEIGHT, WIDTH = 64, 112


def read(cells, luma):
    return read_palette(
        interpolate_bilinear(cells.reshape(*cells.shape[:2], -1), *luma.shape), luma
    )


def two_halves():
    """Return normalized luma and chroma of a dark green left and a light red right half."""
    luma = np.full((HEIGHT, WIDTH), 80, np.uint8)
    luma[:, WIDTH // 2 :] = 160
    chroma = np.stack([np.where(luma > 100, 30, -30), np.full(luma.shape, 10)])
    return normalize_luma(luma, 219), chroma.astype(np.float32)


def test_a_palette_returns_the_colors_of_its_own_picture():
    own, chroma = two_halves()

    planes, confidence = read(build_palette(own, chroma), own)

    np.testing.assert_allclose(planes, chroma, atol=1e-3)
    assert confidence.min() > 0.9


def test_an_object_that_moves_is_recognized_by_its_luma():
    own, chroma = two_halves()
    moved = np.roll(own, 6, axis=1)

    planes, confidence = read(build_palette(own, chroma), moved)

    np.testing.assert_allclose(planes[0, :, 57:61], -30, atol=1)
    assert confidence[:, 57:61].min() > 0.5


def test_luma_that_is_nowhere_near_has_no_confidence():
    own, chroma = two_halves()

    planes, confidence = read(build_palette(own, chroma), np.full_like(own, 6))

    assert confidence.max() == 0
    assert np.all(planes == 0)


def test_colors_do_not_spread_to_distant_places():
    own = np.zeros((HEIGHT, WIDTH), np.float32)
    chroma = np.zeros((1, HEIGHT, WIDTH), np.float32)
    chroma[..., WIDTH // 2 :] = 40

    (plane,), _ = read(build_palette(own, chroma), own)

    np.testing.assert_allclose(plane[:, :30], 0, atol=0.01)
    np.testing.assert_allclose(plane[:, -30:], 40, atol=0.01)


@pytest.mark.parametrize("shape", [(32, 56), (64, 112), (1, 1)])
def test_a_weighted_sum_of_palettes_can_be_read_at_any_size(shape):
    own, chroma = two_halves()
    both = 0.25 * build_palette(own, chroma) + 0.75 * build_palette(own, chroma + 8)

    planes, confidence = read(both.astype(np.float32), np.full(shape, own[0, 0], np.float32))

    assert planes.shape == (2, *shape)
    assert confidence.shape == shape
    np.testing.assert_allclose(planes[1, 0, 0], 16, atol=0.01)
