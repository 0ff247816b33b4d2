"""Formats that few programs still write: Photoshop, Amiga, Sun, Photo CD, icons, Radiance."""

import base64
import io
import struct
import zlib

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from PIL import Image

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.stillformats import format_of_content
from colorworker.media.stills.vips import open_still
from tests.coloredstills import colored, gray_of
from tests.picturebytes import amiga, one_layer, photo_cd, photoshop, sun_raster

HEIGHT, WIDTH = 48, 64
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
DEEP = np.rint(RAMP * 65535).astype(np.uint16)
NEUTRAL = np.full_like(GRAY, 128)
ARITHMETIC = {
    "sequential": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkI"
        "BgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/yQALCAAQABgBAREA/8wABgAQEAX/2gAIAQEAAD8A/wDu6T5L"
        "PSd57QXgUsSl+OMZoHb47iZZk8JnYS0IypmNfs8pf9D/2Q=="
    ),
    "progressive": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkI"
        "BgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCgr/ygALCAAQABgBAREA/8wABAAQ/9oACAEBAAAAAf8A3csAw06d"
        "/8wABBAF/9oACAEBAAEFAhZwVRGniMkKWcUtz5U2YP/MAAQQBf/aAAgBAQAGPwIdpzwU14Ca/8wABBAF/9oA"
        "CAEBAAE/IaYQEP/aAAgBAQAAABBQ/8wABBAF/9oACAEBAAE/EB65oZu15/cGgP/Z"
    ),
}
"""JPEGs with arithmetic coding by libjpeg-turbo's cjpeg."""


def three(codes):
    return np.repeat(codes[..., None], 3, axis=2)


def by_oiio(folder, name, pixels, kind, **attributes):
    """Return a file of these pixels, (H, W, bands)."""
    path = folder / name
    output = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    for key, value in attributes.items():
        spec.attribute(key, value)
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path.read_bytes()


