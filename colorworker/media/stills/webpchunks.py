"""Read EXIF and XMP of a WebP, and put them into a WebP that libvips wrote without any.

libvips does not see blocks that the header's flags do not announce.

Source:
    WebP container specification (RFC 9649), 2.3 to 2.7.
"""

import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_FLAGS = {b"EXIF": 0x08, b"XMP ": 0x04}
_ALPHA = 0x10
_HEADER = 12
"""Bytes of `RIFF`, the size and `WEBP`."""
_MAX_BYTES = 1 << 26
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class WebpMetadata:
    """Metadata of a WebP; empty blocks if there are none.

    Attributes:
        exif: EXIF block, from the header of TIFF on.
        xmp: XMP packet.
    """

    exif: bytes
    xmp: bytes


def read_webp_metadata(reader: BinaryIO) -> WebpMetadata:
    """Return the metadata of the WebP at the start of `reader`."""
    found: dict[bytes, bytes] = {}
    reader.seek(_HEADER)
    while len(head := reader.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        if not kind.strip().isalnum():
            break  # Not chunks any more: zeros would be followed to the end of a huge file.
        if kind in _FLAGS and size <= _MAX_BYTES:
            found.setdefault(kind, reader.read(size))
            reader.seek(size % 2, 1)
        else:
            reader.seek(size + size % 2, 1)
    exif = found.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    return WebpMetadata(exif, found.get(b"XMP ", b""))


def insert_webp_metadata(path: Path, exif: bytes, xmp: bytes) -> None:
    """Put the blocks into the lossless WebP at `path`; empty ones are left out.

    Args:
        path: A WebP that libvips wrote, at most with an ICC profile.
        exif: EXIF block, from the header of TIFF on.
        xmp: XMP packet.
    """
    blocks = {kind: block for kind, block in ((b"EXIF", exif), (b"XMP ", xmp)) if block}
    if not blocks:
        return
    with path.open("r+b") as file:
        head = file.read(_HEADER + 18)
        if head[_HEADER : _HEADER + 4] != b"VP8X":
            _insert_header(path, _extended_header(head[_HEADER + 8 :], blocks))
        else:
            file.seek(_HEADER + 8)
            file.write(bytes((head[_HEADER + 8] | _flags(blocks),)))
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.write(b"\0" * (size % 2))
        for kind, block in blocks.items():
            file.write(_chunk(kind, block))
        size = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", size - 8))


def _extended_header(image: bytes, blocks: Mapping[bytes, bytes]) -> bytes:
    """Return the VP8X chunk for the data of a VP8L chunk (RFC 9649, 3.4)."""
    (bits,) = struct.unpack_from("<I", image, 1)
    width, height, has_alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    flags = _flags(blocks) | (_ALPHA if has_alpha else 0)
    sizes = width.to_bytes(3, "little") + height.to_bytes(3, "little")
    return _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + sizes)


def _flags(blocks: Mapping[bytes, bytes]) -> int:
    return sum(_FLAGS[kind] for kind in blocks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _insert_header(path: Path, header: bytes) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with path.open("rb") as source, part.open("wb") as copy:
            copy.write(source.read(_HEADER) + header)
            shutil.copyfileobj(source, copy, _COPY_BYTES)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
