import numpy as np
import pytest

from colorworker.color.resize import downscale_by_area, interpolate_bilinear


def test_area_downscaling_by_whole_blocks_gives_their_means():
    image = np.random.default_rng(0).random((12, 20, 3), dtype=np.float32)

    small = downscale_by_area(image, 3, 5)

    np.testing.assert_allclose(small, image.reshape(3, 4, 5, 4, 3).mean(axis=(1, 3)), atol=1e-6)


def test_area_downscaling_weights_fractions_of_pixels():
    np.testing.assert_allclose(
        downscale_by_area(np.array([[0.0, 3.0, 6.0]], np.float32), 1, 2), [[1, 5]]
    )


@pytest.mark.parametrize("shape", [(7, 5), (16, 31), (1, 1)])
def test_area_downscaling_keeps_the_mean_of_the_picture(shape):
    image = np.random.default_rng(1).random((53, 67), dtype=np.float32)

    assert downscale_by_area(image, *shape).mean() == pytest.approx(image.mean(), abs=1e-5)


def test_area_downscaling_refuses_to_enlarge():
    with pytest.raises(ValueError, match="enlarge"):
        downscale_by_area(np.zeros((4, 4), np.float32), 5, 4)


def test_bilinear_interpolates_at_half_pixel_centers():
    ramp = np.array([[0.0, 1.0, 2.0, 3.0]], np.float32)

    large = interpolate_bilinear(ramp, 1, 16)

    np.testing.assert_allclose(large[0], np.clip((np.arange(16) + 0.5) / 4 - 0.5, 0, 3), atol=1e-6)


def test_bilinear_to_the_same_size_changes_nothing():
    image = np.random.default_rng(2).random((9, 4, 2), dtype=np.float32)

    np.testing.assert_array_equal(interpolate_bilinear(image, 9, 4), image)


def test_downscaling_and_upscaling_does_not_shift_the_picture():
    x = np.linspace(0, 1, 256, dtype=np.float32)
    image = np.tile(x, (8, 1))

    back = interpolate_bilinear(downscale_by_area(image, 8, 32), 8, 256)

    np.testing.assert_allclose(back[:, 8:-8], image[:, 8:-8], atol=1e-5)
