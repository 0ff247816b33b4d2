"""JPEG 2000 and JPEG XL are written lossless, with metadata, and read back by other libraries."""

import io
import struct

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
import pyvips
from PIL import Image

from colorworker.color.lab import LUMINANCE_WEIGHTS, linear_to_srgb, srgb_to_linear
from colorworker.domain.label import Notice
from colorworker.errors import OutputMismatch, SourceUnsupported
from colorworker.media.filetypes import still_output_extension
from colorworker.media.stills.boxes import BoxMetadata, read_boxes
from colorworker.media.stills.boxwriter import insert_boxes
from colorworker.media.stills.jpegsegments import insert_segments, metadata_segments
from colorworker.media.stills.vips import open_still, verify_still, write_still

HEIGHT, WIDTH = 48, 64
RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
EXIF = b"II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\x06\0\0\0\x1a\0\0\0\0\0\0\0title\0"
"""ImageDescription is `title`."""
IPTC = b"\x1c\x02\x78\0\5words"
FORMATS = [".jp2", ".jxl"]


def gray(kind):
    return np.rint(RAMP * np.iinfo(kind).max).astype(kind)


def write(data, key, path, coefficients, notice=None):
    with open_still(io.BytesIO(data), key, max_pixels=10**8) as picture:
        write_still(picture, *coefficients, path, path.suffix, notice)
        verify_still(picture, path, notice)
        return picture


def pixels_of(path):
    """Return the pixels and the profile, by OpenImageIO alone."""
    options = oiio.ImageSpec()
    options.attribute("oiio:UnassociatedAlpha", 1)
    reader = oiio.ImageInput.open(str(path), options)
    profile = reader.spec().getattribute("ICCProfile")
    return reader.read_image(format=str(reader.spec().format)), profile


def gray_of(rgb):
    top = np.iinfo(rgb.dtype).max
    linear = srgb_to_linear((rgb[..., :3] / top).astype(np.float32))
    return linear_to_srgb(linear @ LUMINANCE_WEIGHTS) * top


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_gray_and_depth_stay(extension, kind, tmp_path, encode, colorful):
    path = tmp_path / f"out{extension}"

    picture = write(encode(gray(kind), ".tif"), "a.tif", path, colorful())

    rgb, profile = pixels_of(path)
    assert (rgb.shape, rgb.dtype) == ((HEIGHT, WIDTH, 3), kind)
    # The decoder of JPEG XL makes a profile of sRGB.
    assert profile is None or extension == ".jxl"
    assert np.abs(gray_of(rgb) - gray(kind)).max() < (0.7 if kind == "uint8" else 1.5)
    assert np.ptp(rgb.astype(float), axis=2).mean() > 0.08 * np.iinfo(kind).max
    assert picture.warnings == []
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_written_jpeg_2000_is_reversible_and_read_by_pillow(tmp_path, encode, colorful):
    path = tmp_path / "out.jp2"

    write(encode(gray("uint8"), ".tif"), "a.tif", path, colorful())

    data = path.read_bytes()
    # COD marker segment: 13 bytes on is the transformation, 1 for the reversible 5/3 filter.
    assert data[data.index(b"\xff\x52") + 13] == 1
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels_of(path)[0])


@pytest.mark.parametrize("extension", FORMATS)
def test_metadata_resolution_and_profile_stay(extension, tmp_path, adobe_rgb, colorful):
    resource = b"8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    source = tmp_path / "a.jpg"
    Image.fromarray(np.stack([gray("uint8")] * 3, axis=2)).save(
        source, icc_profile=adobe_rgb, dpi=(300, 150)
    )
    insert_segments(source, metadata_segments((1, 300, 150), b"", XMP, b"", resource, ()))
    path = tmp_path / f"out{extension}"

    picture = write(source.read_bytes(), "a.jpg", path, colorful())

    with path.open("rb") as file:
        boxes = read_boxes(file)
    assert b"xmpmeta" in boxes.xmp
    assert pixels_of(path)[1].tobytes() == adobe_rgb
    assert boxes.unread == ()
    if extension == ".jp2":
        assert (boxes.iptc, boxes.profile, picture.warnings) == (IPTC, adobe_rgb, [])
        assert boxes.resolution == pytest.approx((300 / 25.4, 150 / 25.4), rel=1e-4)
    else:
        assert picture.warnings == ["IPTC is not kept: the format has no room for it"]


@pytest.mark.parametrize("extension", FORMATS)
def test_exif_and_a_notice_are_written(extension, tmp_path, colorful):
    buffer = io.BytesIO()
    Image.fromarray(gray("uint8")).save(buffer, "JPEG", exif=b"Exif\0\0" + EXIF)
    path = tmp_path / f"out{extension}"
    notice = Notice("Colors are invented.")

    write(buffer.getvalue(), "a.jpg", path, colorful(), notice)

    with path.open("rb") as file:
        boxes = read_boxes(file)
    assert b"title" in boxes.exif
    assert b"Colors are invented." in boxes.xmp


