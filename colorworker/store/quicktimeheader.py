"""The header of a QuickTime film in which every frame is a picture of its own.

Source:
    ISO/IEC 14496-12 (boxes); Apple, QuickTime File Format Specification (sample descriptions).
"""

from __future__ import annotations  # array[int] exists for type checkers only

import struct
from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import pairwise

_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_PLACEHOLDER = 16
"""Width and height in the header; decoders take the real ones from the frames."""


def quicktime_header(
    codec_tag: bytes,
    rate: Fraction,
    numbers: array[int],
    sizes: array[int],
    timecode: str = "",
) -> bytes:
    """Return all boxes of a film up to its first frame; 4 bytes per frame.

    A tick is 1 / numerator of the rate, and a frame takes as many as the denominator, so that all
    times are exact. The frame before a gap in the numbers is shown until the next one.

    Args:
        codec_tag: QuickTime's four letters of the frames' format.
        rate: Frames per second.
        numbers: Numbers of the frames, increasing.
        sizes: Their sizes in bytes; they follow the header in this order.
        timecode: Of the first frame, such as `01:02:03:04`; empty if it is not known.
    """
    ticks = rate.denominator
    durations = [(after - before) * ticks for before, after in pairwise(numbers)] + [ticks]
    head = _box(b"ftyp", b"qt  \0\0\0\0qt  ")
    # The offset of the frames does not change the size of the box that holds it.
    box = partial(_movie_box, codec_tag, rate, sizes, durations, _metadata(timecode))
    first_offset = len(head) + len(box(0)) + 16
    movie = box(first_offset)
    return head + movie + struct.pack(">I4sQ", 1, b"mdat", sum(sizes) + 16)


def _movie_box(
    codec_tag: bytes,
    rate: Fraction,
    sizes: array[int],
    durations: list[int],
    metadata: bytes,
    first_offset: int,
) -> bytes:
    total = sum(durations)
    media = _box(
        b"mdia",
        _full(b"mdhd", _times(rate, total, 4), version=1),
        _full(b"hdlr", b"mhlrvide" + bytes(13)),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8)),
            _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url "))),
            _sample_table(codec_tag, sizes, durations, first_offset),
        ),
    )
    track = _box(b"trak", _full(b"tkhd", _track_header(total), version=1), media)
    return _box(b"moov", _full(b"mvhd", _times(rate, total, 80), version=1), track, metadata)


def _metadata(timecode: str) -> bytes:
    """Return a box of metadata with the timecode as libav names it; nothing without one."""
    if not timecode:
        return b""
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    keys = _box(b"keys", struct.pack(">II", 0, 1), _box(b"mdta", b"timecode"))
    value = _box(b"data", struct.pack(">II", 1, 0), timecode.encode("ascii"))
    return _box(b"meta", handler, keys, _box(b"ilst", _box(struct.pack(">I", 1), value)))


def _sample_table(
    codec_tag: bytes, sizes: array[int], durations: list[int], first_offset: int
) -> bytes:
    """Return where the frames are, how long each is shown, and their codec."""
    entry = struct.pack(
        ">6xH16xHHII4xH32shh",
        1, _PLACEHOLDER, _PLACEHOLDER, 0x480000, 0x480000, 1, b"", 24, -1,
    )  # fmt: skip
    runs = list(_runs(durations))
    times = b"".join(struct.pack(">II", *run) for run in runs)
    codec = _box(codec_tag, entry)
    return _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), codec),
        _full(b"stts", struct.pack(">I", len(runs)), times),
        _full(b"stsc", struct.pack(">4I", 1, 1, len(sizes), 1)),
        _full(b"stsz", struct.pack(">II", 0, len(sizes)), _big_endian(sizes)),
        _full(b"co64", struct.pack(">IQ", 1, first_offset)),
    )


def _runs(durations: list[int]) -> Iterator[tuple[int, int]]:
    """Yield (frames, ticks) of consecutive frames of one duration."""
    count = 0
    for index, duration in enumerate(durations):
        count += 1
        if index + 1 == len(durations) or durations[index + 1] != duration:
            yield count, duration
            count = 0


def _times(rate: Fraction, ticks: int, rest: int) -> bytes:
    """Return creation time, time base and duration of mvhd or mdhd, and `rest` further bytes."""
    further = bytes(rest)
    if rest > 4:  # mvhd: rate 1.0, volume 1.0, matrix, next track
        further = struct.pack(">IH10x36s24xI", 0x10000, 0x100, _MATRIX, 2)
    return struct.pack(">QQIQ", 0, 0, rate.numerator, ticks) + further


def _track_header(ticks: int) -> bytes:
    size = _PLACEHOLDER << 16
    return struct.pack(">QQI4xQ8xHHH2x36sII", 0, 0, 1, ticks, 0, 0, 0, _MATRIX, size, size)


def _big_endian(sizes: array[int]) -> bytes:
    return struct.pack(f">{len(sizes)}I", *sizes)


def _box(tag: bytes, *parts: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, parts)), tag) + b"".join(parts)


def _full(tag: bytes, *parts: bytes, version: int = 0) -> bytes:
    # Flags: tkhd's say that the track is shown, the others' that data is in this file.
    return _box(tag, struct.pack(">B3s", version, b"\0\0\1"), *parts)
