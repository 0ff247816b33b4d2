"""Metadata in files of boxes: JPEG 2000 and JPEG XL. The decoders do not return it whole.

Source:
    ISO/IEC 15444-1, annex I (boxes, UUID and resolution boxes); ISO/IEC 18181-2 (Exif and xml);
    Adobe XMP specification part 3 (UUIDs).
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

JP2_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
JXL_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEADER, _RESOLUTION, _UUID, _EXIF, _XML = b"jp2h", b"res ", b"uuid", b"Exif", b"xml "
_COMPRESSED = b"brob"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
EXIF_UUIDS = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_WANTED = frozenset((_EXIF, _XML, _UUID, _HEADER, _COMPRESSED))
_ICC_METHODS, _TO_PROFILE = (b"\2", b"\3"), 3
"""Methods of a color specification that hold a profile, and bytes before it."""
_MAX_BOX_BYTES = 1 << 26
_MAX_BOXES = 1000
_TO_EXIF = 4
"""Exif boxes begin with the offset of the TIFF header."""


class BoxPlace(NamedTuple):
    """A box: where its header, its data and the next box begin."""

    kind: bytes
    start: int
    data: int
    end: int


@dataclass(frozen=True)
class BoxMetadata:
    """Metadata of a JPEG 2000 or JPEG XL file; empty where there is none.

    Attributes:
        exif: EXIF block, from the header of TIFF on.
        xmp: XMP packet.
        iptc: IPTC datasets.
        resolution: Pixels per millimeter, across and down; zeros if unknown.
        profile: ICC profile of a JPEG 2000.
        unread: Names of metadata boxes that are not read because they are compressed.
    """

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    resolution: tuple[float, float] = (0.0, 0.0)
    profile: bytes = b""
    unread: tuple[str, ...] = ()


def read_boxes(reader: BinaryIO) -> BoxMetadata:
    """Return the metadata of a file of boxes; empty for other files and damaged boxes."""
    reader.seek(0)
    head = reader.read(12)
    if head not in (JP2_SIGNATURE, JXL_SIGNATURE):
        return BoxMetadata()
    found: dict[str, bytes] = {}
    unread: list[str] = []
    resolution, profile = (0.0, 0.0), b""
    for kind, data in _boxes(reader):
        if kind == _EXIF and len(data) > _TO_EXIF:
            found.setdefault("exif", data[_TO_EXIF + int.from_bytes(data[:_TO_EXIF], "big") :])
        elif kind == _XML and head == JXL_SIGNATURE:
            found.setdefault("xmp", data)
        elif kind == _UUID:
            found = _with_uuid(found, data)
        elif kind == _HEADER:
            resolution, profile = _resolution(data), _profile(data)
        elif kind == _COMPRESSED:
            unread.append({b"xml ": "XMP", b"Exif": "EXIF"}.get(data[:4], "a box"))
    return BoxMetadata(**found, resolution=resolution, profile=profile, unread=tuple(unread))


def _with_uuid(found: dict[str, bytes], data: bytes) -> dict[str, bytes]:
    uuid, content = data[:16], data[16:]
    kinds = {XMP_UUID: "xmp", IPTC_UUID: "iptc", **dict.fromkeys(EXIF_UUIDS, "exif")}
    if uuid not in kinds:
        return found
    if kinds[uuid] == "exif":
        content = content.removeprefix(b"Exif\0\0")
    return {kinds[uuid]: content, **found}


def _boxes(reader: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each small box at the top; content of others is empty."""
    for place in box_places(reader):
        size = place.end - place.data
        wanted = place.kind in _WANTED and size <= _MAX_BOX_BYTES
        reader.seek(place.data)
        yield place.kind, reader.read(size) if wanted else b""


def box_places(reader: BinaryIO) -> Iterator[BoxPlace]:
    """Yield where the boxes at the top are."""
    size_bytes = reader.seek(0, 2)
    place = 0
    for _ in range(_MAX_BOXES):
        reader.seek(place)
        head = reader.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        start = 8
        if size == 1 and len(head) == 16:
            (size,), start = struct.unpack(">Q", head[8:]), 16
        if size == 0:
            size = size_bytes - place
        if size < start:
            return
        yield BoxPlace(kind, place, place + start, place + size)
        place += size


def _profile(header: bytes) -> bytes:
    """Return the ICC profile of a JP2 header box, of the first color specification with one."""
    reader = io.BytesIO(header)
    for place in box_places(reader):
        content = header[place.data : place.end]
        if place.kind == b"colr" and content[:1] in _ICC_METHODS:
            return content[_TO_PROFILE:]
    return b""


def _resolution(header: bytes) -> tuple[float, float]:
    """Return pixels per millimeter from a JP2 header box: of capture, or else of display."""
    at = header.find(_RESOLUTION)
    for kind in (b"resc", b"resd"):
        place = header.find(kind, at) + 4 if at >= 0 else 3
        if place > 3 and place + 10 <= len(header):
            down, down_by, across, across_by, e_down, e_across = struct.unpack_from(
                ">HHHHbb", header, place
            )
            if down_by and across_by:
                return across / across_by * 10.0**e_across / 1000, (
                    down / down_by * 10.0**e_down / 1000
                )
    return 0.0, 0.0
