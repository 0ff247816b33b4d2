"""All frames of an image sequence as one QuickTime file, made while it is read.

    with open_version(store, "reel7/scan_%06d.dpx", version="sequence:24/1") as film: ...

A header that lists sizes and durations comes first, then the frames' files one after the other, as
they are. So everything that reads films reads sequences, by ranges and from any store. Nothing is
written.

Source:
    ISO/IEC 14496-12 (boxes); Apple, QuickTime File Format Specification (sample descriptions).
"""

from __future__ import annotations  # array[int] exists for type checkers only

import io
import os
import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, BinaryIO, NamedTuple, cast

from colorworker.domain.frameheaders import (
    HEADER_BYTES,
    dpx_header_of_cineon,
    read_frame_header,
)
from colorworker.domain.sequences import (
    FramePattern,
    FrameTally,
    parse_pattern,
    sequence_rate,
)
from colorworker.errors import KeyMissing, SourceChanged, SourceDamaged, SourceUnsupported
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectInfo, ObjectStore

_CODEC_TAGS = {
    ".dpx": b"dpx ",
    ".cin": b"dpx ",
    ".exr": b"exr ",
    ".png": b"png ",
    ".tif": b"tiff",
    ".tiff": b"tiff",
    ".jpg": b"jpeg",
    ".jpeg": b"jpeg",
}
_MATRIX = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
InspectFrame = Callable[[str, bytes], None]
"""Called with the key and the file of a frame."""
_PLACEHOLDER = 16
"""Width and height in the header; decoders take the real ones from the frames."""


class SequenceTable(NamedTuple):
    """The frames of a sequence in order of their numbers, as a store lists them."""

    pattern: FramePattern
    rate: Fraction
    numbers: array[int]
    sizes: array[int]
    etags: tuple[str, ...]

    def key(self, index: int) -> str:
        """Return the key of a frame by its place in the sequence."""
        return self.pattern.frame(self.numbers[index])

    def key_at(self, pts: int) -> str:
        """Return the key of the frame that is shown at a time in ticks of the film's timeline."""
        number = self.numbers[0] + pts // self.rate.denominator
        return self.key(max(0, bisect_right(self.numbers, number) - 1))


def open_version(
    store: ObjectStore,
    key: str,
    *,
    etag: str | None,
    version: str = "",
    inspect: InspectFrame | None = None,
) -> BinaryIO:
    """Open an asset: an object, or the film that an image sequence forms.

    Args:
        store: The store it lies in.
        key: Its key; the pattern of a sequence.
        etag: What it must be; None to take what is there.
        version: The asset's version, see `Asset`.
        inspect: Called with each frame of a sequence that is read from its start to its end.

    Raises:
        SourceChanged: If it is no longer what was listed.
        SourceUnsupported: If the frames' files cannot be part of a QuickTime file.
    """
    rate = sequence_rate(version)
    if rate is None:
        return store.open(key, etag=etag, version=version)
    return cast(BinaryIO, SequenceFile(store, sequence_table(store, key, rate, etag), inspect))


def version_info(store: ObjectStore, key: str, version: str) -> ObjectInfo:
    """Return the size and the ETag of an asset as `list_one` does, also of a sequence."""
    rate = sequence_rate(version)
    if rate is None:
        return store.list_one(key, version=version)
    tally = _tally(_listed(store, key, rate))
    return ObjectInfo(key, tally.size_bytes, tally.etag(rate))


def sequence_table(store: ObjectStore, key: str, rate: Fraction, etag: str | None) -> SequenceTable:
    """List the frames of a sequence. The last listings are kept, if their version is known.

    Raises:
        KeyMissing: If there is none.
        SourceChanged: If the frames are not those that were listed.
    """
    return _kept_table(_Listing(store), key, rate, etag) if etag else _listed(store, key, rate)


