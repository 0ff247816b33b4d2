"""Metadata of JPEGs and WebPs is copied byte for byte, and nothing is invented."""

import hashlib
import io
import struct

import numpy as np
import pytest
import pyvips
from PIL import Image

from colorworker.domain.label import Notice
from colorworker.media.stills.jpegsegments import read_jpeg_metadata
from colorworker.media.stills.vips import open_still, verify_still, write_still

NOTICE = Notice("Colored by a model.")
HEAD = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)
TAIL = b"/></rdf:RDF></x:xmpmeta>"
JFIF = b"JFIF\0\1\2"
XMP_ID, EXTENDED_ID = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segments(plain, *segments):
    """Return a JPEG with segments behind that of JFIF."""
    end = 4 + struct.unpack_from(">H", plain, 4)[0]
    return plain[:end] + b"".join(segments) + plain[end:]


def extended_segments(extended, step=400):
    guid = hashlib.md5(extended).hexdigest().upper().encode()
    parts = [
        EXTENDED_ID + guid + struct.pack(">II", len(extended), at) + extended[at : at + step]
        for at in range(0, len(extended), step)
    ]
    return guid, [segment(0xE1, part) for part in parts]


def exif_of(size):
    """Return an EXIF block of this size: the artist, and a document name that fills it."""
    name = b"n" * (size - 8 - 2 - 24 - 4 - 10)
    ifd = struct.pack("<H", 2)
    ifd += struct.pack("<HHII", 269, 2, len(name), 48)
    ifd += struct.pack("<HHII", 315, 2, 10, 38)
    return b"II*\0\x08\0\0\0" + ifd + b"\0" * 4 + b"Archivist\0" + name


@pytest.fixture
def plain(encode, textured):
    """A gray JPEG of 300 dpi without other metadata."""
    data = encode((textured >> 8).astype(np.uint8), ".jpg", keep="none")
    return data[:2] + segment(0xE0, JFIF + struct.pack(">BHHxx", 1, 300, 300)) + data[2:]


@pytest.fixture
def recolor(colorful, tmp_path):
    """Return a function that colors a picture, and returns the new file and the warnings."""

    def run(data, extension=".jpg", notice=NOTICE):
        path = tmp_path / f"out{extension}"
        with open_still(io.BytesIO(data), "in", max_pixels=10**8) as picture:
            write_still(picture, *colorful(), path, extension, notice)
            verify_still(picture, path, notice)
            return path.read_bytes(), picture.warnings

    return run


def metadata(data):
    return read_jpeg_metadata(io.BytesIO(data))


def test_padded_xmp_of_64_kilobytes_is_kept_without_its_padding(plain, recolor):
    packet = b"<?xpacket begin=''?>" + HEAD + b' dc:source="Reel 7"' + TAIL
    packet += b" " * 64_700 + b"<?xpacket end='w'?>"

    data, warnings = recolor(with_segments(plain, segment(0xE1, XMP_ID + packet)))

    assert warnings == []
    assert b"Reel 7" in metadata(data).xmp
    assert b"compositeWithTrainedAlgorithmicMedia" in metadata(data).xmp


def test_xmp_that_is_too_large_with_the_notice_becomes_extended_xmp(plain, recolor):
    packet = HEAD + b' dc:source="' + b"Reel 7. " * 8120 + b'"' + TAIL

    data, warnings = recolor(with_segments(plain, segment(0xE1, XMP_ID + packet)))

    found = metadata(data)
    assert warnings == []
    assert found.extended_xmp == packet
    assert hashlib.md5(packet).hexdigest().upper().encode() in found.xmp
    assert b"compositeWithTrainedAlgorithmicMedia" in found.xmp


def test_extended_xmp_is_kept_byte_for_byte(plain, recolor):
    extended = HEAD + b' dc:source="' + b"Reel 7. " * 500 + b'"' + TAIL
    guid, segments = extended_segments(extended)
    packet = HEAD + b' dc:rights="Archive" xmpNote:HasExtendedXMP="' + guid + b'"' + TAIL

    data, warnings = recolor(
        with_segments(plain, segment(0xE1, XMP_ID + packet), *reversed(segments))
    )

    assert warnings == []
    assert metadata(data).extended_xmp == extended
    assert b'dc:rights="Archive"' in metadata(data).xmp


@pytest.mark.parametrize("extension", [".tif", ".png", ".webp"])
def test_other_formats_get_extended_xmp_as_one_packet(extension, plain, recolor):
    extended = HEAD.replace(b":dc", b":ours") + b' ours:source="Reel 7"' + TAIL
    guid, segments = extended_segments(extended)
    packet = HEAD + b' dc:rights="Archive" xmpNote:HasExtendedXMP="' + guid + b'"' + TAIL

    data, warnings = recolor(
        with_segments(plain, segment(0xE1, XMP_ID + packet), *segments), extension
    )

    xmp = pyvips.Image.new_from_buffer(data, "").get("xmp-data")
    assert warnings == []
    assert b'ours:source="Reel 7"' in xmp
    assert b'dc:rights="Archive"' in xmp
    assert b"HasExtendedXMP" not in xmp


def test_extended_xmp_that_is_torn_is_a_warning(plain, recolor):
    guid, segments = extended_segments(HEAD + b' dc:source="' + b"Reel 7. " * 500 + b'"' + TAIL)
    packet = HEAD + b' xmpNote:HasExtendedXMP="' + guid + b'"' + TAIL

    _, warnings = recolor(
        with_segments(plain, segment(0xE1, XMP_ID + packet), *segments[:1], *segments[2:])
    )

    assert warnings == ["the JPEG's extended XMP is incomplete and not kept"]


