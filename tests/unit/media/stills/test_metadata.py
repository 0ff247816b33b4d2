"""A picture's metadata is copied, except what would be stale."""

import io
import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
import pyvips

from colorworker.media.stills.imageresources import without_photoshop_thumbnails
from colorworker.media.stills.orientation import as_stored, upright
from colorworker.media.stills.thumbnail import before_after, preview_rgb
from colorworker.media.stills.vips import open_still, write_still

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Reel 7"/></rdf:RDF></x:xmpmeta>'
)
EXIF = {
    "exif-ifd0-Artist": "A. Archivist",
    "orientation": 6,
    "exif-ifd2-DateTimeOriginal": "1931:05:06 07:08:09",
    "xmp-data": XMP,
}


def recolor(data, path, coefficients):
    with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
        write_still(picture, *coefficients, path, path.suffix)
        return picture.info


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
def test_exif_xmp_and_resolution_are_kept(extension, encode, textured, colorful, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    path = tmp_path / f"out{extension}"

    recolor(encode(gray, extension, fields=EXIF), path, colorful())

    written = pyvips.Image.new_from_file(str(path))
    assert written.get("exif-ifd0-Artist").startswith("A. Archivist")
    assert written.get("exif-ifd2-DateTimeOriginal").startswith("1931:05:06 07:08:09")
    assert b"Reel 7" in written.get("xmp-data")
    assert written.get("orientation") == 6
    assert (written.width, written.height) == (160, 120)


def test_a_tiffs_resolution_orientation_xmp_and_description_are_kept(
    encode, textured, colorful, tmp_path
):
    fields = {"xmp-data": XMP, "orientation": 3, "image-description": "Harbour, 1931"}
    data = encode(textured, ".tif", fields=fields, xres=23.6, yres=23.6, resunit="cm")
    path = tmp_path / "out.tif"

    recolor(data, path, colorful())

    written = pyvips.Image.new_from_file(str(path))
    assert b"Reel 7" in written.get("xmp-data")
    assert written.get("orientation") == 3
    assert written.get("image-description") == "Harbour, 1931"
    assert written.xres == pytest.approx(23.6, rel=1e-3)


def jpeg_with_thumbnail(gray, encode):
    """Return a JPEG whose EXIF has an IFD 1 with a gray thumbnail."""
    thumbnail = encode(gray[::8, ::8].copy(), ".jpg", keep="none")
    ifd0 = struct.pack("<HHHIII", 1, 0x0128, 3, 1, 2, 26)
    ifd1 = struct.pack(
        "<HHHIIHHIIHHIII", 3, 0x0103, 3, 1, 6, 0x0201, 4, 1, 68, 0x0202, 4, 1, len(thumbnail), 0
    )
    exif = b"Exif\0\0II*\0\x08\0\0\0" + ifd0 + ifd1
    exif += thumbnail
    plain = encode(gray, ".jpg", keep="none")
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_the_stale_gray_thumbnail_is_removed(encode, textured, colorful, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    source, path = tmp_path / "in.jpg", tmp_path / "out.jpg"
    source.write_bytes(jpeg_with_thumbnail(gray, encode))

    recolor(source.read_bytes(), path, colorful())

    assert "IFD1:ThumbnailImage" in exiftool_tags(source)
    assert [name for name in exiftool_tags(path) if "IFD1" in name or "Thumbnail" in name] == []


def test_photoshop_thumbnails_are_removed_and_other_resources_stay():
    def resource(number, data):
        padded = data + b"\0" * (len(data) % 2)
        return b"8BIM" + struct.pack(">HxxI", number, len(data)) + padded

    iptc, thumbnail = resource(1028, b"caption"), resource(1036, b"a JPEG")

    assert without_photoshop_thumbnails(iptc + thumbnail + iptc) == iptc + iptc
    head = b"Photoshop 3.0\0"
    assert without_photoshop_thumbnails(head + thumbnail + iptc) == head + iptc
    assert without_photoshop_thumbnails(b"no resources at all") == b"no resources at all"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_proxies_are_rotated_upright_as_libvips_does(orientation, encode, textured, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    data = encode(gray, ".tif", fields={"orientation": orientation})
    turned = pyvips.Image.new_from_buffer(data, "").autorot()

    with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
        info = picture.info
        lab = picture.proxy(info.upright_height, info.upright_width)

    assert (info.upright_width, info.upright_height) == (turned.width, turned.height)
    np.testing.assert_allclose(lab[..., 0], turned.colourspace("lab").numpy()[..., 0], atol=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_chroma_is_written_in_the_stored_orientation(
    orientation, encode, textured, tmp_path
):
    gray = np.full((12, 20), 128, np.uint8)
    wanted = np.zeros((12, 20, 2), np.float32)
    wanted[2:5, 3:9] = (25, 10)
    offset = upright(wanted, orientation)
    path = tmp_path / "out.png"

    data = encode(gray, ".tif", fields={"orientation": orientation})
    recolor(data, path, (np.zeros_like(offset), offset))

    spread = np.ptp(pyvips.Image.new_from_file(str(path)).numpy().astype(int), axis=2)
    np.testing.assert_array_equal(spread > 10, wanted[..., 0] > 0)
    np.testing.assert_array_equal(as_stored(offset, orientation), wanted)


def test_a_before_after_thumbnail_has_the_colors_on_the_right():
    lab = np.full((120, 240, 3), (60, 30, 40), np.float32)
    before = preview_rgb(lab * np.float32([1, 0, 0]))

    data = before_after(before, preview_rgb(lab))

    seen = pyvips.Image.new_from_buffer(data, "").numpy().astype(int)
    assert seen.shape == (120, 480, 3)
    assert np.ptp(seen[:, :230], axis=2).max() < 8
    assert np.ptp(seen[:, 250:], axis=2).min() > 50


def test_even_the_grainiest_thumbnail_is_at_most_20_kilobytes():
    noise = np.random.default_rng(0).integers(0, 256, (240, 240, 3), dtype=np.uint8)

    assert len(before_after(noise, noise)) <= 20_000


def exiftool_tags(path):
    done = subprocess.run(["exiftool", "-json", "-G1", str(path)], check=True, capture_output=True)
    return json.loads(done.stdout)[0]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_a_jpegs_exif_is_copied_into_an_archive_tiff(encode, textured, colorful, tmp_path):
    gray = (textured >> 8).astype(np.uint8)
    path = tmp_path / "out.tif"

    recolor(encode(gray, ".jpg", fields=EXIF), path, colorful())

    tags = exiftool_tags(path)
    assert tags["IFD0:Artist"] == "A. Archivist"
    assert tags["ExifIFD:DateTimeOriginal"] == "1931:05:06 07:08:09"
    assert "ExifTool:Warning" not in tags


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_a_tiffs_make_dates_and_exif_are_copied(encode, textured, colorful, tmp_path):
    source, path = tmp_path / "in.tif", tmp_path / "out.tif"
    source.write_bytes(encode(textured, ".tif"))
    command = ["exiftool", "-overwrite_original", "-q"]
    command += ["-Artist=A. Archivist", "-Make=Scanner works", "-PageName=7", "-ISO=100"]
    command += ["-FNumber=5.6", "-GPSLatitude=52.5", "-GPSLatitudeRef=N", str(source)]
    subprocess.run(command, check=True)

    recolor(source.read_bytes(), path, colorful())

    tags = exiftool_tags(path)
    assert (tags["IFD0:Artist"], tags["IFD0:Make"]) == ("A. Archivist", "Scanner works")
    assert (tags["IFD0:PageName"], tags["ExifIFD:ISO"]) == (7, 100)
    assert tags["ExifIFD:FNumber"] == 5.6
    assert tags["GPS:GPSLatitude"] == exiftool_tags(source)["GPS:GPSLatitude"]
    assert "ExifTool:Warning" not in tags
    pixels = pyvips.Image.new_from_file(str(path), fail_on="warning")
    assert (pixels.width, pixels.height, pixels.bands) == (160, 120, 3)
    assert pixels.avg() > 0


def test_damaged_tags_do_not_fail_the_picture(encode, textured, colorful, tmp_path):
    data = encode(textured, ".png", fields={"exif-data": b"Exif\0\0II*\0\xff\xff\xff\x7f"})
    path = tmp_path / "out.tif"

    recolor(data, path, colorful())

    assert pyvips.Image.new_from_file(str(path)).width == 160
