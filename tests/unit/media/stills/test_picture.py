"""Opening stills: supported formats, refused formats, and damage."""

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.errors import (
    SourceDamaged,
    SourceTooLarge,
    SourceUnreadable,
    SourceUnsupported,
    StoreUnavailable,
)
from colorworker.media.stills.vips import open_still, verify_still, write_still


def opened(data, key="in", max_pixels=10**8):
    return open_still(io.BytesIO(data), key, max_pixels=max_pixels)


def png_header(width, height):
    """Return a PNG with a valid header of any size and almost no pixel data."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (chunk, idat, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_decompression_bomb_is_refused_by_its_header():
    with pytest.raises(SourceTooLarge, match=r"60000 x 60000.*MAX_PIXELS"):
        opened(png_header(60000, 60000), max_pixels=10**9).__enter__()


@pytest.mark.parametrize(
    "data",
    [b"", b"Dear archive, this is no picture.", bytes(range(256)) * 20, b"\xff\xd8\xff\xe0"],
    ids=["zero bytes", "text", "noise", "a JPEG's first bytes"],
)
def test_files_without_a_picture_are_damaged_and_print_nothing(data, capfd):
    with pytest.raises(SourceDamaged, match=r"^bad\.jpg: "):
        opened(data, "bad.jpg").__enter__()

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("key", "data", "name"),
    [
        ("unnamed", b"SIMPLE  =                    T".ljust(2880), "FITS"),
        ("a.dcm", bytes(128) + b"DICM" + bytes(100), "DICOM"),
    ],
)
def test_an_intact_file_of_an_unsupported_format_is_refused_by_name(key, data, name):
    with pytest.raises(SourceUnsupported, match=f"{name} pictures are not supported"):
        opened(data, key).__enter__()


@pytest.mark.parametrize("extension", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_truncated_picture_is_damaged_and_leaves_no_output(
    extension, share, encode, colorful, tmp_path, capfd
):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    data = encode(noise, extension)
    path = tmp_path / "out.tif"

    with pytest.raises(SourceDamaged), opened(data[: int(len(data) * share)]) as picture:
        write_still(picture, *colorful(), path, ".tif")

    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_the_proxy_of_a_truncated_picture_is_refused_too(encode):
    data = encode(np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8), ".png")

    with opened(data[: len(data) // 2]) as picture, pytest.raises(SourceDamaged):
        picture.proxy(20, 30)


def test_float_pixels_are_linear_light():
    data = (pyvips.Image.black(8, 8) + 0.18).cast("float").write_to_buffer(".tif")

    with opened(data) as picture:
        assert picture.info.bit_depth == 32
        np.testing.assert_allclose(picture.proxy(8, 8)[..., 0], 49.5, atol=0.1)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_is_kept_unchanged(extension, dtype, encode, textured, colorful, tmp_path):
    shift = 8 if dtype == np.uint8 else 0
    gray = (textured >> shift).astype(dtype)
    alpha = gray[::-1, ::-1]
    path = tmp_path / f"out{extension}"

    with opened(encode(np.dstack((gray, alpha)), extension)) as picture:
        write_still(picture, *colorful(), path, extension)
        verify_still(picture, path)

    written = pyvips.Image.new_from_file(str(path)).numpy()
    np.testing.assert_array_equal(written[..., 3], alpha)


def test_one_bit_scans_become_8_bit_color(encode, colorful, tmp_path):
    line_art = (np.indices((40, 40)).sum(axis=0) % 7 < 3).astype(np.uint8) * 255
    path = tmp_path / "out.tif"

    with opened(encode(line_art, ".tif", bitdepth=1)) as picture:
        write_still(picture, *colorful(), path, ".tif")
        verify_still(picture, path)

    written = pyvips.Image.new_from_file(str(path)).numpy()
    np.testing.assert_array_equal(written[..., 0], line_art)


def test_cmyk_keeps_its_lightness_and_is_written_as_srgb(colorful, tmp_path):
    brown = np.full((40, 30, 3), (150, 120, 90), np.uint8)
    rgb = pyvips.Image.new_from_array(brown).copy(interpretation="srgb")
    data = rgb.icc_transform("cmyk").write_to_buffer(".tif")
    path = tmp_path / "out.tif"

    with opened(data) as picture:
        write_still(picture, *colorful(), path, ".tif")
        verify_still(picture, path)

    written = pyvips.Image.new_from_file(str(path))
    assert (written.bands, written.interpretation) == (3, "srgb")


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 5)])
def test_tiny_pictures_are_colored_like_others(shape, encode, colorful, tmp_path):
    gray = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "out.png"

    with opened(encode(gray, ".png")) as picture:
        assert picture.proxy(64, 64).shape == (64, 64, 3)
        write_still(picture, *colorful(), path, ".png")
        verify_still(picture, path)


def test_the_proxy_of_a_16_bit_picture_keeps_its_precision(encode):
    ramp = np.tile(np.linspace(20000, 21000, 640).astype(np.uint16), (480, 1))

    with opened(encode(ramp, ".png")) as picture:
        lab = picture.proxy(48, 64)

    lightness = lab_from_linear_rgb(
        srgb_to_linear(np.repeat(ramp[:, :, None] / np.float32(65535), 3, axis=2))
    )[0, :, 0]
    expected = lightness.reshape(64, 10).mean(axis=1)
    assert lab.dtype == np.float32
    assert np.abs(lab[:, 1:-1, 0] - expected[1:-1]).max() < 0.02
    assert np.abs(lab[..., 1:]).max() < 0.02


def test_a_failing_reader_does_not_count_as_damage(encode, textured, capfd):
    class Failing(io.BytesIO):
        broken = False

        def read(self, size=-1):
            if self.broken:
                raise OSError(5, "Input/output error")
            return super().read(size)

    reader = Failing(encode(textured, ".png"))
    with open_still(reader, "in", max_pixels=10**8) as picture:
        reader.broken = True
        with pytest.raises(SourceUnreadable, match="Input/output error"):
            picture.proxy(10, 10)

    assert capfd.readouterr().err == ""


def test_an_output_that_cannot_be_written_is_not_blamed_on_the_source(
    encode, textured, colorful, tmp_path
):
    with opened(encode(textured, ".png")) as picture, pytest.raises(StoreUnavailable):
        write_still(picture, *colorful(), tmp_path / "absent" / "out.tif", ".tif")