@pytest.mark.parametrize("size", [300, 65_400, 65_527])
def test_exif_up_to_the_largest_size_is_kept(size, plain, recolor):
    exif = exif_of(size)

    data, warnings = recolor(with_segments(plain, segment(0xE1, b"Exif\0\0" + exif)))

    kept = Image.open(io.BytesIO(data)).getexif()
    assert warnings == []
    assert kept[315] == "Archivist"
    assert len(kept[269]) == len(exif) - 48
    assert b"compositeWithTrainedAlgorithmicMedia" in metadata(data).xmp


@pytest.mark.parametrize("extension", [".jpg", ".webp"])
def test_exif_is_kept_byte_for_byte_and_gets_no_other_tags(extension, plain, recolor):
    exif = exif_of(300)
    source = with_segments(plain, segment(0xE1, b"Exif\0\0" + exif))

    data, _ = recolor(source, extension, None)

    assert Image.open(io.BytesIO(data)).info["exif"].removeprefix(b"Exif\0\0") == exif


@pytest.mark.parametrize("notice", [NOTICE, None])
@pytest.mark.parametrize("extension", [".jpg", ".webp", ".png", ".tif"])
def test_a_resolution_is_not_invented(extension, notice, plain, recolor):
    at = plain.index(b"JFIF") + 7
    unknown = plain[:at] + b"\0\0\1\0\1" + plain[at + 5 :]

    data, _ = recolor(unknown, extension, notice)

    picture = Image.open(io.BytesIO(data))
    if extension == ".jpg":
        assert metadata(data).resolution == (0, 1, 1)
    elif extension != ".tif":
        assert "dpi" not in picture.info
    tags = picture.tag_v2 if extension == ".tif" else picture.getexif()
    assert not {282, 283, 296} & set(tags)
    assert 40961 not in picture.getexif().get_ifd(0x8769)


@pytest.mark.parametrize("resolution", [(1, 300, 300), (2, 118, 59), (0, 2, 1)])
def test_a_jpegs_resolution_is_kept_as_it_is_written(resolution, plain, recolor):
    at = plain.index(b"JFIF") + 7
    source = plain[:at] + struct.pack(">BHH", *resolution) + plain[at + 5 :]

    data, _ = recolor(source)

    assert metadata(data).resolution == resolution


def test_iptc_of_many_segments_and_comments_are_kept_byte_for_byte(plain, recolor):
    resource = b"8BIM" + struct.pack(">HxxI", 1028, 70_000) + bytes(range(250)) * 280
    head = b"Photoshop 3.0\0"
    parts = [segment(0xED, head + resource[:60_000]), segment(0xED, head + resource[60_000:])]
    comments = [segment(0xFE, b"Negative 17, Z\xfcrich"), segment(0xFE, b"second")]

    data, warnings = recolor(with_segments(plain, *parts, *comments))

    assert warnings == []
    assert metadata(data).image_resources == resource
    assert metadata(data).comments == (b"Negative 17, Z\xfcrich", b"second")


def test_what_no_output_can_hold_is_a_warning(plain, recolor):
    comment, unknown = segment(0xFE, b"a note"), segment(0xEB, b"JP\0\1jumb")

    _, warnings = recolor(with_segments(plain, comment, unknown), ".tif")

    assert warnings == [
        "segments of the JPEG are not kept: APP11 JP",
        "TIFF has no place for the JPEG's comments",
    ]


def test_junk_between_segments_is_skipped(plain):
    note = segment(0xFE, b"a note")

    assert metadata(plain[:2] + b"\0\xff\0junk" + plain[2:]).comments == ()
    assert metadata(plain[:2] + b"\xff\xff" + note[1:] + plain[2:]).comments == (b"a note",)
    assert metadata(plain[:2] + note[:-3]).comments == (b"a n",)


@pytest.mark.parametrize("bands", [3, 4])
def test_webp_keeps_its_pixels_transparency_and_metadata(bands, plain, recolor, colorful):
    noise = np.random.default_rng(0).integers(1, 255, (33, 51, bands), dtype=np.uint8)
    source = pyvips.Image.new_from_array(noise).webpsave_buffer(lossless=True, exact=True)

    data, warnings = recolor(source, ".webp")

    picture = Image.open(io.BytesIO(data))
    assert warnings == []
    assert picture.size == (51, 33)
    assert picture.mode == ("RGBA" if bands == 4 else "RGB")
    assert b"compositeWithTrainedAlgorithmicMedia" in picture.info["xmp"]
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    if bands == 4:
        np.testing.assert_array_equal(np.asarray(picture)[..., 3], noise[..., 3])


@pytest.mark.parametrize("extension", [".webp", ".tif"])
def test_exif_that_a_webp_does_not_announce_is_kept(extension, recolor):
    gray = np.full((33, 51, 3), 90, np.uint8)
    source = pyvips.Image.new_from_array(gray).webpsave_buffer(lossless=True, keep="none")
    exif = exif_of(300)
    source += b"EXIF" + struct.pack("<I", len(exif)) + exif
    source = source[:4] + struct.pack("<I", len(source) - 8) + source[8:]

    data, warnings = recolor(source, extension)

    picture = Image.open(io.BytesIO(data))
    tags = picture.tag_v2 if extension == ".tif" else picture.getexif()
    assert warnings == []
    assert tags[315] == "Archivist"
