import numpy as np
import pytest

from colorworker.color import palette
from colorworker.color.palette import gathered
from colorworker.color.resize import bilinear
from colorworker.color.temporal import look

HEIGHT, WIDTH = 64, 112


def read(cells, look):
    return palette.read(bilinear(cells.reshape(*cells.shape[:2], -1), *look.shape), look)


def two_halves():
    """A dark left and a light right half, green and red."""
    luma = np.full((HEIGHT, WIDTH), 80, np.uint8)
    luma[:, WIDTH // 2 :] = 160
    chroma = np.stack([np.where(luma > 100, 30, -30), np.full(luma.shape, 10)])
    return look(luma, 219), chroma.astype(np.float32)


def test_a_picture_reads_its_own_colors():
    own, chroma = two_halves()

    planes, known = read(gathered(own, chroma), own)

    np.testing.assert_allclose(planes, chroma, atol=1e-3)
    assert known.min() > 0.9


def test_what_moves_on_is_known_by_its_luma():
    own, chroma = two_halves()
    moved = np.roll(own, 6, axis=1)

    planes, known = read(gathered(own, chroma), moved)

    np.testing.assert_allclose(planes[0, :, 57:61], -30, atol=1)
    assert known[:, 57:61].min() > 0.5


def test_nothing_is_known_of_luma_that_is_nowhere_near():
    own, chroma = two_halves()

    planes, known = read(gathered(own, chroma), np.full_like(own, 6))

    assert known.max() == 0
    assert np.all(planes == 0)


def test_colors_of_other_places_do_not_reach():
    own = np.zeros((HEIGHT, WIDTH), np.float32)
    chroma = np.zeros((1, HEIGHT, WIDTH), np.float32)
    chroma[..., WIDTH // 2 :] = 40

    (plane,), _ = read(gathered(own, chroma), own)

    np.testing.assert_allclose(plane[:, :30], 0, atol=0.01)
    np.testing.assert_allclose(plane[:, -30:], 40, atol=0.01)


@pytest.mark.parametrize("shape", [(32, 56), (64, 112), (1, 1)])
def test_palettes_are_read_at_any_size_and_mixed_as_they_are(shape):
    own, chroma = two_halves()
    both = 0.25 * gathered(own, chroma) + 0.75 * gathered(own, chroma + 8)

    planes, known = read(both.astype(np.float32), np.full(shape, own[0, 0], np.float32))

    assert planes.shape == (2, *shape)
    assert known.shape == shape
    np.testing.assert_allclose(planes[1, 0, 0], 16, atol=0.01)
