"""EBML elements, of which Matroska files consist, as trees that can be changed and written.

Source: RFC 8794 (EBML); RFC 9559 (Matroska) for the element IDs.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from colorworker.media.containers.readat import read_at

VOID, CRC32 = 0xEC, 0xBF
SEGMENT, SEEK_HEAD, INFO, TRACKS = 0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B
CHAPTERS, ATTACHMENTS, TAGS = 0x1043A770, 0x1941A469, 0x1254C367
CLUSTER, CUES = 0x1F43B675, 0x1C53BB6B
MASTERS = frozenset(
    {
        SEEK_HEAD, 0x4DBB,  # Seek
        INFO, TRACKS, 0xAE, 0xE0, 0x55B0, 0x6D80, 0x6240,  # TrackEntry to ContentEncoding
        CHAPTERS, 0x45B9, 0xB6, 0x80, 0x8F,  # EditionEntry to ChapterTrack
        ATTACHMENTS, 0x61A7,  # AttachedFile
        TAGS, 0x7373, 0x63C0, 0x67C8,  # Tag, Targets, SimpleTag
    }
)  # fmt: skip
"""Elements whose children are parsed; all others are kept as bytes."""
MAX_DEPTH = 64
"""Some masters may contain themselves. Those of real files are nested at most four times."""
_MAX_BYTES = 1 << 29
"""Larger elements than this are not metadata, or lie about their size."""


@dataclass(frozen=True)
class Node:
    """An element: its ID, and either its bytes or its children."""

    name: int
    data: bytes = b""
    children: tuple["Node", ...] | None = None

    def find_all(self, name: int) -> Iterator["Node"]:
        """Yield the children with this ID."""
        return (child for child in self.children or () if child.name == name)

    def find(self, name: int) -> "Node | None":
        """Return the first child with this ID."""
        return next(self.find_all(name), None)

    def number(self, name: int, default: int = 0) -> int:
        """Return the unsigned integer in the child with this ID."""
        child = self.find(name)
        return default if child is None else int.from_bytes(child.data, "big")

    def text(self, name: int, default: str = "") -> str:
        """Return the text in the child with this ID."""
        child = self.find(name)
        return default if child is None else child.data.rstrip(b"\0").decode(errors="replace")

    def replaced(self, *new: "Node") -> "Node":
        """Return the element with these children instead of those with their IDs, at their place.

        Readers may expect the order that muxers use: a tag's targets before its values.
        """
        names = {node.name for node in new}
        waiting, found = list(new), []
        for child in self.children or ():
            if child.name not in names:
                found.append(child)
            else:
                found += [node for node in waiting if node.name == child.name]
                waiting = [node for node in waiting if node.name != child.name]
        return Node(self.name, children=(*found, *waiting))


@dataclass(frozen=True)
class Place:
    """Where an element lies in a file, in bytes from its start."""

    name: int
    start: int
    payload: int
    end: int | None
    """None if the element does not declare its size."""


def master(name: int, children: Iterable[Node]) -> Node:
    """Return an element with children."""
    return Node(name, children=tuple(children))


def number(name: int, value: int) -> Node:
    """Return an element with an unsigned integer."""
    return Node(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def parse(data: bytes, depth: int = 0) -> tuple[Node, ...]:
    """Return the elements in these bytes, up to the first that is invalid; voids are left out.

    Elements that are nested deeper than `MAX_DEPTH` keep their children as bytes.
    """
    found, at = [], 0
    while at < len(data):
        name, length, payload = _header(data, at)
        if not name or length is None or payload + length > len(data):
            break
        content = data[payload : payload + length]
        if name in MASTERS and depth < MAX_DEPTH:
            found.append(Node(name, children=parse(content, depth + 1)))
        elif name != VOID:
            found.append(Node(name, content))
        at = payload + length
    return tuple(found)


def encode(node: Node) -> bytes:
    """Return the element's bytes; a checksum at the start of its children is computed anew."""
    payload = node.data
    if node.children is not None:
        payload = b"".join(encode(child) for child in node.children if child.name != CRC32)
        if any(child.name == CRC32 for child in node.children):
            payload = encode(Node(CRC32, zlib.crc32(payload).to_bytes(4, "little"))) + payload
    width = next(width for width in range(1, 9) if len(payload) < (1 << 7 * width) - 1)
    length = (1 << 7 * width) | len(payload)
    return _id_bytes(node.name) + length.to_bytes(width, "big") + payload


def void(total_bytes: int) -> bytes:
    """Return a Void element of exactly this many bytes: 0, or at least 2."""
    if not total_bytes:
        return b""
    width = 1 if total_bytes < 0x7F else 8
    length = (1 << 7 * width) | (total_bytes - 1 - width)
    return bytes((VOID,)) + length.to_bytes(width, "big") + bytes(total_bytes - 1 - width)


def read_place(reader: BinaryIO, offset: int) -> Place | None:
    """Return where the element at an offset lies; None at the end of the file."""
    head = read_at(reader, offset, 12)
    if not head:
        return None
    name, length, payload = _header(head, 0)
    if not name:
        return None
    payload += offset
    return Place(name, offset, payload, None if length is None else payload + length)


def read_bytes(reader: BinaryIO, start: int, end: int) -> bytes:
    """Return the bytes of a range of the file, as far as they exist; none if it is too long."""
    end = min(end, reader.seek(0, 2))
    return read_at(reader, start, end - start) if end - start <= _MAX_BYTES else b""


def segment_children(reader: BinaryIO) -> Iterator[Place]:
    """Yield the segment's elements up to the first cluster, which is included."""
    place = read_place(reader, 0)
    while place is not None and place.name != SEGMENT:
        place = None if place.end is None else read_place(reader, place.end)
    if place is None:
        return
    child = read_place(reader, place.payload)
    while child is not None:
        yield child
        if child.name == CLUSTER or child.end is None:
            return
        child = read_place(reader, child.end)


def _header(data: bytes, at: int) -> tuple[int, int | None, int]:
    """Return an element's ID (0 if invalid), its length (None if unknown), and its payload."""
    id_bytes = 9 - data[at].bit_length()
    length_at = at + id_bytes
    if id_bytes > 4 or length_at >= len(data):
        return 0, None, at
    width = 9 - data[length_at].bit_length()
    if width > 8 or length_at + width > len(data):
        return 0, None, at
    length = int.from_bytes(data[length_at : length_at + width], "big") & ((1 << 7 * width) - 1)
    known = length != (1 << 7 * width) - 1
    name = int.from_bytes(data[at:length_at], "big")
    return name, length if known else None, length_at + width


def _id_bytes(name: int) -> bytes:
    return name.to_bytes((name.bit_length() + 7) // 8, "big")
