import numpy as np
import pytest

from colorworker.color.tone import is_color


def lightness_field() -> np.ndarray:
    y, x = np.mgrid[0:128, 0:160] / 160
    texture = np.random.default_rng(0).normal(0, 4, (128, 160))
    return np.clip(50 + 40 * np.sin(7 * x) * np.cos(5 * y) + texture, 0, 100)


TONES = {
    "gray": (lambda t: 0 * t, lambda t: 0 * t),
    "sepia": (lambda t: 8 + 0 * t, lambda t: 28 * np.sin(np.pi * t) + 4),
    "cyanotype": (lambda t: -5 * np.sin(np.pi * t), lambda t: -45 * np.sin(np.pi * t)),
    "split toning": (lambda t: -6 + 18 * t, lambda t: -30 + 60 * t),
}


@pytest.mark.parametrize("name", TONES)
def test_a_toned_picture_with_chroma_noise_is_not_in_color(name):
    lightness = lightness_field()
    tone_a, tone_b = TONES[name]
    chroma = np.stack((tone_a(lightness / 100), tone_b(lightness / 100)), axis=-1)
    noisy = chroma + np.random.default_rng(1).normal(0, 3, chroma.shape)

    assert not is_color(np.dstack((lightness, noisy)).astype(np.float32))


@pytest.mark.parametrize("name", ["gray", "sepia"])
def test_a_patch_of_color_makes_a_color_picture(name):
    lightness = lightness_field()
    tone_a, tone_b = TONES[name]
    lab = np.dstack((lightness, tone_a(lightness / 100), tone_b(lightness / 100)))
    lab[40:64, 40:64, 1:] += (25, -10)

    assert is_color(lab.astype(np.float32))


def test_subsampled_chroma_at_sharp_edges_does_not_make_sepia_a_color_picture():
    rng = np.random.default_rng(2)
    lightness = np.kron(rng.uniform(10, 90, (16, 20)), np.ones((8, 8)))
    b = 28 * np.sin(np.pi * lightness / 100) + 4
    halved = np.roll(b, 1, axis=(0, 1)).reshape(64, 2, 80, 2).mean(axis=(1, 3))
    lab = np.dstack((lightness, np.full_like(b, 8), np.kron(halved, np.ones((2, 2)))))

    assert not is_color(lab.astype(np.float32))


def test_tiny_and_single_pixel_pictures_do_not_fail():
    assert not is_color(np.full((1, 1, 3), 50, np.float32))
