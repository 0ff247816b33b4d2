"""Formats that libvips does not read: colored with their gray, and their metadata is kept."""

import base64
import io
import struct

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
import tifffile
from PIL import Image

from colorworker.color.lab import LUMINANCE_WEIGHTS
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.vips import open_still
from tests.coloredstills import colored, gray_of

HEIGHT, WIDTH = 48, 64
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GRAY = np.rint(RAMP * 255).astype(np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
EXIF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0title\0"
"""ImageDescription is `title`."""
IPTC = b"\x1c\x02\x78\0\5words"


def pillow(format_name, mode="L", codes=GRAY, **options):
    buffer = io.BytesIO()
    image = Image.fromarray(codes)
    (image if mode == image.mode else image.convert(mode)).save(buffer, format_name, **options)
    return buffer.getvalue()


def by_oiio(tmp_path, name, pixels, kind):
    """Return a file of these pixels, (H, W, bands)."""
    path = tmp_path / name
    output = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path.read_bytes()


def box(kind, data):
    return struct.pack(">I4s", len(data) + 8, kind) + data


@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("a.bmp", pillow("BMP")),
        ("rgb.bmp", pillow("BMP", "RGB")),
        ("a.tga", pillow("TGA")),
        ("rle.tga", pillow("TGA", "RGB", compression="tga_rle")),
        ("a.pgm", pillow("PPM")),
        ("a.ppm", pillow("PPM", "RGB")),
        ("a.sgi", pillow("SGI")),
        ("a.jp2", pillow("JPEG2000")),
        ("rgb.jp2", pillow("JPEG2000", "RGB")),
        ("a.j2k", pillow("JPEG2000", no_jp2=True)),
        ("a.gif", pillow("GIF")),
        ("a.png", pillow("PNG", "P")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_8_bits_keep_their_gray(key, data, tmp_path, colorful):
    picture, rgb = colored(data, key, tmp_path / "out.tif", colorful())

    assert (picture.info.bit_depth, rgb.shape, rgb.dtype) == (8, (HEIGHT, WIDTH, 3), np.uint8)
    assert np.abs(gray_of(rgb) - GRAY).max() < 0.7
    assert np.ptp(rgb.astype(int), axis=2).mean() > 20


@pytest.mark.parametrize("name", ["a.jp2", "a.jxl", "a.pnm", "a.sgi"])
@pytest.mark.parametrize("bands", [1, 3])
def test_16_bits_keep_their_gray(name, bands, tmp_path, colorful):
    codes = np.rint(RAMP * 65535).astype(np.uint16)
    data = by_oiio(tmp_path, name, np.repeat(codes[..., None], bands, axis=2), "uint16")

    picture, rgb = colored(data, name, tmp_path / "out.tif", colorful())

    assert (picture.info.bit_depth, rgb.dtype) == (16, np.uint16)
    assert np.abs(gray_of(rgb) - codes).max() < 1.5
    assert np.ptp(rgb.astype(int), axis=2).mean() > 5000


def test_a_palette_in_a_jpeg_2000_is_looked_up():
    """A palette of two colors, black for 1 and white for 0, as boxes around a codestream."""
    codes = (RAMP > 0.5).astype(np.uint8)
    data = pillow("JPEG2000", codes=codes)
    palette = box(b"pclr", b"\0\x02\3\7\7\7" + b"\xff" * 3 + b"\0" * 3)
    mapping = box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, band) for band in range(3)))
    place = data.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", data, place)
    header = data[place + 8 : place + size].replace(b"\0\0\0\x11", b"\0\0\0\x10")
    header += palette + mapping
    data = data[:place] + box(b"jp2h", header) + data[place + size :]

    with open_still(io.BytesIO(data), "a.jp2", max_pixels=10**8) as picture:
        lab = picture.proxy(HEIGHT, WIDTH)

    np.testing.assert_allclose(lab[..., 0], np.where(RAMP > 0.5, 0, 100), atol=0.1)


