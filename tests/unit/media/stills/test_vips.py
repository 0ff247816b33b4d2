"""Law 2 for stills: the written file has the source's L*."""

import io

import numpy as np
import pytest
import pyvips

from colorworker.color.lab import (
    LUMINANCE_WEIGHTS,
    lab_from_linear_rgb,
    linear_rgb_from_lab,
    linear_to_srgb,
    srgb_to_linear,
)
from colorworker.errors import OutputMismatch
from colorworker.media.stills import savers
from colorworker.media.stills.vips import open_still, verify_still, write_still


def colored(data, path, coefficients):
    with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
        write_still(picture, *coefficients, path, path.suffix)
        verify_still(picture, path)
        info = picture.info
    return info, pyvips.Image.new_from_file(str(path)).numpy()


def gray_equivalent(rgb):
    """Return the codes of grays with the same luminance as these sRGB colors."""
    top = np.iinfo(rgb.dtype).max
    return linear_to_srgb(srgb_to_linear(rgb / np.float32(top)) @ LUMINANCE_WEIGHTS) * top


@pytest.mark.parametrize("extension", [".png", ".tif", ".webp"])
def test_8_bit_lightness_is_kept_within_a_code_value(
    extension, encode, textured, colorful, tmp_path
):
    gray = (textured >> 8).astype(np.uint8)

    info, rgb = colored(encode(gray, ".png"), tmp_path / f"out{extension}", colorful())

    assert (info.bit_depth, rgb.dtype, rgb.shape) == (8, np.uint8, (120, 160, 3))
    assert np.abs(gray_equivalent(rgb) - gray).max() <= 0.6
    assert np.ptp(rgb.astype(int), axis=2).mean() > 50


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_16_bit_lightness_is_kept_within_a_code_value(
    extension, encode, textured, colorful, tmp_path
):
    info, rgb = colored(encode(textured, ".png"), tmp_path / f"out{extension}", colorful())

    assert (info.bit_depth, rgb.dtype) == (16, np.uint16)
    assert np.abs(gray_equivalent(rgb) - textured).max() <= 1


