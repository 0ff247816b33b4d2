"""Read the metadata segments of a JPEG, and put segments into a JPEG that libvips wrote.

libvips reads only the first segment of each kind, drops XMP and EXIF that are too large for it
without a word, invents a resolution and adds EXIF tags. So the segments are copied byte for byte.

Source:
    ITU-T T.81, B.1.1; JFIF 1.02; Exif 2.32, 4.7.2; XMP specification part 3, 1.1.3 (packets of more
    than one segment); Adobe Photoshop file format specification (image resources).
"""

import re
import shutil
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_SOI = b"\xff\xd8"
_SOS = 0xDA
_EOI = 0xD9
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
_LOSSLESS = frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_COMMENT = 0xFE
_JFIF_VERSION = b"\1\2"
_JFIF, _JFXX = b"JFIF\0", b"JFXX\0"
_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_GUID_BYTES = 32
_MAX_BYTES = 65533
"""Largest content of a segment."""
_EXTENDED_PART_BYTES = 65400
_EXTENDED_GUID = re.compile(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})")
_MOST_JUNK_BYTES = 1 << 16
"""Bytes that belong to no segment; after so many of them there is no picture."""
_COPY_BYTES = 1 << 20
NO_RESOLUTION = (0, 1, 1)
"""JFIF's unit and densities if nothing is known."""
GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/", b"urn:iso:std:iso:ts:21496")
"""Namespaces of Adobe's and Google's Ultra HDR, and of ISO 21496-1."""
_STALE = (
    (0xE0, (_JFXX,)),  # a thumbnail
    (0xE1, GAIN_MAPS),
    (0xE2, (b"ICC_PROFILE\0", b"MPF\0", *GAIN_MAPS)),
    (0xEC, (b"Ducky",)),  # the quality of the source
    (0xEE, (b"Adobe",)),  # how the colors are stored
)
"""Segments that are not copied, without a warning: they describe how the source is stored, or
another part of this package handles them. Application number and beginning."""


@dataclass(frozen=True)
class JpegMetadata:
    """What a JPEG holds beside its pixels.

    Attributes:
        exif: EXIF block, from the header of TIFF on; empty if there is none.
        xmp: XMP packet; empty if there is none.
        extended_xmp: The part of the XMP that does not fit into `xmp`; empty if there is none.
        image_resources: Photoshop's image resources, among them IPTC; empty if there are none.
        comments: Comments, in their order.
        resolution: Unit (0 none, 1 inch, 2 cm), and X and Y density, as JFIF has them.
        others: Names of the segments that are not copied.
        incomplete: Whether extended XMP is announced and not all there.
    """

    exif: bytes
    xmp: bytes
    extended_xmp: bytes
    image_resources: bytes
    comments: tuple[bytes, ...]
    resolution: tuple[int, int, int]
    others: tuple[str, ...]
    incomplete: bool


def read_jpeg_metadata(reader: BinaryIO) -> JpegMetadata:
    """Return the metadata in front of the pixels of the JPEG at the start of `reader`."""
    exif = xmp = resources = b""
    extended: dict[bytes, dict[int, bytes]] = defaultdict(dict)
    comments: list[bytes] = []
    others: list[str] = []
    resolution = NO_RESOLUTION
    for marker, data in _segments(reader):
        if marker == _COMMENT:
            comments.append(data)
        elif marker == 0xE0 and data.startswith(_JFIF) and len(data) >= 12:
            resolution = struct.unpack_from(">BHH", data, 7)
        elif marker == 0xE1 and data.startswith(_EXIF):
            exif = exif or data[len(_EXIF) + 1 :]
        elif marker == 0xE1 and data.startswith(_XMP):
            xmp = xmp or data[len(_XMP) :]
        elif marker == 0xE1 and data.startswith(_EXTENDED_XMP):
            guid, offset, part = _extended_part(data)
            extended[guid][offset] = part
        elif marker == 0xED and data.startswith(_PHOTOSHOP):
            resources += data[len(_PHOTOSHOP) :]
        elif marker & 0xF0 == 0xE0 and not _is_stale(marker, data):
            others.append(_name(marker, data))
    announced = _EXTENDED_GUID.search(xmp)
    whole = _joined(extended.get(announced[1], {})) if announced else b""
    return JpegMetadata(
        exif,
        xmp,
        whole,
        resources,
        tuple(comments),
        resolution,
        tuple(dict.fromkeys(others)),
        incomplete=bool(announced or extended) and not whole,
    )


