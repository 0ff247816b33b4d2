"""Arrays in memory: lightness is kept, frames are lazy, and bad arrays are refused."""

import numpy as np
import pytest

from colorworker.color.lab import LUMINANCE_WEIGHTS, lightness_from_luminance, srgb_to_linear
from colorworker.domain.options import Options
from colorworker.pipeline.arrays import color_picture, color_sequence

LUMA = np.array([0.2126, 0.7152, 0.0722])
"""ITU-R BT.709-6: R', G' and B' in Y'."""
HIGHEST = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
ONE_CODE = {"uint8": 1.0, "uint16": 1.0, "float32": 1e-5, "float64": 1e-5}


class WarmColorizer:
    """Warm where it is bright, cold where it is dark; far out of the gamut at both ends."""

    def working_shape(self, height, width):
        return 32, 48

    def predict(self, lightness, known=None):
        return np.stack([lightness - 40, 1.5 * lightness - 60], axis=-1).astype(np.float32)


def gradient(dtype, height=45, width=70, shift=0):
    rows, columns = np.mgrid[0:height, 0:width]
    values = (rows / height + (columns + shift) / width) / 2 % 1.0
    values[: height // 3] = (values[: height // 3] * 7) % 1.0
    scaled = values * HIGHEST[dtype]
    return scaled.astype(dtype) if dtype.startswith("float") else np.rint(scaled).astype(dtype)


def lightness(rgb, dtype):
    linear = srgb_to_linear((rgb / HIGHEST[dtype]).astype(np.float32))
    return lightness_from_luminance(linear @ LUMINANCE_WEIGHTS)


@pytest.mark.parametrize("dtype", HIGHEST)
def test_a_picture_keeps_its_type_and_its_lightness(dtype):
    gray = gradient(dtype)

    rgb = color_picture(gray, WarmColorizer())

    assert (rgb.shape, rgb.dtype) == ((45, 70, 3), np.dtype(dtype))
    assert np.ptp(rgb.astype(float), axis=2).max() > 0.2 * HIGHEST[dtype]
    # L* of a gray that is one code away is as far as rounding of three channels may lead.
    grays = np.repeat(gray[..., None], 3, axis=2).astype(float)
    step = 1 if dtype.startswith("uint") else 1e-5
    highest = HIGHEST[dtype]
    darker = lightness(np.maximum(grays - step, 0), dtype)
    lighter = lightness(np.minimum(grays + step, highest), dtype)
    found = lightness(rgb.astype(float), dtype)
    assert np.all(found >= darker - 1e-3)
    assert np.all(found <= lighter + 1e-3)


def test_one_band_three_bands_and_no_band_axis_give_the_same_picture():
    gray = gradient("uint8")

    flat = color_picture(gray, WarmColorizer())

    assert np.array_equal(flat, color_picture(gray[..., None], WarmColorizer()))
    rgb = color_picture(np.repeat(gray[..., None], 3, axis=2), WarmColorizer())
    assert np.abs(flat.astype(int) - rgb).max() <= 1


def test_a_picture_that_is_not_contiguous_is_taken_as_it_looks():
    gray = gradient("uint16")

    assert np.array_equal(
        color_picture(gray[:, ::-1], WarmColorizer()),
        color_picture(gray[:, ::-1].copy(), WarmColorizer()),
    )


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 200)])
def test_tiny_pictures_are_colored(shape):
    assert color_picture(np.full(shape, 180, np.uint8), WarmColorizer()).shape == (*shape, 3)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((4, 4, 4), np.uint8), "give .H, W., .H, W, 1. or .H, W, 3."),
        (np.zeros(4, np.uint8), "give .H, W."),
        (np.zeros((0, 4), np.uint8), "give .H, W."),
        (np.zeros((4, 4), np.int32), "int32: give uint8"),
        (np.full((4, 4), 255.0), "floats from 255 to 255: give values from 0 to 1"),
        (np.full((4, 4), -0.1), "give values from 0 to 1"),
        (np.full((4, 4), np.nan), "give values from 0 to 1"),
    ],
)
def test_arrays_of_another_shape_type_or_range_are_refused(array, said):
    with pytest.raises(ValueError, match=said):
        color_picture(array, WarmColorizer())
    with pytest.raises(ValueError, match=said):
        next(color_sequence([array], WarmColorizer(), Options()))


