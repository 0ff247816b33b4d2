"""Finds the elements of a file: its boxes, chunks, segments, tags or packets, nested ones too."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_PARTS = 2000
"""Elements of a file that are found; small files have fewer."""


@dataclass(frozen=True)
class Part:
    """An element, in bytes from the start of the file."""

    start: int
    body: int
    """Where its content begins."""
    end: int
    size_at: int = -1
    """Where its size is stored; -1 if nowhere."""
    size_form: str = ""
    """Of that number, for `struct`; `ebml` for a variable one."""
    counted_from: int = 0
    """The stored size counts from here."""


def parts_of(data: bytes) -> list[Part]:
    """Return the elements of a file, by its first bytes; pieces of equal size if it has none."""
    found = []
    for part in _reader(data)(data):
        found.append(part)
        if len(found) == MOST_PARTS:
            break
    return found or list(_pieces(data))


def _reader(data: bytes) -> Callable[[bytes], Iterator[Part]]:
    head = data[:16]
    for place, magic, reader in _FORMATS:
        if head[place : place + len(magic)] == magic:
            return reader
    return _pieces


def _pieces(data: bytes) -> Iterator[Part]:
    """Yield the fields of a header of unknown form, then larger and larger pieces."""
    at, size = 0, 4
    while at < len(data):
        yield Part(at, at, min(at + size, len(data)))
        at += size
        if at >= 128:
            size = at // 4


_BOXES_WITHIN = {
    b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"udta": 0, b"edts": 0, b"dinf": 0,
    b"mvex": 0, b"moof": 0, b"traf": 0, b"meta": 4, b"iprp": 0, b"ipco": 0, b"jp2h": 0, b"ilst": 0,
    b"stsd": 8, b"dref": 8, b"iinf": 6, b"iref": 4, b"avc1": 78, b"hvc1": 78, b"mp4v": 78,
    b"apch": 78, b"mp4a": 28, b"gmhd": 0, b"wave": 0,
}  # fmt: skip
"""Where the first box within a box begins, after the header."""


def _boxes(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    """Yield the boxes of MP4, QuickTime, HEIF, AVIF, JPEG 2000 and JPEG XL (ISO/IEC 14496-12)."""
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        (size,), name, body = struct.unpack_from(">I", data, at), data[at + 4 : at + 8], at + 8
        form, size_at = ">I", at
        if size == 1 and at + 16 <= end:
            (size,), body, form, size_at = (
                struct.unpack_from(">Q", data, at + 8),
                at + 16,
                ">Q",
                body,
            )
        stop = min(end, at + size) if size >= 8 else end
        yield Part(at, body, stop, size_at, form, at)
        if name in _BOXES_WITHIN and depth < 12:
            yield from _boxes(data, body + _BOXES_WITHIN[name], stop, depth + 1)
        at = max(stop, at + 8)


_EBML_MASTERS = frozenset((
    0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1941A469, 0x1254C367, 0x1F43B675,
    0x1C53BB6B, 0x4DBB, 0xAE, 0xE0, 0xE1, 0x55B0, 0x6D80, 0x6240, 0x45B9, 0xB6, 0x80, 0x61A7,
    0x7373, 0x63C0, 0x67C8, 0xBB, 0xB7, 0xA0, 0x1A45DFA3, 0x8F, 0x5034, 0x5035,
))  # fmt: skip


def _ebml(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    """Yield the elements of Matroska (RFC 8794)."""
    at, end = start, len(data) if end is None else end
    while at + 2 <= end:
        id_bytes = _leading_zeros(data[at]) + 1
        size_at = at + id_bytes
        if id_bytes > 4 or size_at >= end:
            return
        size_bytes = _leading_zeros(data[size_at]) + 1
        body = size_at + size_bytes
        if size_bytes > 8 or body > end:
            return
        size = int.from_bytes(data[size_at:body]) & (1 << 7 * size_bytes) - 1
        stop = end if size == (1 << 7 * size_bytes) - 1 else min(end, body + size)
        yield Part(at, body, stop, size_at, "ebml", body)
        if int.from_bytes(data[at:size_at]) in _EBML_MASTERS and depth < 12:
            yield from _ebml(data, body, stop, depth + 1)
        at = stop


def _leading_zeros(byte: int) -> int:
    return 8 - byte.bit_length()


def _riff(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    """Yield the chunks of AVI and WebP."""
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        (size,) = struct.unpack_from("<I", data, at + 4)
        stop = min(end, at + 8 + size)
        yield Part(at, at + 8, stop, at + 4, "<I", at + 8)
        if data[at : at + 4] in {b"RIFF", b"LIST"} and depth < 8:
            yield from _riff(data, at + 12, stop, depth + 1)
        at = stop + size % 2


def _png(data: bytes) -> Iterator[Part]:
    at = 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        stop = min(len(data), at + 12 + size)
        yield Part(at, at + 8, stop, at, ">I", at + 12)
        at = stop


def _jpeg(data: bytes) -> Iterator[Part]:
    """Yield the segments up to the first scan, then the scans."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        (size,) = struct.unpack_from(">H", data, at + 2)
        stop = min(len(data), at + 2 + size)
        yield Part(at, at + 4, stop, at + 2, ">H", at + 2)
        if data[at + 1] == 0xDA:
            coded = stop
            while stop + 1 < len(data) and not (
                data[stop] == 0xFF and data[stop + 1] not in {0, *range(0xD0, 0xD8)}
            ):
                stop += 1
            yield Part(coded, coded, stop)
        at = stop


