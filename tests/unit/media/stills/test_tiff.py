"""TIFFs: which of its directories is the picture, and what is kept of it, read by tifffile."""

import io
import struct

import numpy as np
import pytest
import pyvips
import tifffile

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.boxes import read_boxes
from colorworker.media.stills.imageresources import iptc_of
from colorworker.media.stills.tiffdirectories import Tag
from colorworker.media.stills.tifftags import TagTree, append_tags, read_tags
from colorworker.media.stills.vips import open_still, verify_still, write_still

GRAY = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
THUMBNAIL = GRAY[::4, ::4].copy()
IPTC = b"\x1c\x01\x5a\0\3\x1b%G" + b"\x1c\x02\x78\0\x7d" + "Müllerstraße".encode().ljust(125, b".")


def tiff(*pages, byteorder="<", bigtiff=False, **options):
    """Return a TIFF with a page for each (array, options of its own)."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=byteorder, bigtiff=bigtiff) as writer:
        for array, own in pages:
            writer.write(array, **{"metadata": None, "photometric": "minisblack", **options, **own})
    return buffer.getvalue()


def color(data, path, coefficients):
    with open_still(io.BytesIO(data), "scan.tif", max_pixels=10**8) as picture:
        picture.proxy(24, 32)
        write_still(picture, *coefficients, path, path.suffix)
        verify_still(picture, path)
        return picture.warnings


def opened_proxy(data, file=None):
    with open_still(file or io.BytesIO(data), "scan.tif", max_pixels=10**8) as picture:
        return picture.proxy(24, 32)


def tags_of(path):
    """Return the values of the first page's tags."""
    with tifffile.TiffFile(path) as file:
        return {tag.code: tag.value for tag in file.pages[0].tags}


def raw_value(path, number):
    """Return the bytes of a tag as they lie in the file; only for types of one byte."""
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[number]
    return path.read_bytes()[tag.valueoffset : tag.valueoffset + tag.count]


@pytest.mark.parametrize(
    "pages",
    [
        [(GRAY, {}), (THUMBNAIL, {"subfiletype": 1})],
        [(THUMBNAIL, {"subfiletype": 1}), (GRAY, {})],
        [(THUMBNAIL, {"subfiletype": 1, "subifds": 1}), (GRAY, {})],
    ],
    ids=["thumbnail after", "thumbnail before", "picture in a SubIFD"],
)
def test_the_picture_is_colored_not_the_thumbnail(pages, colorful, tmp_path):
    path = tmp_path / "out.tif"

    assert color(tiff(*pages), path, colorful()) == []

    written = tifffile.imread(path)
    assert written.shape == (48, 64, 3)


def test_a_mask_of_the_picture_is_dropped_with_a_warning(colorful, tmp_path):
    mask = {"subfiletype": 4, "photometric": "mask", "dtype": "bool"}
    data = tiff((GRAY, {}), (GRAY > 99, mask))

    warnings = color(data, tmp_path / "out.tif", colorful())

    assert warnings == ["the TIFF's transparency masks are not kept"]


