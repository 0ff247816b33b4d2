"""Pictures registered to another one, whatever their framing and size."""

import cv2
import numpy as np
import pytest

from colorworker.media.registration import apply_registration, correlation_of, register, stretching

HEIGHT, WIDTH = 144, 192


def scene(seed=0):
    """Return L* of a picture with detail at several scales."""
    random = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            random.normal(0, size, (size, size * 4 // 3)).astype(np.float32),
            (WIDTH, HEIGHT),
            interpolation=cv2.INTER_CUBIC,
        )
        / size
        for size in (4, 9, 24)
    ]
    return np.clip(50 + 18 * sum(layers), 0, 100).astype(np.float32)


def moved(picture, framing):
    if framing == "cropped by 7 %":
        return picture[8:-2, 4:-9].copy()
    matrix = {
        "scaled by 5 %": cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 0, 1.05),
        "rotated by 2 degrees": cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 2, 1),
        "shifted by 12 pixels": np.array([[1, 0, 12], [0, 1, -5]], np.float32),
    }.get(framing)
    if matrix is not None:
        return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    if framing == "a fifth cut off":
        return picture[HEIGHT // 5 :, : -WIDTH // 5].copy()
    if framing == "half size":
        return cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    if framing == "with bars":
        return cv2.copyMakeBorder(picture, 30, 30, 0, 0, cv2.BORDER_CONSTANT)
    return np.clip(picture * 0.8 + 15, 0, 100)


@pytest.mark.parametrize(
    "framing",
    [
        "cropped by 7 %",
        "scaled by 5 %",
        "rotated by 2 degrees",
        "shifted by 12 pixels",
        "a fifth cut off",
        "half size",
        "with bars",
        "paler",
    ],
)
def test_a_picture_is_found_in_its_other_framing(framing):
    picture = scene()
    other = moved(picture, framing)

    found = register(picture, other)

    assert found.correlation > 0.97
    back, covered = apply_registration(found.matrix, other[..., None], picture.shape)
    inside = covered[10:-10, 10:-10] > 0
    assert inside.mean() > 0.6
    if framing != "paler":
        error = np.abs(back[..., 0] - picture)[10:-10, 10:-10][inside]
        assert np.median(error) < 1.5


def test_what_a_cropped_picture_lacks_is_not_covered():
    picture = scene()

    found = register(picture, picture[:, 40:].copy())
    _, covered = apply_registration(found.matrix, picture[:, 40:, None].copy(), picture.shape)

    assert covered[:, :37].max() == 0
    assert covered[:, 43:].min() == 1


@pytest.mark.parametrize("other", [scene(1), scene()[:, ::-1].copy()])
def test_another_or_a_mirrored_picture_does_not_match(other):
    assert register(scene(), other).correlation < 0.8


def test_a_flat_picture_is_stretched_without_complaint():
    flat = np.full((HEIGHT, WIDTH), 3, np.float32)

    found = register(flat, scene())

    assert found.correlation == 1
    assert (found.matrix == stretching(flat.shape, flat.shape)).all()


def test_pictures_that_do_not_overlap_do_not_correlate():
    far = np.array([[1, 0, 1000], [0, 1, 0]], np.float32)

    assert correlation_of(scene(), scene(), far) == -1