def _tiff(data: bytes) -> Iterator[Part]:
    """Yield the tags and the values that they point to, also of BigTIFF."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in {b"+\0", b"\0+"}
    offset, count, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    (place,) = struct.unpack_from(order + offset, data.ljust(16, b"\0"), 8 if big else 4)
    seen = set()
    while 0 < place < len(data) - 8 and place not in seen:
        seen.add(place)
        yield Part(place, place, place + struct.calcsize(order + count))
        (tags,) = struct.unpack_from(order + count, data, place)
        place += struct.calcsize(order + count)
        for _ in range(min(tags, 99)):
            size = struct.calcsize(order + entry)
            if place + size > len(data):
                return
            yield Part(place, place, place + size)
            _, kind, values, value = struct.unpack_from(order + entry, data, place)
            length = values * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 16: 8}.get(kind, 1)
            if len(value) < length < len(data):
                (at,) = struct.unpack(order + offset, value)
                yield Part(min(at, len(data)), min(at, len(data)), min(at + length, len(data)))
            place += size
        if place + struct.calcsize(order + offset) > len(data):
            return
        (place,) = struct.unpack_from(order + offset, data, place)


def _klv(data: bytes) -> Iterator[Part]:
    """Yield the key-length-value triplets of MXF (SMPTE 336), and the items of metadata sets."""
    at = 0
    while at + 17 <= len(data):
        length = data[at + 16]
        width = length & 0x7F if length & 0x80 else 0
        body = at + 17 + width
        size = int.from_bytes(data[at + 17 : body]) if width else length
        stop = min(len(data), body + size)
        form = {4: ">I", 8: ">Q"}.get(width, "")
        yield Part(at, body, stop, at + 17 if form else -1, form, body)
        if data[at + 4 : at + 6] == b"\x02\x53":
            item = body
            while item + 4 <= stop:
                (size,) = struct.unpack_from(">H", data, item + 2)
                yield Part(item, item + 4, min(stop, item + 4 + size), item + 2, ">H", item + 4)
                item += 4 + size
        at = max(stop, at + 17)


def _asf(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    at, end = start, len(data) if end is None else end
    while at + 24 <= end:
        (size,) = struct.unpack_from("<Q", data, at + 16)
        stop = min(end, at + size) if size >= 24 else end
        yield Part(at, at + 24, stop, at + 16, "<Q", at)
        if depth == 0 and at == 0:
            yield from _asf(data, at + 30, stop, 1)
        at = max(stop, at + 24)


def _flv(data: bytes) -> Iterator[Part]:
    at = 13
    while at + 15 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4])
        yield Part(at, at + 11, min(len(data), at + 15 + size))
        at += 15 + size


def _ivf(data: bytes) -> Iterator[Part]:
    at = 32
    while at + 12 <= len(data):
        (size,) = struct.unpack_from("<I", data, at)
        yield Part(at, at + 12, min(len(data), at + 12 + size), at, "<I", at + 12)
        at += 12 + size


def _start_codes(data: bytes) -> Iterator[Part]:
    """Yield the units of MPEG streams, H.264 and HEVC."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        stop = data.find(b"\0\0\1", at + 3)
        yield Part(at, at + 4, stop if stop >= 0 else len(data))
        at = stop


def _packets(data: bytes) -> Iterator[Part]:
    """Yield the packets of transport streams, with and without M2TS's time stamps."""
    size, skip = (188, 0) if data[0] == 0x47 else (192, 4)
    for at in range(0, len(data), size):
        yield Part(at, at + skip + 4, min(len(data), at + size))


_FORMATS: tuple[tuple[int, bytes, Callable[[bytes], Iterator[Part]]], ...] = (
    (4, b"ftyp", _boxes),
    (4, b"moov", _boxes),
    (4, b"wide", _boxes),
    (4, b"jP  ", _boxes),
    (4, b"JXL ", _boxes),
    (0, b"\x1a\x45\xdf\xa3", _ebml),
    (0, b"RIFF", _riff),
    (0, b"\x89PNG", _png),
    (0, b"\xff\xd8", _jpeg),
    (0, b"II*\0", _tiff),
    (0, b"II+\0", _tiff),
    (0, b"MM\0*", _tiff),
    (0, b"\x06\x0e\x2b\x34", _klv),
    (0, b"\x30\x26\xb2\x75", _asf),
    (0, b"FLV", _flv),
    (0, b"DKIF", _ivf),
    (0, b"\0\0\1\0\1\0", _pieces),  # an icon
    (0, b"\0\0\1", _start_codes),
    (0, b"\0\0\0\1", _start_codes),
    (0, b"\x47", _packets),
    (4, b"\x47", _packets),
)