@pytest.mark.parametrize("extension", FORMATS)
def test_transparency_stays(extension, tmp_path, colorful):
    codes = gray("uint8")
    rgba = np.stack([codes, codes, codes, codes[::-1]], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, "PNG")
    path = tmp_path / f"out{extension}"

    write(buffer.getvalue(), "a.png", path, colorful())

    np.testing.assert_array_equal(pixels_of(path)[0][..., 3], rgba[..., 3])
    with open_still(io.BytesIO(path.read_bytes()), "a", max_pixels=10**6) as seen:
        assert seen.info.extra_samples == (2,)
    if extension == ".jp2":
        # The fourth channel definition: the opacity of the whole picture.
        assert b"\0\3\0\1\0\0" in path.read_bytes()


@pytest.mark.parametrize("extension", FORMATS)
def test_their_own_kind_keeps_its_name_and_profile(
    extension, tmp_path, encode, adobe_rgb, colorful
):
    """Its codes are read through that profile, whichever library decodes them."""
    codes = np.repeat(gray("uint8")[..., None], 3, axis=2)
    first, second = tmp_path / f"first{extension}", tmp_path / f"second{extension}"
    write(
        encode(codes, ".tif", icc=adobe_rgb), "a.tif", first, (colorful()[0] * 0, colorful()[1] * 0)
    )

    picture = write(first.read_bytes(), first.name, second, colorful())

    assert still_output_extension(extension, "access") == extension
    assert picture.info.profile == "kept"
    assert pixels_of(second)[1].tobytes() == adobe_rgb
    linear = (pixels_of(second)[0] / 255) ** (563 / 256)
    # Y of Adobe RGB under D50.
    luminance = linear @ np.array([0.31111, 0.62567, 0.06322])
    assert np.abs(luminance ** (256 / 563) * 255 - codes[..., 0]).max() < 0.8


@pytest.mark.parametrize(("exponent", "known"), [(0, True), (127, False)])
def test_an_impossible_resolution_is_none(exponent, known, tmp_path):
    path = tmp_path / "a.jp2"
    Image.fromarray(gray("uint8")).save(path)
    insert_boxes(path, BoxMetadata(resolution=(2.0, 3.0)), has_alpha=False)
    data = bytearray(path.read_bytes())
    place = data.index(b"resc") + 12
    data[place : place + 2] = bytes((exponent, exponent))

    with open_still(io.BytesIO(bytes(data)), "a.jp2", max_pixels=10**6) as picture:
        assert picture.image_source.decoded.has_resolution is known


def test_changed_lightness_is_found(tmp_path, encode, colorful):
    path = tmp_path / "out.jp2"
    data = encode(gray("uint8"), ".tif")
    write(data, "a.tif", path, colorful())
    brighter = np.minimum(gray("uint8"), 250) + np.uint8(4)
    write(encode(brighter, ".tif"), "b.tif", path, colorful())

    with (
        open_still(io.BytesIO(data), "a.tif", max_pixels=10**8) as picture,
        pytest.raises(OutputMismatch, match="lightness changed"),
    ):
        verify_still(picture, path)


@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("size", [(8, 8), (9, 64), (31, 17), (40, 20)])
def test_small_jpeg_2000_is_written_as_well(kind, size, tmp_path, encode, colorful):
    height, width = size
    codes = gray(kind)[:height, :width]
    alpha = codes[::-1, ::-1]
    first, second = tmp_path / "a.jp2", tmp_path / "b.jp2"
    image = np.stack([codes, alpha], axis=-1)

    write(encode(codes, ".tif"), "a.tif", first, colorful())
    write(encode(image, ".tif"), "a.tif", second, colorful())

    for path in (first, second):
        found = np.asarray(pixels_of(path)[0])
        assert found.dtype == codes.dtype
        assert found.shape == (height, width, 3 if path == first else 4)
        step = 1 if kind == "uint8" else 1.5
        assert np.abs(gray_of(found) - codes).max() < step
        assert (found[..., :3].max(axis=-1) != found[..., :3].min(axis=-1)).any()
    assert np.array_equal(found[..., 3], alpha)
    again = tmp_path / "c.jp2"
    write(encode(codes, ".tif"), "a.tif", again, colorful())
    assert again.read_bytes() == first.read_bytes()
    if kind == "uint8":
        with Image.open(first) as picture:  # OpenJPEG, by another path
            assert np.array_equal(np.asarray(picture), pixels_of(first)[0])


def test_a_small_jpeg_2000_has_its_profile(tmp_path, encode, colorful, adobe_rgb):
    path = tmp_path / "a.jp2"
    codes = np.stack([gray("uint8")[:16, :20]] * 3, axis=-1)

    write(encode(codes, ".tif", icc=adobe_rgb), "a.tif", path, colorful())

    assert pixels_of(path)[1].tobytes() == adobe_rgb


def test_what_these_formats_cannot_hold_is_refused(tmp_path, encode, colorful):
    image = pyvips.Image.new_from_array(gray("uint8")).copy(interpretation="b-w")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    with pytest.raises(SourceUnsupported, match=r"it is jpeg that is turned.*Rename it"):
        write(image.jpegsave_buffer(), "a.jxl", tmp_path / "a.jxl", colorful())
