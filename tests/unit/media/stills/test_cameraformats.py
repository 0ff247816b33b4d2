"""HEIF, AVIF and camera raw, and the rare formats that Pillow reads."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.stills.vips import open_still, verify_still, write_still

HEIGHT, WIDTH = 96, 128
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
EXIF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0title\0"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def pillow(format_name, mode="L", **options):
    buffer = io.BytesIO()
    Image.fromarray(GRAY).convert(mode).save(buffer, format_name, **options)
    return buffer.getvalue()


def heif(pixels, mode, **options):
    made = pillow_heif.from_bytes(mode, (WIDTH, HEIGHT), np.ascontiguousarray(pixels).tobytes())
    buffer = io.BytesIO()
    made.save(buffer, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return buffer.getvalue()


def colored(data, key, path, coefficients):
    with open_still(io.BytesIO(data), key, max_pixels=10**8) as picture:
        lab = picture.proxy(HEIGHT, WIDTH)
        write_still(picture, *coefficients, path, ".tif")
        verify_still(picture, path)
        return picture, lab, tifffile.imread(path)


def gray_of(rgb):
    top = np.iinfo(rgb.dtype).max
    linear = srgb_to_linear((rgb[..., :3] / top).astype(np.float32))
    return linear_to_srgb(linear @ LUMINANCE_WEIGHTS)


def tags_of(path):
    with tifffile.TiffFile(path) as file:
        return {tag.code: tag.value for tag in file.pages[0].tags}


@pytest.mark.parametrize(("kind", "mode"), [("uint8", "RGB"), ("uint16", "RGB;16")])
def test_heif_keeps_its_gray_depth_and_metadata(kind, mode, tmp_path, colorful):
    codes = np.rint(RAMP * np.iinfo(kind).max).astype(kind)
    data = heif(np.stack([codes] * 3, axis=2), mode, exif=EXIF, xmp=XMP)
    path = tmp_path / "out.tif"

    picture, _, rgb = colored(data, "phone.heic", path, colorful())

    assert (picture.info.loader, rgb.dtype) == ("heif", kind)
    # 16 bits are stored as 10 or 12.
    assert np.abs(gray_of(rgb) - RAMP).max() < (0.01 if kind == "uint8" else 0.002)
    assert np.ptp(rgb.astype(float), axis=2).mean() > 0.05 * np.iinfo(kind).max
    assert tags_of(path)[270] == "title"
    assert b"xmpmeta" in bytes(tags_of(path)[700])


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_heif_is_not_turned_a_second_time_by_exif(orientation, tmp_path, colorful):
    exif = Image.Exif()
    exif[274] = orientation
    gray = np.rint(RAMP * 255).astype("uint8")
    # Like phones, pillow-heif stores how to turn the picture in HEIF too.
    data = heif(np.stack([gray] * 3, axis=2), "RGB", exif=exif.tobytes())
    path = tmp_path / "out.tif"

    _, _, rgb = colored(data, "phone.heic", path, colorful())

    turned = np.rot90(RAMP, {1: 0, 3: 2, 6: -1}[orientation])
    assert np.abs(gray_of(rgb) - turned).max() < 0.01
    assert tags_of(path).get(274, 1) == 1


@pytest.mark.parametrize("brand", [b"avif", b"mif1"])
def test_avif_is_read_by_libvips(brand, tmp_path, colorful):
    data = pillow("AVIF", quality=100).replace(b"avif", brand, 1)

    picture, lab, rgb = colored(data, "a.avif", tmp_path / "o.tif", colorful())

    assert (picture.info.loader, rgb.shape) == ("avif", (HEIGHT, WIDTH, 3))
    assert np.abs(gray_of(rgb) - RAMP).mean() < 0.01
    assert lab[..., 0].max() > 98


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("a.pcx", pillow("PCX")),
        ("rgb.pcx", pillow("PCX", "RGB")),
        ("a.ico", pillow("ICO", sizes=[(128, 96)])),
        ("a.dds", pillow("DDS", "RGB")),
        ("a.qoi", pillow("QOI", "RGB")),
        ("a.dib", pillow("DIB", "RGB")),
        ("la.tga", pillow("TGA", "LA")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rare_formats_keep_their_gray(key, data, tmp_path, colorful):
    _, _, rgb = colored(data, key, tmp_path / "out.tif", colorful())

    assert rgb.shape[:2] == (HEIGHT, WIDTH)
    assert np.abs(gray_of(rgb) * 255 - GRAY).max() < 0.7


def test_a_dds_of_a_rare_kind_is_unsupported_instead_of_damaged():
    data = bytearray(pillow("DDS", "RGB"))
    # The pixel format's flags say that a code names it.
    data[80:88] = b"\4\0\0\0YUY2"

    with pytest.raises(SourceUnsupported, match="Unimplemented pixel format"):
        open_still(io.BytesIO(bytes(data)), "a.dds", max_pixels=10**8).__enter__()


@pytest.mark.parametrize(
    ("name", "position", "value", "said"),
    [
        ("PCX", 3, 3, "unknown PCX mode"),  # bits per sample
        ("BMP", 28, 2, "Unsupported BMP pixel depth"),
        ("BMP", 14, 16, "Unsupported BMP header type"),  # of OS/2, the short kind
        ("BMP", 30, 4, "Unsupported BMP compression"),  # a JPEG inside
    ],
)
def test_a_rare_kind_of_picture_is_unsupported_instead_of_damaged(name, position, value, said):
    data = bytearray(pillow(name))
    data[position] = value

    with pytest.raises(SourceUnsupported, match=said):
        open_still(io.BytesIO(bytes(data)), f"a.{name.lower()}", max_pixels=10**8).__enter__()


def dng(photometric="cfa", codes=None):
    """Return a DNG of a gray ramp; its white balance is neutral."""
    codes = np.rint(RAMP * 65535).astype(np.uint16) if codes is None else codes
    matrix = [int(value * 10000) for value in np.linalg.inv(XYZ).ravel()]
    tags = [
        (50706, 1, 4, (1, 4, 0, 0), True),
        (271, 2, 0, "Archive", True),
        (272, 2, 0, "Scanner", True),
        (270, 2, 0, "negative 12", True),
        (274, 3, 1, 6, True),
        (50708, 2, 0, "Archive Scanner", True),
        (50721, 10, 9, [part for value in matrix for part in (value, 10000)], True),
        (50778, 3, 1, 21, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
    ]
    if photometric == "cfa":
        tags += [(33421, 3, 2, (2, 2), True), (33422, 1, 4, (0, 1, 1, 2), True)]
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, codes, photometric=photometric, metadata=None, extratags=tags)
    return buffer.getvalue()


XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def test_camera_raw_is_developed_and_keeps_its_metadata(tmp_path, colorful):
    path = tmp_path / "out.tif"

    picture, lab, rgb = colored(dng(), "scan.dng", path, colorful())

    assert (picture.info.loader, picture.info.bit_depth, rgb.dtype) == ("raw", 16, np.uint16)
    assert any("LibRaw" in each for each in picture.warnings)
    assert (tags_of(path)[270], tags_of(path)[272], tags_of(path)[274]) == (
        "negative 12",
        "Scanner",
        6,
    )
    middle = rgb[HEIGHT // 2, WIDTH // 2] / 65535
    assert gray_of((middle * 65535).astype(np.uint16)) == pytest.approx(
        linear_to_srgb(np.float32(0.5)), abs=0.06
    )
    assert lab[..., 0].mean() == pytest.approx(71, abs=5)
    assert np.ptp(rgb.astype(float), axis=2).max() > 5000


def test_camera_raw_without_a_color_filter_is_colored(tmp_path, colorful):
    # As from monochrome cameras: one sample per pixel, no mosaic. tifffile writes no such thing.
    photometric = struct.pack("<HHIH", 262, 3, 1, 1)
    data = dng("minisblack").replace(photometric, struct.pack("<HHIH", 262, 3, 1, 34892))
    path = tmp_path / "out.tif"

    picture, lab, rgb = colored(data, "mono.dng", path, colorful())

    assert (picture.info.loader, picture.info.bit_depth) == ("raw", 16)
    assert lab.shape[2] == rgb.shape[2] == 3
    middle = gray_of(rgb[HEIGHT // 2, WIDTH // 2])
    assert middle == pytest.approx(linear_to_srgb(np.float32(0.5)), abs=0.06)
    assert not lab[..., 1:].any()


def test_cut_off_camera_raw_is_damaged_and_not_black():
    empty = dng(codes=np.zeros((HEIGHT, WIDTH), np.uint16))

    for data in (dng()[:2000], empty):
        with pytest.raises(SourceDamaged, match="does not decode completely"):
            open_still(io.BytesIO(data), "scan.dng", max_pixels=10**8).__enter__()


def test_a_kind_that_pillow_does_not_implement_is_named():
    data = bytearray(pillow("DDS", "RGB"))
    data[80:84] = (0x20000).to_bytes(4, "little")

    with pytest.raises(SourceUnsupported, match=r"^odd\.dds: its kind of picture is not supported"):
        open_still(io.BytesIO(bytes(data)), "odd.dds", max_pixels=10**8).__enter__()


def test_an_unknown_camera_is_named():
    data = b"IIRO\x08\0\0\0" + b"\0" * 200

    with pytest.raises((SourceUnsupported, SourceDamaged), match=r"P1010001\.ORF: "):
        open_still(io.BytesIO(data), "P1010001.ORF", max_pixels=10**8).__enter__()


@pytest.mark.parametrize(("key", "data"), [("a.pcx", pillow("PCX")), ("a.heic", None)])
def test_limits_and_damage_are_named(key, data, tmp_path):
    data = data or heif(np.stack([GRAY] * 3, axis=2), "RGB")

    with pytest.raises(SourceTooLarge, match="128 x 96 pixels"):
        open_still(io.BytesIO(data), key, max_pixels=1000).__enter__()
    with pytest.raises(SourceDamaged, match=rf"^{key}: "):
        open_still(
            io.BytesIO(data[: len(data) // 2]), key, max_pixels=10**8, scratch=tmp_path
        ).__enter__()
    assert list(tmp_path.iterdir()) == []
