"""Damaged pictures and profiles: which fail, and which are colored with a warning."""

import io
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import pyvips

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.vips import open_still, verify_still, write_still

FORMS = {"baseline": {}, "progressive": {"interlace": True}, "restarts": {"restart_interval": 4}}


@pytest.fixture
def scan(encode):
    """Return a function that returns a JPEG of a grainy gradient, 300 x 400."""

    def run(**options):
        walk = np.cumsum(np.random.default_rng(0).normal(0, 4, (300, 400)), axis=1)
        return encode(np.clip(walk + 128, 0, 255).astype(np.uint8), ".jpg", Q=85, **options)

    return run


def color(data, path, coefficients, key="scan.jpg"):
    with open_still(io.BytesIO(data), key, max_pixels=10**8) as picture:
        picture.proxy(32, 40)
        write_still(picture, *coefficients, path, path.suffix)
        verify_still(picture, path)
        return picture.warnings


def with_early_end(data):
    return data[: len(data) // 2] + b"\xff\xd9" + data[len(data) // 2 :]


def with_bytes_removed(data):
    return data[: len(data) // 2] + data[len(data) // 2 + 600 :]


def with_bytes_zeroed(data):
    return data[: len(data) // 2] + b"\0" * 400 + data[len(data) // 2 + 400 :]


@pytest.mark.parametrize("damage", [with_early_end, with_bytes_removed, with_bytes_zeroed])
@pytest.mark.parametrize("form", FORMS)
def test_a_jpeg_with_damaged_picture_data_fails(form, damage, scan, colorful, tmp_path, capfd):
    data = damage(scan(**FORMS[form]))

    with pytest.raises(SourceDamaged, match=r"^scan\.jpg: it does not decode completely"):
        color(data, tmp_path / "out.jpg", colorful())

    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("form", FORMS)
def test_a_jpeg_that_lacks_only_its_end_marker_is_colored_with_a_warning(
    form, scan, colorful, tmp_path
):
    data = scan(**FORMS[form])

    warnings = color(data[:-2], tmp_path / "short.png", colorful())
    color(data, tmp_path / "whole.png", colorful())

    assert warnings == ["the JPEG's end marker is missing; all of its picture is there"]
    short, whole = (
        pyvips.Image.new_from_file(str(tmp_path / name)).numpy()
        for name in ("short.png", "whole.png")
    )
    np.testing.assert_array_equal(short, whole)


@pytest.mark.parametrize("form", FORMS)
def test_bytes_between_the_segments_of_a_jpeg_are_harmless(form, scan, colorful, tmp_path):
    data = scan(**FORMS[form])

    assert color(data[:2] + b"abc" + data[2:], tmp_path / "out.jpg", colorful()) == []


def test_bytes_between_the_segments_do_not_hide_damage(scan, colorful, tmp_path):
    data = with_early_end(scan())

    with pytest.raises(SourceDamaged):
        color(data[:2] + b"abc" + data[2:], tmp_path / "out.jpg", colorful())


def test_a_few_spare_bytes_after_the_picture_data_are_a_warning(scan, colorful, tmp_path):
    data = scan()

    warnings = color(data[:-2] + b"abc" + data[-2:], tmp_path / "out.jpg", colorful())

    assert warnings == ["3 unused bytes in the JPEG's picture data"]


def test_an_intact_jpeg_has_no_warnings(scan, colorful, tmp_path):
    assert color(scan(), tmp_path / "out.jpg", colorful()) == []


def test_a_cmyk_jpeg_is_checked_too(colorful, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 4), dtype=np.uint8)
    data = pyvips.Image.new_from_array(noise).copy(interpretation="cmyk").jpegsave_buffer()

    (note,) = color(data, tmp_path / "out.jpg", colorful())
    assert "CMYK without a profile" in note
    with pytest.raises(SourceDamaged):
        color(with_early_end(data), tmp_path / "bad.jpg", colorful())


@pytest.mark.parametrize(
    ("note", "words"),
    [(b"http://ns.adobe.com/hdr-gain-map/1.0/", "gain map"), (b"MPF\0", "only the first picture")],
)
def test_a_jpeg_with_a_second_picture_is_colored_as_a_jpeg(note, words, scan, colorful, tmp_path):
    base, second = scan(), scan()
    segment = b"\xff\xe2" + struct.pack(">H", len(note) + 2) + note
    data = base[:2] + segment + base[2:] + second

    warnings = color(data, tmp_path / "out.jpg", colorful())

    assert len(warnings) == 1
    assert words in warnings[0]


def without_primaries(profile):
    """Return an RGB profile through which every color is black."""
    (count,) = struct.unpack_from(">I", profile, 128)
    black = bytearray(profile)
    for name, place, size in struct.iter_unpack(">4sII", profile[132 : 132 + 12 * count]):
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            black[place + 8 : place + size] = bytes(size - 8)
    return bytes(black)


def test_a_profile_through_which_white_is_black_counts_as_none(adobe_rgb, colorful, tmp_path):
    codes = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    image = pyvips.Image.new_from_array(codes).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", without_primaries(adobe_rgb))

    warnings = color(image.tiffsave_buffer(), tmp_path / "a.tif", colorful(), "scan.tif")

    assert warnings == ["its ICC profile is damaged or does not fit its pixels: ignored, not kept"]
    assert pyvips.Image.new_from_file(str(tmp_path / "a.tif")).avg() > 100


@pytest.mark.parametrize("bands", [1, 3, 4])
def test_a_damaged_profile_counts_as_none_with_a_warning(bands, adobe_rgb, colorful, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, bands), dtype=np.uint8)
    space = {1: b"GRAY", 3: b"RGB ", 4: b"CMYK"}[bands]
    image = pyvips.Image.new_from_array(noise)
    image = image.copy(interpretation={1: "b-w", 3: "srgb", 4: "cmyk"}[bands])
    plain = image.tiffsave_buffer()
    damaged = adobe_rgb[:16] + space + adobe_rgb[20:].replace(b"curv", b"c\0\0v")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", damaged)

    warnings = color(image.tiffsave_buffer(), tmp_path / "bad.tif", colorful(), "scan.tif")
    color(plain, tmp_path / "none.tif", colorful(), "scan.tif")

    assert warnings == ["its ICC profile is damaged or does not fit its pixels: ignored, not kept"]
    bad, none = (
        pyvips.Image.new_from_file(str(tmp_path / name)).numpy() for name in ("bad.tif", "none.tif")
    )
    np.testing.assert_array_equal(bad, none)


def test_damaged_pictures_in_parallel_each_fail_with_their_own_reason(encode, scan, colorful):
    gray = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    short = {
        "png": encode(gray, ".png"),
        "tif": encode(gray, ".tif", compression="deflate"),
        "webp": encode(gray, ".webp"),
    }
    words = {"png": "png", "tif": "tiff", "webp": "webp"}

    def reason(number):
        name = list(short)[number % 3]
        data = short[name][: len(short[name]) // 2]
        with (
            pytest.raises(SourceDamaged) as raised,
            open_still(io.BytesIO(data), f"{number}.{name}", max_pixels=10**8) as picture,
        ):
            picture.proxy(32, 40)
        return name, str(raised.value).lower()

    with ThreadPoolExecutor(4) as pool:
        reasons = list(pool.map(reason, range(48)))

    for name, text in reasons:
        others = [word for key, word in words.items() if key != name]
        assert not any(f"{word}load" in text or f"vips{word}" in text for word in others), text
        assert "write to memory" not in text
    assert len({text.partition(": ")[2] for _, text in reasons}) == 3


def lossless_jpeg(width, height, precision=8):
    """Return a lossless gray JPEG (ITU-T T.81, annex H) of one value: all differences are 0."""
    frame = struct.pack(">BHHB", precision, height, width, 1) + b"\1\x11\0"
    table = b"\0" + b"\1" + bytes(15) + b"\0"
    scan = b"\1\1\0" + b"\1\0\0"
    segments = ((0xC3, frame), (0xC4, table), (0xDA, scan))
    head = b"".join(struct.pack(">BBH", 0xFF, kind, len(d) + 2) + d for kind, d in segments)
    return b"\xff\xd8" + head + bytes(width * height // 8) + b"\xff\xd9"


def test_a_lossless_jpeg_is_colored(colorful, tmp_path):
    assert color(lossless_jpeg(640, 480), tmp_path / "out.jpg", colorful()) == []


def test_a_lossless_jpeg_in_a_tiff_is_colored(colorful, tmp_path):
    jpeg = lossless_jpeg(640, 480)
    tags = {256: 640, 257: 480, 258: 8, 259: 7, 262: 1, 273: 8, 277: 1, 278: 480, 279: len(jpeg)}
    place = 8 + len(jpeg) + len(jpeg) % 2
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    data = b"II*\0" + struct.pack("<I", place) + jpeg.ljust(place - 8, b"\0")
    data += struct.pack("<H", len(tags)) + entries + b"\0" * 4

    assert color(data, tmp_path / "out.tif", colorful()) == []


def test_a_lossless_jpeg_of_16_bits_is_not_called_damage(colorful, tmp_path):
    with pytest.raises(SourceUnsupported, match="kind of JPEG is not supported"):
        color(lossless_jpeg(64, 48, 16), tmp_path / "out.jpg", colorful())


@pytest.mark.parametrize("numbers", [b"\0\1", b"\2\1", b"\1\2"])
def test_an_icc_profile_with_missing_parts_does_not_cost_the_picture(
    numbers, scan, colorful, tmp_path
):
    part = b"ICC_PROFILE\0" + numbers + bytes(200)
    segment = b"\xff\xe2" + struct.pack(">H", len(part) + 2) + part
    data = scan()
    damaged = data[:2] + segment + data[2:]

    warnings = color(damaged, tmp_path / "out.jpg", colorful())

    assert set(warnings) == {
        "its ICC profile is damaged or does not fit its pixels: ignored, not kept"
    }
    with pytest.raises(SourceDamaged):
        color(with_early_end(damaged), tmp_path / "bad.jpg", colorful())
