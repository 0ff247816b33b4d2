"""Change EXIF blocks without moving what they hold, because MakerNotes contain offsets.

Source:
    Exif 2.32 (CIPA DC-008), 4.6.3 (IFD pointers), 4.6.5 (UserComment).
"""

import io
import struct
from collections.abc import Mapping

from colorworker.media.stills.tiffdirectories import (
    Form,
    Tag,
    header,
    pack_tag,
    raw_entries,
    read_tag,
    write_entries,
)

EXIF_HEAD = b"Exif\0\0"
_EXIF_IFD, _ORIENTATION, _COMMENT = 34665, 274, 37510
_EMPTY = b"II*\0\x08\0\0\0" + b"\0\0" + b"\0\0\0\0"
_ASCII = b"ASCII\0\0\0"
_MAX_BYTES = 1 << 16


def orientation_of(exif: bytes) -> int:
    """Return the orientation, 1 to 8; 1 if it is missing or damaged."""
    reader = io.BytesIO(exif)
    try:
        form, offset = header(reader, 0)
        for entry in raw_entries(reader, form, offset)[1]:
            if form.entry.unpack(entry)[0] == _ORIENTATION:
                tag = read_tag(reader, form, 0, entry, _MAX_BYTES)
                value = tag.numbers[0] if tag and tag.numbers else 1
                return value if 1 <= value <= 8 else 1
    except (struct.error, ValueError):
        return 1
    return 1


def with_orientation(exif: bytes, orientation: int) -> bytes:
    """Return an EXIF block with the orientation if `exif` is empty; else `exif`."""
    if exif or orientation == 1:
        return exif
    return _with_first(_EMPTY, Tag(_ORIENTATION, 3, 1, struct.pack("<H", orientation)))


def exif_of_texts(texts: Mapping[int, str]) -> bytes:
    """Return an EXIF block with these texts by their tags; empty if there are none."""
    exif = _EMPTY if texts else b""
    for number, text in sorted(texts.items()):
        # Bytes that are not UTF-8 stay as they are.
        data = text.encode("utf-8", "surrogateescape") + b"\0"
        exif = _with_first(exif, Tag(number, 2, len(data), data))
    return exif


def with_comment(exif: bytes, text: str) -> bytes:
    """Return the block with this user comment, unless it has one or is damaged.

    Args:
        exif: EXIF block; may be empty.
        text: ASCII.
    """
    comment = _ASCII + text.encode("ascii", "replace")
    tag = Tag(_COMMENT, 7, len(comment), comment)
    file = io.BytesIO(exif or _EMPTY)
    try:
        form, offset = header(file, 0)
        link, entries = raw_entries(file, form, offset)
        numbers = [form.entry.unpack(entry)[0] for entry in entries]
        below: list[bytes] = []
        if _EXIF_IFD in numbers:
            field = form.entry.unpack(entries[numbers.index(_EXIF_IFD)])[3]
            _, below = raw_entries(file, form, struct.unpack_from(form.word, field)[0])
        if _has_comment(file, form, below):
            return exif
        below = [entry for entry in below if form.entry.unpack(entry)[0] != _COMMENT]
        file.seek(0, 2)
        place = write_entries(file, form, [*below, pack_tag(file, form, tag)], 0)
        pointer = form.entry.pack(_EXIF_IFD, 4, 1, struct.pack(form.word, place))
        if _EXIF_IFD in numbers:
            file.seek(offset + 2 + numbers.index(_EXIF_IFD) * form.entry.size)
            file.write(pointer)
        else:
            place = write_entries(file, form, [*entries, pointer], link)
            file.seek(4)
            file.write(struct.pack(form.word, place))
    except (struct.error, ValueError):
        return exif
    return file.getvalue()


def without_thumbnail(exif: bytes) -> bytes:
    """Return the block without IFD 1, which holds the thumbnail and its description."""
    file = io.BytesIO(exif)
    try:
        form, offset = header(file, 0)
        link, entries = raw_entries(file, form, offset)
    except (struct.error, ValueError):
        return exif
    if not link:
        return exif
    start, size = _thumbnail(file, form, link)
    file.seek(offset + struct.calcsize(form.entry_count) + len(entries) * form.entry.size)
    file.write(struct.pack(form.word, 0))
    block = file.getvalue()
    # A thumbnail in the middle stays as unused bytes: nothing may move.
    return block[:start] if start > 0 and start + size >= len(block) - 1 else block


def _thumbnail(file: io.BytesIO, form: Form, offset: int) -> tuple[int, int]:
    """Return offset and length of the JPEG thumbnail; zeros if there is none."""
    try:
        entries = raw_entries(file, form, offset)[1]
    except (struct.error, ValueError):
        return 0, 0
    found = {}
    for entry in entries:
        tag = read_tag(file, form, 0, entry, _MAX_BYTES)
        if tag and tag.numbers:
            found[tag.number] = tag.numbers[0]
    return found.get(513, 0), found.get(514, 0)


def _has_comment(file: io.BytesIO, form: Form, entries: list[bytes]) -> bool:
    for entry in entries:
        if form.entry.unpack(entry)[0] == _COMMENT:
            tag = read_tag(file, form, 0, entry, _MAX_BYTES)
            return bool(tag and tag.data[len(_ASCII) :].strip(b"\0 "))
    return False


def _with_first(exif: bytes, tag: Tag) -> bytes:
    """Return the block with one more tag in its first IFD."""
    file = io.BytesIO(exif)
    form, offset = header(file, 0)
    link, entries = raw_entries(file, form, offset)
    file.seek(0, 2)
    place = write_entries(file, form, [*entries, pack_tag(file, form, tag)], link)
    file.seek(4)
    file.write(struct.pack(form.word, place))
    return file.getvalue()
