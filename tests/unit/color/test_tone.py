import numpy as np
import pytest

from colorworker.color.tone import COLOR_SHARE, color_share, is_color, keep_own_colors


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
def test_patches_of_color_in_several_places_make_a_color_picture(name):
    lightness = lightness_field()
    tone_a, tone_b = TONES[name]
    lab = np.dstack((lightness, tone_a(lightness / 100), tone_b(lightness / 100)))
    lab[40:64, 40:64, 1:] += (25, -10)
    lab[70:84, 90:124, 1:] += (-25, 10)
    lab[30:44, 100:120, 1:] += (0, 30)

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


def test_a_patch_of_color_is_kept_and_the_rest_takes_the_prediction():
    lab = np.dstack((lightness_field(), np.zeros((128, 160)), np.zeros((128, 160))))
    lab[40:64, 40:64, 1:] += (25, -10)
    lab = lab.astype(np.float32)
    predicted = np.full((128, 160, 2), (5, 9), np.float32)

    ab = keep_own_colors(predicted, lab)

    assert not is_color(lab)
    np.testing.assert_allclose(ab[45:59, 45:59], lab[45:59, 45:59, 1:], atol=0.5)
    np.testing.assert_array_equal(ab[70:], predicted[70:])


def sepia_print():
    lightness = lightness_field()
    tone_a, tone_b = TONES["sepia"]
    lab = np.dstack((lightness, tone_a(lightness / 100), tone_b(lightness / 100)))
    noise = np.random.default_rng(1).normal(0, 2, lab[..., 1:].shape)
    lab[..., 1:] += noise
    return lab.astype(np.float32)


def test_a_print_that_is_yellowed_at_its_edges_is_not_in_color():
    lab = sepia_print()
    y, x = np.mgrid[-1:1:128j, -1:1:160j]
    lab[..., 2] += 14 * np.clip(np.maximum(abs(x), abs(y)) - 0.75, 0, 0.25) / 0.25

    assert color_share(lab) > COLOR_SHARE
    assert not is_color(lab)
    np.testing.assert_array_equal(keep_own_colors(lab[..., 1:] * 0, lab)[40:90, 40:120], 0)


def test_a_red_stamp_does_not_make_a_color_picture_and_stays_red():
    lab = sepia_print()
    lab[90:100, 100:130] = (45, 55, 35)

    assert color_share(lab) > COLOR_SHARE
    assert not is_color(lab)
    assert keep_own_colors(lab[..., 1:] * 0, lab)[92:98, 104:126, 0].min() > 45


MOUNTS = {"cream": (86, 1, 14), "red": (40, 45, 30), "blue": (60, -5, -25)}


@pytest.mark.parametrize("name", MOUNTS)
@pytest.mark.parametrize("toned", [False, True])
@pytest.mark.parametrize("target", [False, True])
def test_a_mount_and_a_target_on_it_keep_their_colors(name, toned, target):
    picture = sepia_print()
    if not toned:
        picture[..., 1:] *= 0.05
    lab = np.empty((188, 220, 3), np.float32)
    lab[:] = MOUNTS[name]
    lab += np.random.default_rng(2).normal(0, 0.8, lab.shape).astype(np.float32)
    lab[30:-30, 30:-30] = picture
    if target:
        lab[6:24, 40:160] = np.repeat(
            [(70, 20, 60), (60, -40, 40), (40, 20, -55), (80, 0, 75), (50, 65, -20)], 24, axis=0
        )

    ab = keep_own_colors(np.zeros((188, 220, 2), np.float32), lab)

    outside = np.ones((188, 220), bool)
    outside[30:-30, 30:-30] = False
    assert not is_color(lab)
    np.testing.assert_array_equal(ab[outside], lab[outside][:, 1:])
    assert np.abs(ab[40:-40, 40:-40]).max() < 1


def test_a_color_photograph_on_a_mount_is_in_color():
    lab = np.empty((188, 220, 3), np.float32)
    lab[:] = MOUNTS["cream"]
    lab[30:-30, 30:-30] = sepia_print()
    lab[40:90, 40:80, 1:] += (30, -20)
    lab[80:140, 110:170, 1:] += (-30, 20)

    assert is_color(lab)


def test_a_plain_sky_is_not_a_mount():
    lab = sepia_print()
    lab[:40] = (88, 3, 16)

    np.testing.assert_array_equal(keep_own_colors(lab[..., 1:] * 0, lab), 0)


@pytest.mark.parametrize(("share", "expected"), [(0.005, True), (0.01, True), (0.9, False)])
def test_the_share_from_which_a_picture_is_in_color_can_be_set(share, expected):
    lab = sepia_print()
    lab[20:100:20, 20:140, 1:] += (40, -40)
    lab[21:101:20, 20:140, 1:] += (40, -40)
    lab[22:102:20, 20:140, 1:] += (40, -40)
    lab[23:103:20, 20:140, 1:] += (40, -40)

    assert is_color(lab, share) == expected
