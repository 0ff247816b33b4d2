"""Write metadata into a JPEG 2000 or JPEG XL that an encoder wrote without any.

Source:
    ISO/IEC 15444-1, annex I (order of boxes; cdef and resolution boxes); ISO/IEC 18181-2
    (container, jxlc, Exif and xml).
"""

import struct
from collections.abc import Iterable
from pathlib import Path

from colorworker.media.stills.boxes import (
    EXIF_UUIDS,
    IPTC_UUID,
    JXL_SIGNATURE,
    XMP_UUID,
    BoxMetadata,
    box_places,
)

_JXL_TYPE = b"jxl \0\0\0\0jxl "
_CODESTREAM = b"\xff\x0a"
_DEFINITIONS = struct.pack(">H12H", 4, 0, 0, 1, 1, 0, 2, 2, 0, 3, 3, 1, 0)
"""Channels 0 to 2 are colors 1 to 3, channel 3 is the opacity of the whole picture."""
_COPY_BYTES = 1 << 20
_MOST = 65535


def insert_boxes(path: Path, metadata: BoxMetadata, *, has_alpha: bool) -> None:
    """Write metadata into the file, in place.

    Args:
        path: A JP2 file, a JPEG XL codestream, or a JPEG XL container.
        metadata: What to write; IPTC and the resolution only into JP2.
        has_alpha: Whether the fourth channel is opacity.
    """
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith(_CODESTREAM):
        before = JXL_SIGNATURE + _box(b"ftyp", _JXL_TYPE)
        size = 16 + path.stat().st_size
        before += struct.pack(">I4sQ", 1, b"jxlc", size)
        _rewrite(path, before, [(0, path.stat().st_size)], _of_jpeg_xl(metadata))
    elif head == JXL_SIGNATURE:
        _rewrite(path, b"", [(0, path.stat().st_size)], _of_jpeg_xl(metadata))
    else:
        _complete_jp2(path, metadata, has_alpha)


def _complete_jp2(path: Path, metadata: BoxMetadata, has_alpha: bool) -> None:
    with path.open("rb") as file:
        places = list(box_places(file))
        header = next(place for place in places if place.kind == b"jp2h")
        file.seek(0)
        before = file.read(header.start)
        file.seek(header.data)
        content = file.read(header.end - header.data)
    if has_alpha and b"cdef" not in content:
        content += _box(b"cdef", _DEFINITIONS)
    across, down = metadata.resolution
    if across > 0 and down > 0:
        content += _box(b"res ", _box(b"resc", _capture_resolution(across, down)))
    after = b"".join(
        _box(b"uuid", uuid + data)
        for uuid, data in (
            (XMP_UUID, metadata.xmp),
            (EXIF_UUIDS[0], metadata.exif),
            (IPTC_UUID, metadata.iptc),
        )
        if data
    )
    stream = [(place.start, place.end) for place in places if place.kind == b"jp2c"]
    _rewrite(path, before + _box(b"jp2h", content) + after, stream, b"")


def _of_jpeg_xl(metadata: BoxMetadata) -> bytes:
    exif = _box(b"Exif", b"\0\0\0\0" + metadata.exif) if metadata.exif else b""
    return exif + (_box(b"xml ", metadata.xmp) if metadata.xmp else b"")


def _capture_resolution(across: float, down: float) -> bytes:
    """Return down and across in pixels per meter, as fractions with exponents of 10."""
    parts = b""
    exponents = b""
    for per_meter in (down * 1000, across * 1000):
        exponent = 0
        while per_meter * 10 > _MOST:
            per_meter, exponent = per_meter / 10, exponent + 1
        parts += struct.pack(">HH", max(1, round(per_meter * 10)), 10)
        exponents += struct.pack(">b", exponent)
    return parts + exponents


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data


def _rewrite(path: Path, before: bytes, kept: Iterable[tuple[int, int]], after: bytes) -> None:
    """Replace the file by these bytes, parts of itself from start to end, and these bytes."""
    other = path.with_name(f"{path.name}.boxes")
    try:
        with path.open("rb") as old, other.open("wb") as new:
            new.write(before)
            for start, end in kept:
                old.seek(start)
                left = end - start
                while left and (block := old.read(min(left, _COPY_BYTES))):
                    new.write(block)
                    left -= len(block)
            new.write(after)
        other.replace(path)
    finally:
        other.unlink(missing_ok=True)