class _Listing:
    """A store as part of a cache's key: stores with one URI hold the same objects."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Listing) and other.store.uri == self.store.uri

    def __hash__(self) -> int:
        return hash(self.store.uri)


@lru_cache(maxsize=2)
def _kept_table(listing: _Listing, key: str, rate: Fraction, etag: str) -> SequenceTable:
    table = _listed(listing.store, key, rate)
    if _tally(table).etag(rate) != etag:
        raise SourceChanged(
            printable(key),
            "frames were added, removed or changed after it was listed",
            "Run the same command again",
        )
    return table


def _tally(table: SequenceTable) -> FrameTally:
    tally = FrameTally()
    for index, number in enumerate(table.numbers):
        tally.add(number, table.key(index), table.sizes[index], table.etags[index])
    return tally


def _listed(store: ObjectStore, key: str, rate: Fraction) -> SequenceTable:
    pattern = parse_pattern(key)
    if pattern is None:
        raise KeyMissing(printable(key), "it is no pattern of an image sequence")
    found = sorted(
        (number, info.size_bytes, info.etag)
        for info in store.list(pattern.prefix)
        if (number := pattern.number(info.key)) is not None
    )
    if not found:
        raise KeyMissing(printable(key), "none of its frames exists", "Check the folder")
    numbers, sizes, etags = zip(*found, strict=True)
    return SequenceTable(pattern, rate, array("q", numbers), array("q", sizes), etags)


class SequenceFile(io.RawIOBase):
    """The QuickTime file of a sequence. One frame is open at a time. Not thread-safe."""

    def __init__(
        self, store: ObjectStore, table: SequenceTable, inspect: InspectFrame | None = None
    ) -> None:
        """Start at offset 0; the store stays open. See `open_version` for `inspect`."""
        super().__init__()
        self._inspect, self._seen = inspect, bytearray()
        self._inspected = -1
        """The last frame that was inspected."""
        self._store, self._table = store, table
        self._is_cineon = table.pattern.suffix.lower() == ".cin"
        self._cineon_offset = self._image_offset(0) if self._is_cineon else 0
        sizes = self._sample_sizes()
        self._header = _quicktime_header(table, sizes)
        self._starts = array("q", accumulate(sizes, initial=len(self._header)))
        self._position = 0
        self._opened = -1
        self._frame: BinaryIO | None = None
        self._first = b""
        """Bytes that replace the beginning of the open frame, up to the offset of its picture."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset without reading."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._starts[-1]}[whence]
        if start + offset < 0:
            raise ValueError(f"offset {start + offset} is before the start")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; returns fewer bytes only at the end.

        Raises:
            SourceChanged: If a frame is no longer the one that was listed.
            SourceDamaged: If a frame is shorter than its size.
        """
        target = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(target) and self._position < self._starts[-1]:
            piece = self._read(len(target) - filled)
            target[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._position += len(piece)
        return filled

    def close(self) -> None:
        """Close the open frame."""
        self._close_frame()
        super().close()

    def _read(self, most: int) -> bytes:
        """Return bytes at the position, from the header or from one frame."""
        if self._position < len(self._header):
            return self._header[self._position : self._position + most]
        index = bisect_right(self._starts, self._position) - 1
        within = self._position - self._starts[index]
        most = min(most, self._starts[index + 1] - self._position)
        frame = self._open_frame(index)
        if within < len(self._first):
            return self._first[within : within + most]
        skipped = self._cineon_offset - HEADER_BYTES if self._is_cineon else 0
        if frame.tell() != within + skipped:
            frame.seek(within + skipped)
        data = frame.read(most)
        if not data:
            raise SourceDamaged(
                printable(self._table.key(index)),
                f"it ends after {within + skipped} of {self._table.sizes[index]} bytes",
                "Copy it again from the original",
            )
        if self._inspect and index > self._inspected:
            self._collect(index, within, data, self._inspect)
        return data

    def _collect(self, index: int, within: int, data: bytes, inspect: InspectFrame) -> None:
        """Keep the bytes of the frame that is being read, and pass it on when it is complete."""
        if within == 0:
            self._seen.clear()
        if len(self._seen) != within:
            return
        self._seen += data
        if len(self._seen) == self._table.sizes[index]:
            self._inspected = index
            inspect(self._table.key(index), bytes(self._seen))
            self._seen.clear()

    def _open_frame(self, index: int) -> BinaryIO:
        if self._frame is not None and self._opened == index:
            return self._frame
        self._close_frame()
        key = self._table.key(index)
        self._frame = frame = self._store.open(key, etag=self._table.etags[index])
        self._opened = index
        if expect_end := getattr(frame, "expect_end", None):
            expect_end(self._table.sizes[index])
        if self._is_cineon:
            self._first = self._dpx_header(index, frame.read(HEADER_BYTES))
        return frame

    def _close_frame(self) -> None:
        if self._frame is not None:
            self._frame.close()
        self._frame, self._opened = None, -1

    def _image_offset(self, index: int) -> int:
        with self._store.open(self._table.key(index), etag=self._table.etags[index]) as reader:
            header = read_frame_header(reader.read(HEADER_BYTES))
        return header.image_offset if header else HEADER_BYTES

    def _dpx_header(self, index: int, head: bytes) -> bytes:
        key = printable(self._table.key(index))
        try:
            found = dpx_header_of_cineon(head)
        except (ValueError, IndexError) as error:
            raise SourceUnsupported(key, str(error), "Convert it to DPX") from error
        header = read_frame_header(head)
        if header and header.image_offset != self._cineon_offset:
            raise SourceUnsupported(
                key,
                f"its picture begins at byte {header.image_offset}, that of the first frame at"
                f" {self._cineon_offset}",
                "Convert the sequence to DPX",
            )
        return found

    def _sample_sizes(self) -> array[int]:
        if not self._is_cineon:
            return self._table.sizes
        more = HEADER_BYTES - self._cineon_offset
        return array("q", (max(HEADER_BYTES, size + more) for size in self._table.sizes))


def _quicktime_header(table: SequenceTable, sizes: array[int]) -> bytes:
    """Return all boxes up to the first frame; 4 bytes per frame.

    A tick is 1 / numerator of the rate, and a frame takes as many as the denominator, so that all
    times are exact. The frame before a gap in the numbers is shown until the next one.
    """
    ticks = table.rate.denominator
    durations = [(after - before) * ticks for before, after in pairwise(table.numbers)] + [ticks]
    head = _box(b"ftyp", b"qt  \0\0\0\0qt  ")
    # The offset of the frames does not change the size of the box that holds it.
    first_offset = len(head) + len(_movie_box(table, sizes, durations, 0)) + 16
    movie = _movie_box(table, sizes, durations, first_offset)
    return head + movie + struct.pack(">I4sQ", 1, b"mdat", sum(sizes) + 16)


def _movie_box(
    table: SequenceTable, sizes: array[int], durations: list[int], first_offset: int
) -> bytes:
    total = sum(durations)
    media = _box(
        b"mdia",
        _full(b"mdhd", _times(table.rate, total, 4), version=1),
        _full(b"hdlr", b"mhlrvide" + bytes(13)),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8)),
            _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url "))),
            _sample_table(table, sizes, durations, first_offset),
        ),
    )
    track = _box(b"trak", _full(b"tkhd", _track_header(total), version=1), media)
    return _box(b"moov", _full(b"mvhd", _times(table.rate, total, 80), version=1), track)


def _sample_table(
    table: SequenceTable, sizes: array[int], durations: list[int], first_offset: int
) -> bytes:
    """Return where the frames are, how long each is shown, and their codec."""
    entry = struct.pack(
        ">6xH16xHHII4xH32shh",
        1, _PLACEHOLDER, _PLACEHOLDER, 0x480000, 0x480000, 1, b"", 24, -1,
    )  # fmt: skip
    runs = list(_runs(durations))
    times = b"".join(struct.pack(">II", *run) for run in runs)
    codec = _box(_CODEC_TAGS[table.pattern.suffix.lower()], entry)
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
