"""Read and write the directories (IFDs) of TIFFs and EXIF blocks, of both byte orders and sizes.

Source:
    TIFF 6.0, section 2 (IFDs and types); BigTIFF as libtiff documents it.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

ITEM_BYTES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes per value of each type."""
_SWAPPED_BYTES = {**ITEM_BYTES, 5: 4, 10: 4}
"""Bytes per number for swapping byte order; rationals are two numbers."""
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""Types of unsigned integers."""
_MAX_TAGS = 4096
MAX_OFFSET = 1 << 42
"""Larger offsets are damaged: no file is so large, and some systems refuse to seek there."""


@dataclass(frozen=True)
class Form:
    """The byte order and offset width of a TIFF."""

    order: str
    big: bool

    @property
    def word(self) -> str:
        """Struct format of an offset."""
        return self.order + ("Q" if self.big else "I")

    @property
    def word_bytes(self) -> int:
        """Bytes of an offset, and of a value that is stored in its entry."""
        return 8 if self.big else 4

    @property
    def entry(self) -> struct.Struct:
        """Format of an entry: tag, type, count, value or offset."""
        return struct.Struct(f"{self.word[0]}HH{self.word[1]}{self.word_bytes}s")

    @property
    def entry_count(self) -> str:
        """Struct format of the number of entries."""
        return self.order + ("Q" if self.big else "H")


@dataclass(frozen=True)
class Tag:
    """An entry of an IFD, with its value in little-endian order."""

    number: int
    kind: int
    count: int
    data: bytes

    @property
    def numbers(self) -> tuple[int, ...]:
        """The value as unsigned integers; empty if its type is another one."""
        letter = _NUMBERS.get(self.kind)
        return struct.unpack(f"<{self.count}{letter}", self.data) if letter else ()


def header(reader: BinaryIO, start: int) -> tuple[Form, int]:
    """Return the form of the TIFF or EXIF block at `start`, and the offset of its first IFD.

    Raises:
        ValueError: If there is none.
        struct.error: If it is cut off.
    """
    reader.seek(start)
    head = reader.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    if not order:
        raise ValueError("not a TIFF")
    form = Form(order, struct.unpack_from(f"{order}H", head, 2)[0] == 43)
    return form, struct.unpack_from(form.word, head, 8 if form.big else 4)[0]


def raw_entries(reader: BinaryIO, form: Form, offset: int) -> tuple[int, list[bytes]]:
    """Return the link to the next IFD, and the raw entries.

    Raises:
        ValueError: If there are too many, or the offset is impossible.
        struct.error: If the IFD is cut off.
    """
    _seek(reader, offset)
    (count,) = struct.unpack(form.entry_count, reader.read(struct.calcsize(form.entry_count)))
    if count > _MAX_TAGS:
        raise ValueError(f"{count} tags in one IFD")
    size = form.entry.size
    block = reader.read(count * size)
    (link,) = struct.unpack(form.word, reader.read(form.word_bytes))
    return link, [block[index * size : (index + 1) * size] for index in range(count)]


def _seek(reader: BinaryIO, offset: int) -> None:
    if offset > MAX_OFFSET:
        raise ValueError(f"offset {offset}")
    reader.seek(offset)


def read_tag(reader: BinaryIO, form: Form, start: int, entry: bytes, max_bytes: int) -> Tag | None:
    """Return the tag of a raw entry; None if its type is unknown, or it is cut off or too large."""
    number, kind, count, field = form.entry.unpack(entry)
    size = count * ITEM_BYTES.get(kind, 0)
    if not 0 < size <= max_bytes:
        return None
    data = field[:size]
    if size > form.word_bytes:
        (place,) = struct.unpack(form.word, field)
        if start + place > MAX_OFFSET:
            return None
        reader.seek(start + place)
        data = reader.read(size)
    return Tag(number, kind, count, swapped(data, kind, form)) if len(data) == size else None


def pack_tag(file: BinaryIO, form: Form, tag: Tag) -> bytes:
    """Return the tag as a raw entry; a value that does not fit is first appended to the file."""
    field = swapped(tag.data, tag.kind, form)
    if len(field) > form.word_bytes:
        place = align(file)
        file.write(field)
        field = struct.pack(form.word, place)
    return form.entry.pack(tag.number, tag.kind, tag.count, field)


def write_entries(file: BinaryIO, form: Form, entries: list[bytes], link: int) -> int:
    """Append an IFD, sorted as TIFF requires, and return its offset."""
    place = align(file)
    file.write(struct.pack(form.entry_count, len(entries)))
    file.write(b"".join(sorted(entries, key=lambda entry: form.entry.unpack(entry)[0])))
    file.write(struct.pack(form.word, link))
    return place


def align(file: BinaryIO) -> int:
    """Return the file's end, padded to an even offset: IFDs and values start on word boundaries."""
    if file.tell() % 2:
        file.write(b"\0")
    return file.tell()


def swapped(data: bytes, kind: int, form: Form) -> bytes:
    """Return the value in the other byte order if the form is big-endian, else unchanged."""
    width = _SWAPPED_BYTES[kind]
    if form.order == "<" or width == 1:
        return data
    return b"".join(data[place : place + width][::-1] for place in range(0, len(data), width))
