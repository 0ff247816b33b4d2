"""Copy the tags of a TIFF or an EXIF block into a TIFF that libvips wrote.

libvips neither reads nor writes EXIF in TIFFs, changes texts that are not UTF-8, and carries only
few tags. So the tags are read from the source, byte for byte, and a new first IFD is appended to
the output: libvips' own entries plus these. The pixels do not move.

Source:
    TIFF 6.0; Exif 2.32, 4.6.3; the tag lists of libtiff (tiff.h) and of the DNG specification 1.6.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from colorworker.media.stills.tiffdirectories import (
    Form,
    Tag,
    header,
    pack_tag,
    raw_entries,
    read_tag,
    swapped,
    write_entries,
)

IPTC_TAG = 33723
PHOTOSHOP_TAG = 34377
EXTRA_SAMPLES_TAG = 338
RESOLUTION_TAGS = frozenset((282, 283, 296))
"""XResolution, YResolution, ResolutionUnit."""
_RESOLUTION_UNIT = 296
_SIGNED = {6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d", 17: "q"}
"""Letters of struct for a value of each type that can be negative."""
EXIF_IFD = 34665
_SUB_IFDS = (EXIF_IFD, 34853)
"""Pointers to the Exif and GPS IFDs."""
_OTHER_POINTERS = frozenset((330, 40965, 50740, 50831, 50833))
"""SubIFDs, interoperability and parts of DNG: offsets that are valid only in the source."""
_DESCRIBES_PIXELS = frozenset(
    (
        *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281),
        *(284, 288, 289, 290, 291, 292, 293, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325),
        *(326, 327, 328, 332, 333, 334, 336, 338, 339, 340, 341, 342, 347, 512, 513, 514, 515, 517),
        *(518, 519, 520, 521, 529, 530, 531, 532, 559, 32995, 32996, 32997, 32998, 33421, 33422),
    )
)
"""How the source stores its pixels, and which colors its codes are; wrong for the output."""
_COPIED_OTHERWISE = frozenset((700, 34377, 34675))
"""XMP and image resources, which are changed on the way, and the ICC profile: libvips has them."""
_BLOBS = {
    700: "xmp-data",
    IPTC_TAG: "iptc-data",
    PHOTOSHOP_TAG: "photoshop-data",
    34675: "icc-profile-data",
}
_PHOTOSHOP_LAYERS = 37724
_DNG = range(50706, 51200)
_NOT_DNG = frozenset((50838, 50839))
"""ImageJ's descriptions, whose numbers lie within DNG's."""
_UNMOVABLE_TAGS = frozenset((37500, 40965))
"""MakerNote contains offsets that are valid only at its old place; Interoperability is an IFD."""
_RAW_BYTES = 7
"""The type UNDEFINED."""
_MAX_TAG_BYTES = 1 << 24


@dataclass(frozen=True)
class TagTree:
    """The tags of the first IFD that are true of the output, and those of the IFDs below.

    Attributes:
        first: Tags of the first IFD.
        below: Tags of the Exif and GPS IFDs, by the number of the pointer to them.
        lost: Numbers of the tags that are damaged or cannot be moved.
    """

    first: tuple[Tag, ...]
    below: dict[int, tuple[Tag, ...]]
    lost: tuple[int, ...] = ()


def read_tags(
    reader: BinaryIO, start: int = 0, own_offset: int | None = None, *, alone: bool = False
) -> TagTree:
    """Return the readable tags of a TIFF, or of the EXIF block at `start`.

    Damaged tags are left out without an error, because the picture itself may be intact.

    Args:
        reader: The file.
        start: Where the TIFF begins.
        own_offset: The IFD of the picture if that is not the first one. Its tags win over those of
            the first IFD.
        alone: Whether the first IFD is another picture, whose tags do not count.
    """
    below: dict[int, tuple[Tag, ...]] = {}
    lost: list[int] = []
    first: dict[int, Tag] = {}
    try:
        form, offset = header(reader, start)
        places = (own_offset or offset,) if alone else (offset, own_offset or offset)
        for place in dict.fromkeys(places):
            tags, pointers, unread = _read_ifd(reader, form, start, place, _is_kept)
            first |= {tag.number: tag for tag in tags}
            lost += unread
            for number, pointer in pointers.items():
                movable, _, unread = _read_ifd(reader, form, start, pointer, _is_movable)
                below[number] = tuple(movable)
                lost += unread
    except (struct.error, ValueError):
        return TagTree((), {})
    found = {number: tags for number, tags in below.items() if tags}
    return TagTree(tuple(first.values()), found, tuple(dict.fromkeys(lost)))


def blobs_of(reader: BinaryIO, offset: int) -> dict[str, bytes]:
    """Return the blocks of an IFD by the names of libvips' fields: ICC, XMP, IPTC, resources."""
    found: dict[str, bytes] = {}
    try:
        form, _ = header(reader, 0)
        for entry in raw_entries(reader, form, offset)[1]:
            name = _BLOBS.get(form.entry.unpack(entry)[0])
            tag = read_tag(reader, form, 0, entry, _MAX_TAG_BYTES) if name else None
            if name and tag:
                found[name] = swapped(tag.data, tag.kind, form)
    except (struct.error, ValueError):
        return found
    finally:
        reader.seek(0)
    return found


