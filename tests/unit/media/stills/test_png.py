"""PNG chunks are kept byte for byte, wherever they lie, and damaged ones never cost the picture."""

import io
import struct
import zlib

import numpy as np
import pytest
import pyvips
from PIL import Image, IptcImagePlugin

from colorworker.color.lab import lightness_from_luminance
from colorworker.domain.label import Notice
from colorworker.media.stills.vips import open_still, verify_still, write_still

GRAY = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
EXIF = b"MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 274, 3, 1, 6, 0, 0)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
    b'"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Reel 7"/></rdf:RDF></x:xmpmeta>'
)
TEXTS = [
    (b"tEXt", b"Copyright\0\xa9 Archiv"),
    (b"tEXt", b"Title of the print\0M\xfcller"),
    (b"iTXt", "Title\0\0\0de\0Größe\0Größe".encode()),
    (b"zTXt", b"Description\0\0" + zlib.compress(b"long text " * 99)),
    (b"tEXt", b"Raw profile type iptc\0\niptc\n       4\n1c025a00\n"),
    (b"tEXt", b"\xe9\xff\0a keyword that is not UTF-8"),
    (b"zTXt", b"broken\0\0not deflated"),
]


def packed(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(codes=GRAY, before=(), after=()):
    """Return a PNG without metadata but these chunks before and after the pixels."""
    image = Image.fromarray(codes)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = buffer.getvalue()
    start, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return b"".join(
        (
            data[:start],
            *(packed(*chunk) for chunk in before),
            data[start:end],
            *(packed(*chunk) for chunk in after),
            data[end:],
        )
    )


def chunks_of(path):
    data, position, found = path.read_bytes(), 8, []
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        found.append((kind, data[position + 8 : position + 8 + size]))
        position += size + 12
    return found


def color(data, path, coefficients, notice=None):
    with open_still(io.BytesIO(data), "scan.png", max_pixels=10**8) as picture:
        lab = picture.proxy(picture.info.upright_height, picture.info.upright_width)
        write_still(picture, *coefficients, path, path.suffix, notice)
        verify_still(picture, path, notice)
        return picture.info, picture.warnings, lab


@pytest.mark.parametrize("place", ["before", "after"])
def test_texts_are_kept_byte_for_byte(place, colorful, tmp_path):
    path = tmp_path / "out.png"

    _, warnings, _ = color(png(**{place: TEXTS}), path, colorful())

    assert [chunk for chunk in chunks_of(path) if chunk[0] in (b"tEXt", b"zTXt", b"iTXt")] == TEXTS
    assert warnings == []


def test_an_unreadable_text_never_costs_the_picture(colorful, tmp_path):
    data = png(before=TEXTS).replace(b"Archiv", b"Brchiv")

    for name in ("out.png", "out.tif", "out.webp", "out.jpg"):
        _, warnings, _ = color(data, tmp_path / name, colorful())

        assert "damaged metadata chunks of the PNG are not kept" in warnings


def test_texts_that_a_tiff_cannot_hold_are_a_warning(colorful, tmp_path):
    _, warnings, _ = color(png(before=TEXTS), tmp_path / "out.tif", colorful())

    assert warnings == ["TIFF has no place for the PNG's 6 text chunks"]


def raw_profile(name, block, title=""):
    """Return a chunk as ImageMagick and ExifTool write EXIF, XMP and IPTC."""
    text = f"\n{title or name}\n{len(block):8d}\n{block.hex()}\n".encode()
    return (b"zTXt", b"Raw profile type " + name.encode() + b"\0\0" + zlib.compress(text))


IPTC = b"\x1c\x02\x50\0\x07Archive"
"""A byline."""


@pytest.mark.parametrize("extension", [".png", ".tif", ".jpg", ".webp"])
@pytest.mark.parametrize("app1", [True, False])
def test_exif_and_xmp_in_texts_count(app1, extension, colorful, tmp_path):
    packets = (b"Exif\0\0" + EXIF, b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    texts = (
        [raw_profile("APP1", packet, "generic profile") for packet in packets]
        if app1
        else [raw_profile("exif", packets[0]), raw_profile("xmp", XMP)]
    )
    path = tmp_path / f"out{extension}"

    info, warnings, lab = color(png(before=texts), path, colorful(), Notice("Colored", False))

    assert (info.orientation, warnings) == (6, [])
    assert lab.shape[:2] == (64, 48)
    with Image.open(path) as written:
        assert written.getexif()[274] == 6
    assert b"Reel 7" in path.read_bytes()
    assert b"Raw profile" not in path.read_bytes()


def test_a_chunk_of_exif_wins_over_a_text(colorful, tmp_path):
    other = EXIF.replace(b"\0\6", b"\0\3")

    info, _, _ = color(
        png(before=[raw_profile("exif", other), (b"eXIf", EXIF)]), tmp_path / "a.png", colorful()
    )

    assert info.orientation == 6


@pytest.mark.parametrize("text", [b"\nexif\n 9\n4d4d\n", b"\nexif\n 1\n4d4\n", b"no", b""])
def test_a_text_that_is_no_profile_stays_a_text(text, colorful, tmp_path):
    chunk = (b"tEXt", b"Raw profile type exif\0" + text)

    color(png(before=[chunk]), tmp_path / "a.png", colorful())

    assert chunk in chunks_of(tmp_path / "a.png")


@pytest.mark.parametrize("as_resource", [True, False])
@pytest.mark.parametrize("extension", [".tif", ".jpg"])
def test_iptc_in_a_text_is_kept_in_other_formats(extension, as_resource, colorful, tmp_path):
    resource = b"8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    text = raw_profile("iptc", resource if as_resource else IPTC)
    path = tmp_path / f"out{extension}"

    _, warnings, _ = color(png(before=[text]), path, colorful())

    assert warnings == []
    with Image.open(path) as written:
        assert IptcImagePlugin.getiptcinfo(written) == {(2, 80): b"Archive"}


def test_iptc_of_a_jpeg_is_a_text_in_a_png(colorful, tmp_path):
    jpeg = io.BytesIO()
    Image.fromarray(GRAY).save(jpeg, "JPEG")
    resource = b"8BIM\4\4\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    block = b"Photoshop 3.0\0" + resource
    data = jpeg.getvalue()
    data = data[:2] + b"\xff\xed" + struct.pack(">H", len(block) + 2) + block + data[2:]
    path = tmp_path / "out.png"

    _, warnings, _ = color(data, path, colorful())

    assert warnings == []
    with Image.open(path) as written:
        text = written.info["Raw profile type iptc"]
    assert bytes.fromhex(text.split(None, 2)[2]).startswith(resource)


@pytest.mark.parametrize("extension", [".png", ".tif", ".jpg"])
def test_exif_and_xmp_after_the_pixels_count(extension, colorful, tmp_path):
    late = [(b"eXIf", EXIF), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)]
    path = tmp_path / f"out{extension}"

    info, _, lab = color(png(after=late), path, colorful())

    assert info.orientation == 6
    assert lab.shape[:2] == (64, 48)
    with Image.open(path) as written:
        assert written.getexif()[274] == 6
    assert b"Reel 7" in path.read_bytes()


def test_xmp_with_the_notice_is_written_as_uncompressed_itxt(colorful, tmp_path):
    path = tmp_path / "out.png"
    compressed = (b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(XMP))

    color(png(before=[compressed]), path, colorful(), Notice("Colored by a model", False))

    texts = [data for kind, data in chunks_of(path) if b"XML:com.adobe.xmp" in data]
    assert len(texts) == 1
    assert texts[0].startswith(b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta")
    assert b"Colored by a model" in texts[0]
    with Image.open(path) as written:
        comment = written.getexif().get_ifd(34665)[37510]
    assert comment == b"ASCII\0\0\0Colored by a model"


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_lightness_follows_gama(extension, depth, colorful, tmp_path):
    ramp = np.tile(np.linspace(0, 1, 64), (48, 1))
    codes = np.rint(ramp * (255 if depth == 8 else 65535))
    data = png(codes.astype(np.uint8 if depth == 8 else np.uint16), [(b"gAMA", b"\0\1\x86\xa0")])
    path = tmp_path / f"out{extension}"

    _, _, lab = color(data, path, colorful())

    expected = lightness_from_luminance(ramp.astype(np.float32))
    assert np.abs(lab[..., 0] - expected).max() < (2.0 if depth == 8 else 0.01)
    if extension == ".png":
        assert (b"gAMA", b"\0\1\x86\xa0") in chunks_of(path)
    else:
        assert pyvips.Image.new_from_file(str(path)).get_typeof("icc-profile-data") != 0


def test_a_gamma_of_srgb_is_srgb_and_is_kept(colorful, tmp_path):
    gama, chrm = (
        (b"gAMA", struct.pack(">I", 45455)),
        (
            b"cHRM",
            struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
        ),
    )

    _, _, tagged = color(png(before=[gama, chrm]), tmp_path / "tagged.png", colorful())
    _, _, plain = color(png(), tmp_path / "plain.png", colorful())

    np.testing.assert_array_equal(tagged, plain)
    assert {gama, chrm} <= set(chunks_of(tmp_path / "tagged.png"))
    tagged, plain = (
        np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("tagged", "plain")
    )
    np.testing.assert_array_equal(tagged, plain)


def test_the_primaries_of_chrm_are_used(colorful, tmp_path):
    wide = struct.pack(">8I", 31270, 32900, 73500, 26500, 11500, 82600, 15700, 1800)
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[..., 1] = 200
    gama = (b"gAMA", struct.pack(">I", 45455))

    _, _, lab = color(png(rgb, [gama, (b"cHRM", wide)]), tmp_path / "wide.png", colorful())
    _, _, plain = color(png(rgb, [gama]), tmp_path / "plain.png", colorful())

    # A more saturated green has a larger share of white's luminance.
    assert lab[..., 0].mean() - plain[..., 0].mean() > 1
    assert (b"cHRM", wide) in chunks_of(tmp_path / "wide.png")


def test_a_resolution_is_neither_invented_nor_changed(colorful, tmp_path):
    given = (b"pHYs", struct.pack(">IIB", 11811, 5906, 1))

    color(png(), tmp_path / "none.png", colorful())
    color(png(before=[given]), tmp_path / "given.png", colorful())

    assert [kind for kind, _ in chunks_of(tmp_path / "none.png") if kind == b"pHYs"] == []
    assert [chunk for chunk in chunks_of(tmp_path / "given.png") if chunk[0] == b"pHYs"] == [given]


def test_chunks_that_describe_the_old_file_are_dropped(colorful, tmp_path):
    stale = [(b"tIME", b"\x07\x85\1\2\3\4\5"), (b"bKGD", b"\0\7"), (b"sBIT", b"\4")]

    color(png(before=stale), tmp_path / "out.png", colorful())

    assert not {b"tIME", b"bKGD", b"sBIT"} & {kind for kind, _ in chunks_of(tmp_path / "out.png")}


def test_exif_is_kept_byte_for_byte_but_for_the_comment(encode, colorful, tmp_path):
    path = tmp_path / "out.png"

    color(png(before=[(b"eXIf", EXIF)]), path, colorful())
    kept = dict(chunks_of(path))[b"eXIf"]

    assert kept == EXIF
    assert pyvips.Image.new_from_file(str(path)).get("orientation") == 6