def icon(codes):
    """Return an Apple icon of these pixels, (128, 128), and of a quarter of that size."""
    parts = b""
    for kind, picture in ((b"ic11", codes[::4, ::4]), (b"ic07", codes)):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        parts += kind + struct.pack(">I", 8 + buffer.tell()) + buffer.getvalue()
    return b"icns" + struct.pack(">I", 8 + len(parts)) + parts


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("gray.psd", photoshop(GRAY[None], 1)),
        ("coded.psd", photoshop(GRAY[None], 1, coded=True)),
        ("duotone.psd", photoshop(GRAY[None], 8)),
        ("rgb.psd", photoshop(np.stack([GRAY] * 3), 3)),
        ("rgb-coded.psd", photoshop(np.stack([GRAY] * 3), 3, coded=True)),
        ("ilbm.iff", amiga(GRAY)),
        ("ilbm-coded.lbm", amiga(GRAY, coded=True)),
        ("pbm.iff", amiga(GRAY, chunky=True)),
        ("pbm-coded.iff", amiga(GRAY, chunky=True, coded=True)),
        ("gray.ras", sun_raster(GRAY)),
        ("coded.ras", sun_raster(GRAY, kind=2)),
        ("bgr.ras", sun_raster(three(GRAY))),
        ("rgb.ras", sun_raster(three(GRAY), kind=3)),
        ("inverse.ras", sun_raster(255 - GRAY, palette=bytes(range(255, -1, -1)) * 3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_8_bits_keep_their_gray(key, data, tmp_path, colorful):
    picture, rgb = colored(data, key, tmp_path / "out.tif", colorful())

    assert picture.warnings == []
    assert (picture.info.bit_depth, rgb.shape, rgb.dtype) == (8, (HEIGHT, WIDTH, 3), np.uint8)
    assert np.abs(gray_of(rgb) - GRAY).max() < 0.7
    assert np.ptp(rgb.astype(int), axis=2).mean() > 20


@pytest.mark.parametrize("coded", [False, True])
@pytest.mark.parametrize("bands", [1, 3])
def test_16_bits_of_a_photoshop_file_stay(bands, coded, tmp_path, colorful):
    data = photoshop(np.stack([DEEP] * bands), bands, coded=coded)

    picture, rgb = colored(data, "a.psd", tmp_path / "out.tif", colorful())

    assert (picture.info.bit_depth, rgb.dtype, picture.warnings) == (16, np.uint16, [])
    assert np.abs(gray_of(rgb) - DEEP).max() < 1.5


def test_lab_of_a_photoshop_file_is_its_lightness(tmp_path, colorful):
    data = photoshop(np.stack([GRAY, NEUTRAL, NEUTRAL]), 9)

    _, rgb = colored(data, "a.psd", tmp_path / "out.tif", colorful())

    luminance = srgb_to_linear((rgb / 65535).astype(np.float32)) @ LUMINANCE_WEIGHTS
    lightness = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    assert np.abs(lightness - GRAY / 2.55).max() < 0.01


def test_transparency_of_a_photoshop_file_is_kept_or_reported(tmp_path, colorful):
    whole = photoshop(np.stack([GRAY] * 3 + [GRAY[::-1]]), 3)
    _, rgba = colored(whole, "a.psd", tmp_path / "a.tif", colorful())
    np.testing.assert_array_equal(rgba[..., 3], GRAY[::-1])

    picture, _ = colored(
        photoshop(np.stack([GRAY] * 2), 1), "b.psd", tmp_path / "b.tif", colorful()
    )
    assert picture.warnings == ["of its 2 channels, 1 are kept"]


def test_layers_of_a_photoshop_file_are_a_note(tmp_path, colorful):
    data = photoshop(GRAY[None], 1, layers=one_layer(HEIGHT, WIDTH))

    picture, _ = colored(data, "a.psd", tmp_path / "out.tif", colorful())

    assert picture.warnings == ["of its layers, the picture of all of them is colored"]


def test_two_tones_of_photoshop_and_sun_have_their_own_black():
    black = RAMP < 0.5
    for data in (photoshop(black[None], 0), sun_raster(black)):
        with open_still(io.BytesIO(data), "a", max_pixels=10**8) as picture:
            assert picture.is_bilevel
            np.testing.assert_array_equal(picture.proxy(HEIGHT, WIDTH)[..., 0] < 50, black)


@pytest.mark.parametrize(
    ("planes", "mode", "words"),
    [(GRAY[None], 7, "Multichannel"), (np.stack([DEEP] * 3), 9, "of 16 bits")],
)
def test_photoshop_modes_without_known_colors_are_refused(planes, mode, words, tmp_path):
    with pytest.raises(SourceUnsupported, match=words):
        colored(photoshop(planes, mode), "a.psd", tmp_path / "o.tif", ())


@pytest.mark.parametrize("coding", ["none", "rle"])
@pytest.mark.parametrize(("codes", "kind"), [(GRAY, "uint8"), (DEEP, "uint16")])
def test_iff_of_maya_keeps_its_gray_and_depth(codes, kind, coding, tmp_path, colorful):
    data = by_oiio(tmp_path, "a.iff", three(codes), kind, compression=coding)

    picture, rgb = colored(data, "a.iff", tmp_path / "out.tif", colorful())

    assert format_of_content(data[:64]) == "IFF"
    assert (picture.info.loader, rgb.dtype) == ("iff", kind)
    assert np.abs(gray_of(rgb) - codes).max() < 1.5


def test_a_photo_cd_is_read_at_its_base_size_with_a_warning(tmp_path, colorful):
    luma = np.rint(np.linspace(0, 187, 512 * 768)).reshape(512, 768).astype(np.uint8)

    picture, rgb = colored(photo_cd(luma), "a.pcd", tmp_path / "out.tif", colorful())

    assert rgb.shape == (512, 768, 3)
    # PhotoYCC: R = G = B = 1.3584 Y.
    assert np.abs(gray_of(rgb) - luma * 1.3584).max() < 1.3
    assert ["768 x 512" in each for each in picture.warnings] == [True]


def test_an_apple_icon_is_read_at_its_largest_size(tmp_path, colorful):
    codes = np.rint(np.linspace(0, 255, 128 * 128)).reshape(128, 128).astype(np.uint8)

    picture, rgb = colored(icon(codes), "a.icns", tmp_path / "out.tif", colorful())

    assert (picture.info.loader, rgb.shape[:2]) == ("icns", (128, 128))
    assert np.abs(gray_of(rgb) - codes).max() < 0.7


def test_radiance_is_linear_light(tmp_path, colorful):
    data = by_oiio(tmp_path, "a.hdr", three(RAMP.astype("f4")), "float")

    picture, rgb = colored(data, "a.hdr", tmp_path / "out.tif", colorful())

    assert (picture.info.loader, rgb.dtype) == ("hdr", np.float32)
    # A pixel has 8 bits beside its exponent.
    np.testing.assert_allclose(rgb @ LUMINANCE_WEIGHTS, RAMP, rtol=1 / 128, atol=1e-4)
    assert np.ptp(rgb, axis=2).mean() > 0.05


@pytest.mark.parametrize("coding", list(ARITHMETIC))
def test_arithmetic_coding_of_jpeg_is_read(coding):
    data = base64.b64decode(ARITHMETIC[coding])
    expected = np.minimum(255, np.arange(24) * 8 + np.arange(16)[:, None] * 4) / 255

    with open_still(io.BytesIO(data), "a.jpg", max_pixels=10**6) as picture:
        lab = picture.proxy(16, 24)

    codes = linear_to_srgb(((lab[..., 0] + 16) / 116).astype(np.float32) ** 3)
    bright = expected > 0.2
    assert np.abs(codes - expected)[bright].max() < 0.02


@pytest.mark.parametrize("key", ["a.psd", "a.iff", "a.ras", "a.pcd", "a.hdr"])
def test_truncated_files_are_damaged_and_leave_nothing(key, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    made = {
        "a.psd": photoshop(noise[None], 1),
        "a.iff": amiga(noise),
        "a.ras": sun_raster(noise),
        "a.pcd": photo_cd(np.zeros((512, 768), np.uint8)),
        "a.hdr": by_oiio(tmp_path, "a.hdr", three(noise / np.float32(255)), "float"),
    }

    with pytest.raises(SourceDamaged, match=rf"^{key}: "):
        open_still(
            io.BytesIO(made[key][: len(made[key]) * 2 // 3]), key, max_pixels=10**8, scratch=scratch
        ).__enter__()

    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "picture"),
    [
        ("a.pgm", b"P5 # a comment\n16 9\n255\n" + GRAY[:9, :16].tobytes()),
        ("deep.pgm", b"P5\n16 9\n65535\n" + DEEP[:9, :16].astype(">u2").tobytes()),
        ("a.ppm", b"P6\n16 9 255\n" + three(GRAY[:9, :16]).tobytes()),
        (
            "a.pam",
            b"P7\nWIDTH 16\nHEIGHT 9\nDEPTH 1\nMAXVAL 255\nENDHDR\n" + GRAY[:9, :16].tobytes(),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_second_picture_of_netpbm_is_reported(key, picture):
    for data, expected in (
        (picture, []),
        (picture * 2, ["only the first of its pictures is colored"]),
    ):
        with open_still(io.BytesIO(data), key, max_pixels=10**6) as opened:
            assert (opened.info.width, opened.info.height) == (16, 9)
            assert opened.warnings == expected


def test_a_jpeg_xl_of_few_bytes_is_whole(tmp_path):
    codes = np.full((8, 8, 1), 77, np.uint8)
    data = by_oiio(tmp_path, "a.jxl", codes, "uint8", compression="jpegxl:100")
    assert len(data) < 128

    with open_still(io.BytesIO(data), "a.jxl", max_pixels=10**6) as picture:
        np.testing.assert_allclose(picture.proxy(8, 8)[..., 0], 32.75, atol=0.1)
    with pytest.raises(SourceDamaged):
        open_still(io.BytesIO(data[:-20]), "a.jxl", max_pixels=10**6).__enter__()


def test_an_icon_whose_part_is_far_larger_is_refused_before_it_is_decoded():
    data = icon(np.zeros((128, 128), np.uint8))
    huge = struct.pack(">II", 40_000, 40_000)
    head = data.rindex(b"IHDR") + 4
    part = bytearray(data)
    part[head : head + 8] = huge
    part[head + 13 : head + 17] = struct.pack(">I", zlib.crc32(part[head - 4 : head + 13]))

    with pytest.raises(SourceTooLarge, match="40000 x 40000"):
        open_still(io.BytesIO(bytes(part)), "a.icns", max_pixels=10**8).__enter__()


def test_an_icon_is_no_tga_to_a_pillow_that_asks_for_that_first(monkeypatch):
    # The third byte of the size of its picture is a depth to TGA, which has no mark of its own.
    noise = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "ICO", sizes=[(256, 256)])
    Image.init()
    monkeypatch.setattr(Image, "ID", ["TGA", *Image.ID])
    with Image.open(data) as mistaken:
        assert mistaken.format == "TGA"

    with open_still(data, "a.ico", max_pixels=10**6) as picture:
        assert (picture.info.width, picture.info.height) == (256, 256)