def test_plain_and_deep_netpbm_are_read(tmp_path, colorful):
    plain = f"P2\n{WIDTH} {HEIGHT}\n255\n" + "\n".join(" ".join(map(str, row)) for row in GRAY)

    _, rgb = colored(plain.encode(), "a.pgm", tmp_path / "out.tif", colorful())

    assert np.abs(gray_of(rgb) - GRAY).max() < 0.7


@pytest.mark.parametrize("bands", [1, 3])
def test_a_float_map_is_linear_light(bands, tmp_path, colorful):
    light = np.repeat(RAMP[..., None], bands, axis=2).astype("<f4")
    head = f"{'Pf' if bands == 1 else 'PF'}\n{WIDTH} {HEIGHT}\n-1.0\n".encode()

    _, rgb = colored(head + light[::-1].tobytes(), "a.pfm", tmp_path / "out.tif", colorful())

    assert rgb.dtype == np.float32
    np.testing.assert_allclose(rgb @ LUMINANCE_WEIGHTS, RAMP, atol=1e-5)


def pam(kind, depth, top, samples):
    head = f"P7\n# a comment\nWIDTH 64\nHEIGHT 48\nDEPTH {depth}\nMAXVAL {top}\nTUPLTYPE {kind}\n"
    return head.encode() + b"ENDHDR\n" + samples.tobytes()


@pytest.mark.parametrize("top", [100, 255, 1023, 65535])
@pytest.mark.parametrize(
    ("kind", "bands"),
    [("GRAYSCALE", 1), ("RGB", 3), ("GRAYSCALE_ALPHA", 2), ("RGB_ALPHA", 4)],
)
def test_pam_keeps_its_gray_and_transparency(kind, bands, top, tmp_path, colorful):
    codes = np.rint(RAMP * top).astype("u1" if top < 256 else ">u2")
    data = pam(kind, bands, top, np.repeat(codes[..., None], bands, axis=2))

    _, rgb = colored(data, "a.pam", tmp_path / "out.tif", colorful())

    full = np.iinfo(rgb.dtype).max
    assert rgb.dtype == ("uint8" if top < 256 else "uint16")
    wanted = codes.astype(float) * (full / top)
    assert np.abs(gray_of(rgb) - wanted).max() < (1.5 if full == 255 else 4)
    if bands in (2, 4):
        assert np.abs(rgb[..., 3] - wanted).max() <= 0.5


def test_pam_that_is_short_strange_or_of_two_tones_is_known(tmp_path):
    with pytest.raises(SourceDamaged, match="3071 bytes, its pixels need 3072"):
        colored(pam("GRAYSCALE", 1, 255, GRAY)[:-1], "a.pam", tmp_path / "o.tif", ())
    with pytest.raises(SourceUnsupported, match="tuples are HEAT of 1 samples"):
        colored(pam("HEAT", 1, 255, GRAY), "a.pam", tmp_path / "o.tif", ())
    with open_still(
        io.BytesIO(pam("BLACKANDWHITE", 1, 1, GRAY > 99)), "a", max_pixels=10**6
    ) as seen:
        assert seen.is_bilevel


def test_a_needless_transform_in_a_jpeg_2000_of_one_component_is_no_damage(tmp_path, colorful):
    codes = np.rint(RAMP * 65535).astype(np.uint16)
    data = bytearray(by_oiio(tmp_path, "a.jp2", codes[..., None], "uint16"))
    # COD marker segment: the flag of the transform of three components.
    data[data.index(b"\xff\x52") + 8] = 1

    _, rgb = colored(bytes(data), "a.jp2", tmp_path / "out.tif", colorful())

    assert rgb.dtype == np.uint16
    assert np.abs(gray_of(rgb) - codes).max() < 1.5


@pytest.mark.parametrize(
    ("key", "data"), [("a.ppm", b"P6 no numbers"), ("a.exr", b"\x76\x2f\x31\x01")]
)
def test_messages_of_openimageio_are_without_temporary_names(key, data, tmp_path):
    with pytest.raises(SourceDamaged) as raised:
        colored(data, key, tmp_path / "o.tif", ())
    assert "/source." not in str(raised.value)


