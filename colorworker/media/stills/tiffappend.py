"""Join TIFFs: append the pages of one file to another without decoding them."""

import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from colorworker.media.stills.tiffdirectories import (
    Form,
    Tag,
    align,
    header,
    pack_tag,
    raw_entries,
    read_tag,
    write_entries,
)

_OFFSETS = frozenset((273, 324))
"""StripOffsets, TileOffsets."""
_BELOW = frozenset((34665, 34853))
"""Pointers to the Exif and GPS IFDs."""
_MAX_TAG_BYTES = 1 << 28


def append_page(path: Path, other: Path) -> None:
    """Append the first page of the TIFF `other` to the TIFF at `path`, in place.

    Both have the same byte order and offsets of the same width, and no SubIFDs.

    Raises:
        ValueError: If the forms of the two files differ.
    """
    with path.open("r+b") as file, other.open("rb") as more:
        form, first = header(file, 0)
        more_form, more_first = header(more, 0)
        if more_form != form:
            raise ValueError(f"{other} has another byte order or offset width than {path}")
        link_place = _last_link(file, form, first)
        file.seek(0, 2)
        base = align(file)
        more.seek(0)
        shutil.copyfileobj(more, file)
        place = _moved_ifd(file, more, form, more_first, base)
        file.seek(link_place)
        file.write(struct.pack(form.word, place))


def _last_link(file: BinaryIO, form: Form, offset: int) -> int:
    """Return where the last IFD's link to the next one is."""
    while True:
        link, entries = raw_entries(file, form, offset)
        if not link:
            size = struct.calcsize(form.entry_count) + len(entries) * form.entry.size
            return offset + size
        offset = link


def _moved_ifd(file: BinaryIO, more: BinaryIO, form: Form, offset: int, base: int) -> int:
    """Append an IFD of `more` to `file`, where its bytes lie `base` later; return its place."""
    packed = []
    for entry in raw_entries(more, form, offset)[1]:
        tag = read_tag(more, form, 0, entry, _MAX_TAG_BYTES)
        if tag is None:
            continue
        if tag.number in _BELOW:
            place = _moved_ifd(file, more, form, tag.numbers[0], base)
            tag = Tag(tag.number, 16 if form.big else 4, 1, struct.pack(form.word, place))
        elif tag.number in _OFFSETS:
            moved = [number + base for number in tag.numbers]
            letter = "Q" if form.big else "I"
            data = struct.pack(f"<{len(moved)}{letter}", *moved)
            tag = replace(tag, kind=16 if form.big else 4, data=data)
        file.seek(0, 2)
        packed.append(pack_tag(file, form, tag))
    file.seek(0, 2)
    return write_entries(file, form, packed, 0)
