import io
import struct

import pytest
import pyvips
import tifffile

from colorworker.media.stills.tiffdirectories import Tag
from colorworker.media.stills.tifftags import TagTree, append_tags, read_tags

ARTIST = Tag(315, 2, 7, b"Nobody\0")
MAKE = Tag(271, 2, 3, b"Ko\0")
EXPOSURE = Tag(33434, 5, 1, struct.pack("<II", 1, 60))
ISO = Tag(34855, 3, 1, struct.pack("<H", 400))
TREE = TagTree((ARTIST, MAKE), {34665: (EXPOSURE, ISO)})


@pytest.mark.parametrize("bigtiff", [False, True])
def test_appended_tags_read_back_and_the_pixels_stay(bigtiff, encode, textured, tmp_path):
    path = tmp_path / "out.tif"
    path.write_bytes(encode(textured, ".tif", bigtiff=bigtiff, compression="deflate"))

    append_tags(path, TREE)

    with path.open("rb") as file:
        tree = read_tags(file)
    assert set(tree.first) >= {ARTIST, MAKE}
    assert tree.below == TREE.below
    image = pyvips.Image.new_from_file(str(path), fail_on="warning")
    assert (image.numpy() == textured).all()


def test_tags_replace_those_that_the_output_already_has(encode, textured, tmp_path):
    path = tmp_path / "out.tif"
    path.write_bytes(encode(textured, ".tif"))
    append_tags(path, TREE)

    append_tags(path, TagTree((Tag(315, 2, 4, b"Ida\0"),), {}))

    with tifffile.TiffFile(path) as file:
        codes = [tag.code for tag in file.pages[0].tags]
        assert file.pages[0].tags[315].value == "Ida"
        assert file.pages[0].tags[271].value == "Ko"
    assert codes.count(315) == 1


def test_removed_tags_are_gone_unless_they_are_given(encode, textured, tmp_path):
    path = tmp_path / "out.tif"
    path.write_bytes(encode(textured, ".tif"))

    append_tags(path, TagTree((Tag(296, 3, 1, b"\2\0"),), {}), {282, 283, 296})

    with tifffile.TiffFile(path) as file:
        codes = {tag.code for tag in file.pages[0].tags}
    assert codes & {282, 283, 296} == {296}


def test_big_endian_values_are_byte_swapped():
    values = struct.pack(">II", 1, 60)
    entries = struct.pack(">HHIHH", 34855, 3, 1, 400, 0) + struct.pack(">HHII", 33434, 5, 1, 56)
    exif = struct.pack(">H", 2) + entries + struct.pack(">I", 0)
    first = struct.pack(">HHHIII", 1, 34665, 4, 1, 26, 0)
    block = b"MM\0*" + struct.pack(">I", 8) + first + exif

    tree = read_tags(io.BytesIO(b"Exif\0\0" + block + values), 6)

    assert set(tree.below[34665]) == {EXPOSURE, ISO}


@pytest.mark.parametrize(
    "data", [b"", b"II*\0", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\xff\xff", b"nonsense" * 9]
)
def test_damaged_blocks_yield_no_tags_and_no_error(data):
    assert read_tags(io.BytesIO(data)) == TagTree((), {})
