"""Copy the descriptive tags of a TIFF or an EXIF block into a TIFF that libvips wrote.

libvips neither reads nor writes EXIF in TIFFs, so who made a scan, when and with which device would
be lost. The tags are read from the source, and a new first IFD is appended to the output: libvips'
own entries plus these. The pixels do not move.

Source:
    TIFF 6.0, section 2 (IFDs and types); BigTIFF as libtiff documents it; Exif 2.32, 4.6.3.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_DESCRIPTIVE_TAGS = frozenset((269, 270, 271, 272, 285, 305, 306, 315, 316, 33432))
"""DocumentName, ImageDescription, Make, Model, PageName, Software, DateTime, Artist,
HostComputer, Copyright: tags that libvips does not copy and that are still true of new pixels."""
_SUB_IFDS = (34665, 34853)
"""Pointers to the Exif and GPS IFDs."""
_UNMOVABLE_TAGS = frozenset((37500, 40965))
"""MakerNote contains offsets that are valid only at its old place; Interoperability is an IFD."""
_ITEM_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
_SWAPPED_BYTES = {**_ITEM_BYTES, 5: 4, 10: 4}
"""Bytes per number for swapping byte order; rationals are two numbers."""
_MAX_TAG_BYTES = 1 << 20
_MAX_TAGS = 4096


@dataclass(frozen=True)
class Tag:
    """An entry of an IFD, with its value in little-endian order."""

    number: int
    kind: int
    count: int
    data: bytes


@dataclass(frozen=True)
class TagTree:
    """The descriptive tags of the first IFD, and the tags of the IFDs it points to."""

    first: tuple[Tag, ...]
    below: dict[int, tuple[Tag, ...]]


@dataclass(frozen=True)
class _Form:
    """The byte order and offset width of a TIFF."""

    order: str
    big: bool

    @property
    def word(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def word_bytes(self) -> int:
        return 8 if self.big else 4

    @property
    def entry(self) -> struct.Struct:
        return struct.Struct(f"{self.word[0]}HH{self.word[1]}{self.word_bytes}s")

    @property
    def entry_count(self) -> str:
        return self.order + ("Q" if self.big else "H")


def read_tags(reader: BinaryIO, start: int = 0) -> TagTree:
    """Return the readable tags of a TIFF, or of the EXIF block at `start`.

    Damaged tags are left out without an error, because the picture itself may be intact.
    """
    below: dict[int, tuple[Tag, ...]] = {}
    try:
        form, offset = _header(reader, start)
        first, pointers = _ifd(reader, form, start, offset, _DESCRIPTIVE_TAGS)
        for number, pointer in pointers.items():
            below[number], _ = _ifd(reader, form, start, pointer, None)
    except (struct.error, ValueError):
        return TagTree((), {})
    return TagTree(first, {number: tags for number, tags in below.items() if tags})


def append_tags(path: Path, tree: TagTree) -> None:
    """Add the tags that the little-endian TIFF at `path` does not have yet, in place."""
    with path.open("r+b") as file:
        form, offset = _header(file, 0)
        link, entries = _raw_entries(file, form, offset)
        have = {form.entry.unpack(entry)[0] for entry in entries}
        added = [tag for tag in tree.first if tag.number not in have]
        below = {number: tags for number, tags in tree.below.items() if number not in have}
        if not added and not below:
            return
        file.seek(0, 2)
        for number, tags in below.items():
            place = _write_ifd(file, form, [_pack_entry(file, form, tag) for tag in tags], 0)
            pointer = struct.pack(form.word, place)
            entries.append(form.entry.pack(number, 16 if form.big else 4, 1, pointer))
        entries += [_pack_entry(file, form, tag) for tag in added]
        place = _write_ifd(file, form, entries, link)
        file.seek(8 if form.big else 4)
        file.write(struct.pack(form.word, place))


def _header(reader: BinaryIO, start: int) -> tuple[_Form, int]:
    reader.seek(start)
    head = reader.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]] if head[:2] in (b"II", b"MM") else ""
    if not order:
        raise ValueError("not a TIFF")
    form = _Form(order, struct.unpack_from(f"{order}H", head, 2)[0] == 43)
    return form, struct.unpack_from(form.word, head, 8 if form.big else 4)[0]


def _raw_entries(reader: BinaryIO, form: _Form, offset: int) -> tuple[int, list[bytes]]:
    """Return the link to the next IFD, and the raw entries."""
    reader.seek(offset)
    (count,) = struct.unpack(form.entry_count, reader.read(struct.calcsize(form.entry_count)))
    if count > _MAX_TAGS:
        raise ValueError(f"{count} tags in one IFD")
    size = form.entry.size
    block = reader.read(count * size)
    (link,) = struct.unpack(form.word, reader.read(form.word_bytes))
    return link, [block[index * size : (index + 1) * size] for index in range(count)]


def _ifd(
    reader: BinaryIO, form: _Form, start: int, offset: int, wanted: frozenset[int] | None
) -> tuple[tuple[Tag, ...], dict[int, int]]:
    """Return the wanted tags (None for all movable ones) and the pointers to other IFDs."""
    tags, pointers = [], {}
    for entry in _raw_entries(reader, form, start + offset)[1]:
        number, kind, count, field = form.entry.unpack(entry)
        if number in _SUB_IFDS:
            (pointers[number],) = struct.unpack_from(form.word, field)
            continue
        size = count * _ITEM_BYTES.get(kind, 0)
        if not 0 < size <= _MAX_TAG_BYTES or number in _UNMOVABLE_TAGS:
            continue
        if wanted is not None and number not in wanted:
            continue
        if size > form.word_bytes:
            (place,) = struct.unpack(form.word, field)
            reader.seek(start + place)
            data = reader.read(size)
        else:
            data = field[:size]
        if len(data) == size:
            tags.append(Tag(number, kind, count, _little_endian(data, kind, form)))
    return tuple(tags), pointers


def _little_endian(data: bytes, kind: int, form: _Form) -> bytes:
    width = _SWAPPED_BYTES[kind]
    if form.order == "<" or width == 1:
        return data
    return b"".join(data[place : place + width][::-1] for place in range(0, len(data), width))


def _pack_entry(file: BinaryIO, form: _Form, tag: Tag) -> bytes:
    """Return the tag as an entry; a value that does not fit is first appended to the file."""
    field = tag.data
    if len(field) > form.word_bytes:
        field = struct.pack(form.word, _align(file))
        file.write(tag.data)
    return form.entry.pack(tag.number, tag.kind, tag.count, field)


def _write_ifd(file: BinaryIO, form: _Form, entries: list[bytes], link: int) -> int:
    """Append an IFD, sorted as TIFF requires, and return its offset."""
    place = _align(file)
    file.write(struct.pack(form.entry_count, len(entries)))
    file.write(b"".join(sorted(entries, key=lambda entry: form.entry.unpack(entry)[0])))
    file.write(struct.pack(form.word, link))
    return place


def _align(file: BinaryIO) -> int:
    """Return the file's end, padded to an even offset: IFDs and values start on word boundaries."""
    if file.tell() % 2:
        file.write(b"\0")
    return file.tell()