def test_messages_of_libraries_are_one_line_without_temporary_names(tmp_path):
    with pytest.raises(SourceDamaged) as raised:
        colored(b"no picture " * 9, "a.pcx", tmp_path / "o.tif", ())
    said = str(raised.value)
    assert "cannot identify image file)" in said
    assert str(tmp_path) not in said
    assert "source.pcx" not in said


def test_jpeg_ls_is_refused_by_name(tmp_path):
    data = base64.b64decode(
        "/9j/6AAgU1BJRkYAAgAAAQAAAAgAAAAICggGAQAAASwAAAEs/+gACAAAAAH/2P/3AAsIAAgACAEBEQD/2gAIAQEAAAAArbb4"
        "TSvBP47+Z/K/o/8/gP/Z"
    )
    with pytest.raises(SourceUnsupported, match="JPEG-LS pictures are not supported"):
        colored(data, "a.jpg", tmp_path / "o.tif", ())


@pytest.mark.parametrize("data", [pillow("PPM", "1"), pillow("BMP", "1"), pillow("PNG", "1")])
def test_two_tones_are_known(data):
    with open_still(io.BytesIO(data), "fax", max_pixels=10**8) as picture:
        assert picture.is_bilevel


@pytest.mark.parametrize(("format_name", "name"), [("TGA", "a.tga"), ("JPEG2000", "a.jp2")])
def test_transparency_is_kept(format_name, name, tmp_path, colorful):
    rgba = np.stack([GRAY, GRAY, GRAY, GRAY[::-1]], axis=2)

    picture, out = colored(pillow(format_name, "RGBA", rgba), name, tmp_path / "a.tif", colorful())

    assert picture.info.extra_samples == (2,)
    np.testing.assert_array_equal(out[..., 3], rgba[..., 3])


def with_boxes(name, tmp_path):
    """Return a JPEG 2000 or JPEG XL with EXIF and XMP, the first also with IPTC."""
    if name == "a.jp2":
        uuids = {
            "be7acfcb97a942e89c71999491e3afac": XMP,
            "33c7a4d2b81d4723a0baf1a3e097ad38": IPTC,
            b"JpgTiffExif->JP2".hex(): EXIF,
        }
        extra = b"".join(box(b"uuid", bytes.fromhex(uuid) + data) for uuid, data in uuids.items())
        return pillow("JPEG2000") + extra
    data = by_oiio(tmp_path, name, GRAY[..., None].astype(np.uint16) * 257, "uint16")
    return data + box(b"Exif", b"\0\0\0\0" + EXIF) + box(b"xml ", XMP)


@pytest.mark.parametrize("name", ["a.jp2", "a.jxl"])
def test_metadata_in_boxes_is_kept(name, tmp_path, colorful):
    path = tmp_path / "out.tif"

    colored(with_boxes(name, tmp_path), name, path, colorful())

    with tifffile.TiffFile(path) as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert tags[270] == "title"
    assert b"xmpmeta" in bytes(tags[700])
    if name == "a.jp2":
        assert IPTC in bytes(tags[33723])


def test_the_resolution_of_a_bmp_is_kept(tmp_path, colorful):
    path = tmp_path / "out.tif"

    colored(pillow("BMP", dpi=(300, 300)), "a.bmp", path, colorful())

    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        resolution = tags[282].value[0] / tags[282].value[1]
        per_inch = resolution * (2.54 if tags[296].value == 3 else 1)
    assert per_inch == pytest.approx(300, abs=0.1)


@pytest.mark.parametrize("key", ["a.jp2", "a.bmp", "a.tga", "a.pgm", "a.sgi"])
def test_truncated_files_are_damaged_and_leave_nothing(key, tmp_path):
    formats = {"jp2": "JPEG2000", "pgm": "PPM"}
    extension = key.removeprefix("a.")
    noise = np.random.default_rng(0).integers(0, 256, (64, 96), dtype=np.uint8)
    data = pillow(formats.get(extension, extension.upper()), codes=noise)

    with pytest.raises(SourceDamaged, match=rf"^{key}: "):
        open_still(
            io.BytesIO(data[: len(data) // 2]), key, max_pixels=10**8, scratch=tmp_path
        ).__enter__()

    assert list(tmp_path.iterdir()) == []