def is_lossless(reader: BinaryIO) -> bool:
    """Return whether the JPEG at the start of `reader` is of the lossless process (SOF3)."""
    return any(marker in _LOSSLESS for marker, _ in _segments(reader))


def segment(marker: int, data: bytes) -> bytes:
    """Return a segment as it is stored; empty if its content is too large."""
    if len(data) > _MAX_BYTES:
        return b""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def metadata_segments(
    resolution: tuple[int, int, int],
    exif: bytes,
    xmp: bytes,
    extended_xmp: bytes,
    image_resources: bytes,
    comments: Iterable[bytes],
) -> list[bytes]:
    """Return the segments for these blocks, in the order that readers expect."""
    found = [segment(0xE0, _JFIF + _JFIF_VERSION + struct.pack(">BHHxx", *resolution))]
    found += [segment(0xE1, _EXIF + b"\0" + exif)] if exif else []
    found += [segment(0xE1, _XMP + xmp)] if xmp else []
    found += [segment(0xE1, part) for part in _extended_parts(xmp, extended_xmp)]
    step = _MAX_BYTES - len(_PHOTOSHOP)
    for start in range(0, len(image_resources), step):
        found.append(segment(0xED, _PHOTOSHOP + image_resources[start : start + step]))
    return [*found, *(segment(_COMMENT, comment) for comment in comments)]


def fits_segment(exif: bytes = b"", xmp: bytes = b"") -> bool:
    """Return whether the EXIF block and the XMP packet each fit into a segment."""
    return len(_EXIF) + 1 + len(exif) <= _MAX_BYTES and len(_XMP) + len(xmp) <= _MAX_BYTES


def insert_segments(path: Path, segments: Iterable[bytes]) -> None:
    """Put the segments at the beginning of a JPEG that libvips wrote without metadata."""
    part = path.with_name(path.name + ".part")
    try:
        with path.open("rb") as source, part.open("wb") as copy:
            copy.write(source.read(len(_SOI)) + b"".join(segments))
            shutil.copyfileobj(source, copy, _COPY_BYTES)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _segments(reader: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of the segments before the first scan."""
    reader.seek(len(_SOI))
    junk = 0
    while len(head := reader.read(2)) == 2:
        while head[:1] != b"\xff" or head[1:] in (b"\xff", b"\0"):
            # Fill bytes, or junk between segments.
            following, junk = reader.read(1), junk + 1
            if not following or junk > _MOST_JUNK_BYTES:
                return
            head = head[1:] + following
        marker = head[1]
        if marker in (_SOS, _EOI):
            return
        if marker in _WITHOUT_LENGTH:
            continue
        length = reader.read(2)
        if len(length) < 2:
            return
        yield marker, reader.read(max(0, int.from_bytes(length, "big") - 2))


def _extended_part(data: bytes) -> tuple[bytes, int, bytes]:
    """Return the GUID, the offset and the data of a segment of extended XMP."""
    start = len(_EXTENDED_XMP)
    guid = data[start : start + _GUID_BYTES]
    body = data[start + _GUID_BYTES :]
    if len(body) < 8:
        return b"", 0, b""
    _, offset = struct.unpack_from(">II", body)
    return guid, offset, body[:4] + body[8:]


def _joined(parts: dict[int, bytes]) -> bytes:
    """Return extended XMP from its parts, each with the full length in front; empty if torn."""
    if not parts:
        return b""
    whole = b""
    for offset, part in sorted(parts.items()):
        if offset != len(whole):
            return b""
        whole += part[4:]
    length = int.from_bytes(next(iter(parts.values()))[:4], "big")
    return whole if len(whole) == length else b""


def _extended_parts(xmp: bytes, extended_xmp: bytes) -> Iterator[bytes]:
    found = _EXTENDED_GUID.search(xmp)
    guid = found[1] if found else b""
    for start in range(0, len(extended_xmp), _EXTENDED_PART_BYTES):
        numbers = struct.pack(">II", len(extended_xmp), start)
        part = extended_xmp[start : start + _EXTENDED_PART_BYTES]
        yield _EXTENDED_XMP + guid + numbers + part


def _is_stale(marker: int, data: bytes) -> bool:
    return any(marker == number and data.startswith(names) for number, names in _STALE)


def _name(marker: int, data: bytes) -> str:
    """Return the name of an application segment, such as `APP11 JP`."""
    word = data[:12].partition(b"\0")[0].decode("ascii", "replace").strip()
    return f"APP{marker & 0x0F} {word}".strip() if word.isprintable() else f"APP{marker & 0x0F}"