def test_the_lightness_of_a_toned_rgb_scan_is_kept(encode, textured, colorful, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    sepia = np.stack((gray, (gray * 0.8), (gray * 0.6)), axis=-1).astype(np.uint8)

    _, rgb = colored(encode(sepia, ".png"), tmp_path / "out.png", colorful())

    assert np.abs(gray_equivalent(rgb) - gray_equivalent(sepia)).max() <= 0.6


def test_jpeg_lightness_stays_close_although_it_is_lossy(encode, textured, colorful, tmp_path):
    gray = (textured >> 8).astype(np.uint8)

    _, rgb = colored(encode(gray, ".png"), tmp_path / "out.jpg", colorful())

    assert np.abs(gray_equivalent(rgb) - gray).mean() < 1.5


@pytest.mark.parametrize("wide", [False, True])
def test_an_rgb_profile_and_the_lightness_in_it_are_kept(
    wide, encode, textured, colorful, tmp_path, adobe_rgb
):
    codes = textured if wide else (textured >> 8).astype(np.uint8)
    top = np.iinfo(codes.dtype).max
    data = encode(np.repeat(codes[..., None], 3, axis=2), ".tif", icc=adobe_rgb)

    info, rgb = colored(data, tmp_path / "out.tif", colorful())

    written = pyvips.Image.new_from_file(str(tmp_path / "out.tif"))
    luminance = (rgb / top) ** (563 / 256) @ (0.31111, 0.62567, 0.06322)
    assert info.profile == "kept"
    assert written.get("icc-profile-data") == adobe_rgb
    lit = codes > 0.02 * top
    assert np.abs(luminance ** (256 / 563) * top - codes)[lit].max() <= 1
    assert 903.3 * np.abs(luminance - (codes / top) ** (563 / 256))[~lit].max() < (
        0.0002 if wide else 0.05
    )
    assert np.ptp(rgb.astype(float), axis=2).mean() > 0.2 * top


@pytest.mark.parametrize("wide", [False, True])
def test_a_gray_profile_is_honored_and_replaced_by_srgb(
    wide, encode, textured, colorful, tmp_path, gray_gamma
):
    codes = textured if wide else (textured >> 8).astype(np.uint8)
    top = np.iinfo(codes.dtype).max

    info, rgb = colored(encode(codes, ".tif", icc=gray_gamma), tmp_path / "out.tif", colorful())

    written = pyvips.Image.new_from_file(str(tmp_path / "out.tif"))
    expected = linear_to_srgb(((codes / top) ** (563 / 256)).astype(np.float32)) * top
    assert info.profile == "replaced"
    assert written.get("icc-profile-data")[16:20] == b"RGB "
    assert np.abs(gray_equivalent(rgb) - expected).max() <= 1


def test_chroma_is_not_shifted(encode, tmp_path):
    gray = np.full((64, 96), 119, np.uint8)
    offset = np.zeros((4, 6, 2), np.float32)
    offset[..., 0] = np.linspace(-10, 10, 6)

    colored(encode(gray, ".png"), tmp_path / "out.png", (np.zeros_like(offset), offset))

    rgb = pyvips.Image.new_from_file(str(tmp_path / "out.png")).numpy()
    a = lab_from_linear_rgb(srgb_to_linear(rgb / np.float32(255)))[32, :, 1]
    expected = np.interp((np.arange(96) + 0.5) / 16 - 0.5, np.arange(6), offset[0, :, 0])
    assert np.abs(a - expected).max() < 0.5


def test_streamed_colors_equal_those_computed_with_numpy(encode, tmp_path):
    gray = np.full((8, 8), 140, np.uint8)
    offset = np.full((8, 8, 2), (21.0, -34.0), np.float32)

    _, rgb = colored(encode(gray, ".png"), tmp_path / "out.png", (np.zeros_like(offset), offset))

    lightness = lab_from_linear_rgb(srgb_to_linear(np.full(3, 140 / 255, np.float32)))[0]
    expected = linear_to_srgb(linear_rgb_from_lab(np.float32([lightness, 21, -34]))) * 255
    assert np.abs(rgb.reshape(-1, 3) - expected).max() <= 0.6


def test_an_output_with_changed_lightness_fails_verification(encode, textured, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    moved = gray.copy()
    moved[100, 100] += 2
    path = tmp_path / "out.png"
    path.write_bytes(encode(np.repeat(moved[..., None], 3, axis=2), ".png"))

    with (
        open_still(io.BytesIO(encode(gray, ".png")), "in", max_pixels=10**8) as picture,
        pytest.raises(OutputMismatch, match="lightness changed by 2"),
    ):
        verify_still(picture, path)


def test_a_wrong_size_or_depth_or_a_truncated_output_fails_verification(encode, textured, tmp_path):
    data = encode(textured, ".tif")
    path = tmp_path / "out.tif"
    with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
        for wrong in (encode(textured[:-1], ".tif"), encode((textured >> 8).astype("u1"), ".tif")):
            path.write_bytes(wrong)
            with pytest.raises(OutputMismatch):
                verify_still(picture, path)
        path.write_bytes(encode(np.repeat(textured[..., None], 3, axis=2), ".tif")[:20000])
        with pytest.raises(OutputMismatch):
            verify_still(picture, path)


@pytest.mark.parametrize("width", [4095, 4097, 5000])
def test_pictures_wider_than_a_strip_of_tiles_are_written_exactly(tmp_path, width):
    columns = np.arange(width) * 37 % 251
    codes = ((np.arange(300)[:, None] * 5 + columns) % 256).astype(np.uint8)
    source, target = tmp_path / "wide.png", tmp_path / "wide.tif"
    pyvips.Image.new_from_array(codes).write_to_file(str(source))
    slope, offset = (np.full((20, 30, 2), value, np.float32) for value in (0.1, -5))

    with source.open("rb") as file, open_still(file, "wide.png", max_pixels=10**8) as picture:
        write_still(picture, slope, offset, target, ".tif")
        verify_still(picture, target)

    written = pyvips.Image.new_from_file(str(target)).numpy()
    narrow = pyvips.Image.new_from_array(codes[:, :1000])
    assert written.shape == (300, width, 3)
    assert np.abs(np.ptp(written.astype(int), axis=2)).max() < 60
    lightness = pyvips.Image.new_from_array(written).copy(interpretation="srgb").colourspace("lab")
    before = narrow.copy(interpretation="b-w").colourspace("srgb").colourspace("lab")
    assert np.abs(lightness.numpy()[:, :1000, 0] - before.numpy()[..., 0]).max() < 0.5


def test_large_jpegs_are_written_without_a_second_pass_over_the_whole(tmp_path, monkeypatch):
    codes = np.random.default_rng(0).integers(0, 255, (96, 96)).astype(np.uint8)
    source = tmp_path / "a.png"
    pyvips.Image.new_from_array(codes).write_to_file(str(source))
    plane = np.zeros((8, 8, 2), np.float32)

    def written(name):
        target = tmp_path / name
        with source.open("rb") as file, open_still(file, "a.png", max_pixels=10**6) as picture:
            write_still(picture, plane, plane + 5, target, ".jpg")
        return target.stat().st_size, pyvips.Image.new_from_file(str(target)).numpy()

    size, pixels = written("small.jpg")
    monkeypatch.setattr(savers, "_OPTIMIZED_PIXELS", 1000)
    larger, same = written("large.jpg")

    assert size < larger < 1.5 * size
    assert np.array_equal(pixels, same)