def append_tags(path: Path, tree: TagTree, remove: Iterable[int] = ()) -> None:
    """Give the TIFF at `path` the tags, in place; they replace those with the same numbers.

    Args:
        path: The file.
        tree: The tags.
        remove: Numbers of tags that the first IFD must not have unless they are in the tree.
    """
    gone = {*remove, *(tag.number for tag in tree.first), *tree.below}
    with path.open("r+b") as file:
        form, offset = header(file, 0)
        link, entries = raw_entries(file, form, offset)
        kept = [entry for entry in entries if form.entry.unpack(entry)[0] not in gone]
        if len(kept) == len(entries) and not tree.first and not tree.below:
            return
        file.seek(0, 2)
        for number, tags in tree.below.items():
            place = write_entries(file, form, [pack_tag(file, form, tag) for tag in tags], 0)
            pointer = struct.pack(form.word, place)
            kept.append(form.entry.pack(number, 16 if form.big else 4, 1, pointer))
        kept += [pack_tag(file, form, tag) for tag in tree.first]
        place = write_entries(file, form, kept, link)
        file.seek(8 if form.big else 4)
        file.write(struct.pack(form.word, place))


def bytes_tag(number: int, data: bytes) -> Tag:
    """Return a tag whose value is these bytes."""
    return Tag(number, _RAW_BYTES, len(data), data)


def _is_kept(number: int) -> bool:
    """Return whether a tag of the first IFD is still true of the output."""
    stale = (
        number in _DESCRIBES_PIXELS
        or number in _COPIED_OTHERWISE
        or number in _OTHER_POINTERS
        or number == _PHOTOSHOP_LAYERS
        or (number in _DNG and number not in _NOT_DNG)
    )
    return not stale


def _is_movable(number: int) -> bool:
    return number not in _UNMOVABLE_TAGS


def _is_resolution(tag: Tag) -> bool:
    """Return whether libtiff reads this tag; it refuses files whose resolution makes no sense."""
    if tag.number == _RESOLUTION_UNIT:
        return tag.count == 1 and tag.numbers in {(1,), (2,), (3,)}
    letters = _SIGNED.get(tag.kind)
    if letters is None:
        return True
    values = struct.unpack(f"<{tag.count * len(letters)}{letters[0]}", tag.data)
    return all(value >= 0 for value in values)


def _read_ifd(
    reader: BinaryIO, form: Form, start: int, offset: int, wanted: Callable[[int], bool]
) -> tuple[list[Tag], dict[int, int], list[int]]:
    """Return the wanted tags, the pointers to other IFDs, and the numbers of unreadable tags."""
    tags, pointers, lost = [], {}, []
    for entry in raw_entries(reader, form, start + offset)[1]:
        number, _, count, field = form.entry.unpack(entry)
        if number in _SUB_IFDS:
            (pointers[number],) = struct.unpack_from(form.word, field)
        elif number in _UNMOVABLE_TAGS:
            lost.append(number)
        elif wanted(number):
            tag = read_tag(reader, form, start, entry, _MAX_TAG_BYTES)
            if number == IPTC_TAG and tag:
                # Readers take these bytes as they are, whatever their type and byte order.
                tag = bytes_tag(number, swapped(tag.data, tag.kind, form))
            if tag and (number not in RESOLUTION_TAGS or _is_resolution(tag)):
                tags.append(tag)
            elif count:
                lost.append(number)
    return tags, pointers, lost
