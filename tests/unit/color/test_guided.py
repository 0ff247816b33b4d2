import numpy as np
import pytest

from colorworker.color.guided import fit_planes_to_luma, fit_to_luma
from colorworker.color.resize import downscale_by_area, interpolate_bilinear


def apply(slope, offset, luma):
    return interpolate_bilinear(slope, *luma.shape) * luma[..., None] + interpolate_bilinear(
        offset, *luma.shape
    )


def test_chroma_linear_in_luma_is_fitted_exactly_without_regularization():
    luma = np.random.default_rng(0).uniform(0, 100, (40, 30)).astype(np.float32)
    chroma = np.stack((0.5 * luma - 20, -0.25 * luma + 7), axis=-1)

    slope, offset = fit_to_luma(luma, chroma, epsilon=1e-6)

    np.testing.assert_allclose(slope, np.broadcast_to((0.5, -0.25), slope.shape), atol=1e-3)
    np.testing.assert_allclose(apply(slope, offset, luma), chroma, atol=0.05)


def test_constant_chroma_stays_constant_for_any_luma():
    luma = np.random.default_rng(1).uniform(0, 100, (20, 20)).astype(np.float32)
    chroma = np.broadcast_to(np.float32([12, -30]), (20, 20, 2))

    slope, offset = fit_to_luma(luma, chroma)
    large = np.random.default_rng(2).uniform(0, 100, (77, 61)).astype(np.float32)

    np.testing.assert_allclose(
        apply(slope, offset, large), np.full((77, 61, 2), (12, -30)), atol=1e-3
    )


def test_color_edges_follow_luma_better_than_with_bilinear_upscaling():
    luma = np.full((128, 128), 30, np.float32)
    luma[:, 61:] = 75
    chroma = np.zeros((128, 128, 2), np.float32)
    chroma[:, 61:] = (40, -40)
    small_chroma = downscale_by_area(chroma, 32, 32)

    slope, offset = fit_to_luma(downscale_by_area(luma, 32, 32), small_chroma)
    guided = np.abs(apply(slope, offset, luma) - chroma).mean()

    assert guided < 0.5 * np.abs(interpolate_bilinear(small_chroma, 128, 128) - chroma).mean()


def test_mismatched_shapes_are_refused():
    with pytest.raises(ValueError, match="do not match"):
        fit_to_luma(np.zeros((4, 4), np.float32), np.zeros((4, 5, 2), np.float32))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_pictures_smaller_than_the_window_are_fitted(shape):
    luma = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)

    slope, offset = fit_to_luma(luma, np.full((*shape, 2), 7, np.float32))

    np.testing.assert_allclose(slope, np.zeros((*shape, 2)), atol=1e-5)
    np.testing.assert_allclose(offset, np.full((*shape, 2), 7), atol=1e-4)


def test_the_unit_of_luma_does_not_matter():
    luma = np.random.default_rng(3).uniform(0, 100, (30, 40)).astype(np.float32)
    chroma = np.random.default_rng(4).normal(0, 20, (2, 30, 40)).astype(np.float32)

    slope, offset = fit_planes_to_luma(luma, chroma)
    other_slope, other_offset = fit_planes_to_luma(luma * 2.19 + 16, chroma, epsilon=20 * 2.19**2)

    np.testing.assert_allclose(other_slope * 2.19, slope, atol=1e-3)
    np.testing.assert_allclose(other_offset + other_slope * 16, offset, atol=2e-2)