def test_camera_raw_of_an_unknown_camera_is_refused():
    data = tiff((THUMBNAIL, {"subfiletype": 1, "subifds": 1}), (GRAY, {"photometric": "cfa"}))

    with pytest.raises(SourceUnsupported, match="does not know this camera"):
        open_still(io.BytesIO(data), "scan.dng", max_pixels=10**8).__enter__()


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 4, 7], ids=["BYTE", "LONG", "UNDEFINED"])
def test_iptc_is_kept_byte_for_byte(kind, byteorder, colorful, tmp_path):
    padded = IPTC.ljust(148, b"\0")
    value = np.frombuffer(padded, f"{byteorder}u4").tolist() if kind == 4 else padded
    count = len(padded) // (4 if kind == 4 else 1)
    data = tiff((GRAY, {"extratags": [(33723, kind, count, value, True)]}), byteorder=byteorder)
    path = tmp_path / "out.tif"

    color(data, path, colorful())

    assert raw_value(path, 33723) == padded


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("width", [1, 2, 4], ids=["UNDEFINED", "SHORT", "LONG"])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside other resources"])
def test_iptc_is_whole_in_other_formats(width, byteorder, beside, colorful, tmp_path):
    padded = IPTC.ljust(148, b"\0")
    value = np.frombuffer(padded, f"{byteorder}u{width}").tolist() if width > 1 else padded
    kind = {1: 7, 2: 3, 4: 4}[width]
    tags = [(33723, kind, len(padded) // width, value, True)]
    if beside:
        other = b"8BIM\x03\xf3\0\0\0\0\0\2ab"
        tags.append((34377, 7, len(other), other, True))
    data = tiff((GRAY, {"extratags": tags}), byteorder=byteorder)

    for extension in (".jpg", ".png", ".jp2"):
        path = tmp_path / f"out{extension}"
        with open_still(io.BytesIO(data), "a.tif", max_pixels=10**8) as picture:
            write_still(picture, *colorful(), path, extension, None)
        with open_still(io.BytesIO(path.read_bytes()), path.name, max_pixels=10**8) as copy:
            source = copy.image_source
            if extension == ".jpg":
                found = iptc_of(source.jpeg.image_resources)
            elif extension == ".png":
                found = source.png.iptc
            else:
                found = read_boxes(io.BytesIO(path.read_bytes())).iptc
        assert found.startswith(padded)


def test_iptc_of_a_jpeg_becomes_iptc_of_the_archive_tiff(encode, colorful, tmp_path):
    resource = b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4, "big") + IPTC + b"\0" * (len(IPTC) % 2)
    data = encode(GRAY, ".jpg", fields={"iptc-data": b"Photoshop 3.0\0" + resource})
    path = tmp_path / "out.tif"

    color(data, path, colorful())

    assert raw_value(path, 33723) == IPTC
    assert raw_value(path, 34377) == resource


KEPT = {
    270: (2, 9, b"M\xfcller \xdf\0"),  # ImageDescription, Latin-1
    297: (3, 2, (3, 12)),  # PageNumber
    18246: (3, 1, 4),  # Rating
    33550: (12, 3, (1.0, 1.0, 0.0)),  # ModelPixelScale
    34735: (3, 4, (1, 1, 0, 0)),  # GeoKeyDirectory
    40091: (1, 8, "Reel".encode("utf-16-le")),  # XPTitle
    42033: (2, 8, b"SN 4711\0"),  # BodySerialNumber
    42113: (2, 2, b"0\0"),  # GDAL's no-data value
    65000: (7, 3, b"\1\2\3"),  # private
}
STALE = {
    301: (3, 256, tuple(range(256))),  # TransferFunction
    37724: (7, 40, b"Adobe Photoshop Document Data Block\0LAYR"),
    50721: (10, 9, (1,) * 18),  # ColorMatrix1 of DNG
}


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_all_tags_but_stale_ones_are_kept(byteorder, colorful, tmp_path):
    given = [(number, *value, True) for number, value in (KEPT | STALE).items()]
    source, path = tmp_path / "in.tif", tmp_path / "out.tif"
    source.write_bytes(tiff((GRAY, {"extratags": given}), byteorder=byteorder))

    color(source.read_bytes(), path, colorful())

    before, after = tags_of(source), tags_of(path)
    assert {number: after[number] for number in KEPT} == {number: before[number] for number in KEPT}
    assert raw_value(path, 270) == KEPT[270][2]
    assert not STALE.keys() & after.keys()
    assert tifffile.imread(path).shape == (48, 64, 3)


def test_a_resolution_is_not_changed(colorful, tmp_path):
    path = tmp_path / "out.tif"
    given = {"resolution": ((3001, 10), (3001, 10)), "resolutionunit": 3}

    color(tiff((GRAY, given)), path, colorful())

    tags = tags_of(path)
    assert (tags[282], tags[283], tags[296]) == ((3001, 10), (3001, 10), 3)


@pytest.mark.parametrize(
    ("tag", "is_kept"),
    [
        (Tag(296, 3, 1, struct.pack("<H", 2)), True),
        (Tag(296, 3, 1, struct.pack("<H", 24833)), False),
        (Tag(296, 3, 2, struct.pack("<HH", 2, 2)), False),
        (Tag(296, 2, 2, b"2\0"), False),
        (Tag(282, 5, 1, struct.pack("<II", 300, 1)), True),
        (Tag(282, 10, 1, struct.pack("<ii", 300, 1)), True),
        (Tag(282, 10, 1, struct.pack("<ii", -300, 1)), False),
        (Tag(283, 11, 1, struct.pack("<f", float("nan"))), False),
    ],
)
def test_resolutions_that_make_a_tiff_unreadable_are_left_out_and_named(
    tag, is_kept, encode, tmp_path
):
    source = tmp_path / "in.tif"
    source.write_bytes(encode(GRAY, ".tif"))
    append_tags(source, TagTree((tag,), {}), {282, 283, 296})

    with source.open("rb") as reader:
        tree = read_tags(reader)

    assert ({each.number for each in tree.first} & {282, 283, 296} == {tag.number}) is is_kept
    assert (tag.number in tree.lost) is not is_kept


def test_a_resolution_is_not_invented(encode, colorful, tmp_path):
    source, path = tmp_path / "in.tif", tmp_path / "out.tif"
    source.write_bytes(encode(GRAY, ".tif"))
    append_tags(source, TagTree((), {}), {282, 283, 296})

    color(source.read_bytes(), path, colorful())

    assert not {282, 283, 296} & (tags_of(source).keys() | tags_of(path).keys())


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp"])
def test_pictures_without_a_resolution_become_tiffs_without_one(
    extension, encode, colorful, tmp_path
):
    path = tmp_path / "out.tif"
    data = encode(GRAY, extension, keep="none")
    if extension == ".png":
        place = data.index(b"pHYs") - 4
        data = data[:place] + data[place + 21 :]
    if extension == ".jpg":
        # No segment of JFIF, as in files of many cameras.
        assert b"JFIF" not in data

    color(data, path, colorful())

    assert not {282, 283, 296} & tags_of(path).keys()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("extra", [["unspecified"], ["assocalpha"], ["unassalpha", "unspecified"]])
@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_extra_samples_are_kept_with_their_meaning(photometric, extra, dtype, colorful, tmp_path):
    bands = 3 if photometric == "rgb" else 1
    shape = (48, 64, bands + len(extra))
    codes = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    data = tiff((codes, {"photometric": photometric, "extrasamples": extra}))
    path = tmp_path / "out.tif"

    assert color(data, path, colorful()) == []

    written = tifffile.imread(path)
    # libvips reads associated alpha as unassociated.
    names = {"unspecified": 0, "assocalpha": 2, "unassalpha": 2}
    assert written.shape == (48, 64, 3 + len(extra))
    np.testing.assert_array_equal(written[..., 3:], codes[..., bands:])
    assert np.atleast_1d(tags_of(path)[338]).tolist() == [names[name] for name in extra]


def test_a_jpeg_compressed_tiff_gains_no_transparency(colorful, tmp_path):
    rgb = np.repeat(GRAY[..., None], 3, axis=2)
    image = pyvips.Image.new_from_array(rgb).copy(interpretation="srgb")
    path = tmp_path / "out.tif"

    color(image.tiffsave_buffer(compression="jpeg", Q=80), path, colorful())

    assert tifffile.imread(path).shape == (48, 64, 3)
    assert 338 not in tags_of(path)


@pytest.mark.parametrize("tile", [{}, {"tile": True, "tile_width": 32, "tile_height": 32}])
def test_damage_in_the_jpeg_of_a_tiff_fails_the_picture(tile, colorful, tmp_path):
    image = pyvips.Image.new_from_array(np.tile(GRAY, (4, 4)))
    data = image.tiffsave_buffer(compression="jpeg", Q=80, **tile)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        middle = page.dataoffsets[-1] + page.databytecounts[-1] // 2
    damaged = data[:middle] + b"\xff\xd9" + data[middle + 2 :]

    assert color(data, tmp_path / "good.tif", colorful()) == []
    with pytest.raises(SourceDamaged, match="part"):
        color(damaged, tmp_path / "bad.tif", colorful())


def test_separate_planes_of_rgb_are_read_as_tifffile_reads_them():
    planes = np.random.default_rng(1).integers(0, 256, (3, 48, 64), dtype=np.uint8)
    data = tiff((planes, {"planarconfig": "separate", "photometric": "rgb"}))
    chunky = tiff((planes.transpose(1, 2, 0).copy(), {"photometric": "rgb"}))

    with (
        open_still(io.BytesIO(data), "a", max_pixels=10**8) as separate,
        open_still(io.BytesIO(chunky), "b", max_pixels=10**8) as together,
    ):
        np.testing.assert_array_equal(separate.proxy(48, 64), together.proxy(48, 64))


def test_a_compression_that_is_not_supported_is_not_called_damage(tmp_path):
    data = bytearray(tiff((GRAY, {})))
    with tifffile.TiffFile(io.BytesIO(bytes(data))) as file:
        place = file.pages[0].tags[259].valueoffset
    data[place : place + 2] = (34676).to_bytes(2, "little")

    with (
        pytest.raises(SourceUnsupported, match="compression 34676"),
        open_still(io.BytesIO(bytes(data)), "scan.tif", max_pixels=10**8) as picture,
    ):
        picture.proxy(24, 32)


@pytest.mark.parametrize("compression", ["none", "jpeg"])
def test_offsets_beyond_every_file_are_damage_and_not_a_fault_of_the_disk(compression, tmp_path):
    path = tmp_path / "scan.tif"
    size = {"tile": True, "tile_width": 64, "tile_height": 48}
    gray = pyvips.Image.new_from_array(GRAY)
    gray.tiffsave(str(path), compression=compression, bigtiff=True, **size)
    with tifffile.TiffFile(path) as file:
        at = file.pages[0].tags["TileOffsets"].valueoffset
    data = path.read_bytes()
    path.write_bytes(data[:at] + b"\xff" * 7 + b"\x7f" + data[at + 8 :])

    with path.open("rb") as file, pytest.raises(SourceDamaged):
        opened_proxy(file.read(), file)


def test_a_first_directory_beyond_every_file_is_damage(tmp_path):
    path = tmp_path / "scan.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + b"\xff" * 7 + b"\x7f" + bytes(64))

    with path.open("rb") as file, pytest.raises(SourceDamaged):
        opened_proxy(file.read(), file)