@pytest.mark.parametrize("dtype", HIGHEST)
def test_frames_keep_their_type_and_luma(dtype):
    gray = [gradient(dtype, shift=shift) for shift in range(30)]

    frames = list(color_sequence(gray, WarmColorizer(), Options()))

    assert len(frames) == 30
    for frame, source in zip(frames, gray, strict=True):
        assert (frame.shape, frame.dtype) == ((45, 70, 3), np.dtype(dtype))
        assert np.abs(frame.astype(float) @ LUMA - source).max() <= ONE_CODE[dtype]
    assert np.ptp(frames[0].astype(float), axis=2).max() > 0.2 * HIGHEST[dtype]


@pytest.mark.parametrize("count", [0, 1, 2, 13, 40])
def test_as_many_frames_come_out_as_go_in(count):
    gray = [gradient("uint8", shift=shift) for shift in range(count)]

    assert len(list(color_sequence(gray, WarmColorizer(), Options()))) == count


def test_frames_are_read_only_as_far_ahead_as_colors_depend_on():
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield gradient("uint8", shift=read)

    frames = color_sequence(endless(), WarmColorizer(), Options())
    assert read == 0
    for number in range(1, 100):
        next(frames)
        assert read <= number + 45
    frames.close()


def test_callers_may_reuse_the_memory_of_a_frame():
    gray = [gradient("float32", shift=shift) for shift in range(20)]

    def reusing():
        memory = np.empty_like(gray[0])
        for frame in gray:
            memory[:] = frame
            yield memory

    reused = list(color_sequence(reusing(), WarmColorizer(), Options()))

    assert all(map(np.array_equal, reused, color_sequence(gray, WarmColorizer(), Options())))


@pytest.mark.parametrize("other", [gradient("uint16"), gradient("uint8", height=46)])
def test_a_frame_unlike_the_first_is_refused_by_its_number(other):
    with pytest.raises(ValueError, match="frame 1 is "):
        list(color_sequence([gradient("uint8"), other], WarmColorizer(), Options()))


def test_another_byte_order_gives_the_same_colors():
    gray = gradient("uint16")
    swapped = gray.astype(">u2")

    rgb = color_picture(swapped, WarmColorizer())

    assert rgb.dtype == np.uint16
    np.testing.assert_array_equal(rgb, color_picture(gray, WarmColorizer()))
    (frame,) = color_sequence([swapped], WarmColorizer(), Options())
    (expected,) = color_sequence([gray], WarmColorizer(), Options())
    np.testing.assert_array_equal(frame, expected)


@pytest.mark.parametrize("wrong", [None, "reel.mkv", [[1, 2], [3, 4]]])
def test_what_is_no_picture_is_refused_as_a_value(wrong):
    with pytest.raises(ValueError, match="give"):
        color_picture(wrong, WarmColorizer())
    with pytest.raises(ValueError, match="give"):
        list(color_sequence([wrong], WarmColorizer(), Options()))


class Finer(WarmColorizer):
    """Sees enough pixels for borders."""

    def working_shape(self, height, width):
        return 64, 96


def test_the_border_of_a_scan_stays_gray_as_in_a_job():
    random = np.random.default_rng(0)
    framed = np.full((160, 240), 235, np.uint8)
    framed[24:136, 30:210] = random.integers(40, 180, (112, 180))

    kept, colored = (color_picture(framed, Finer(), (), each) for each in ("keep", "color"))

    assert np.ptp(kept[:12].astype(int), axis=2).max() <= 1
    assert np.ptp(colored[:12].astype(int), axis=2).min() > 5
    assert np.ptp(kept[40:120, 50:190].astype(int), axis=2).mean() > 5
