"""All frames of an image sequence as one QuickTime file, made while it is read.

    with open_version(store, "reel7/scan_%06d.dpx", version="sequence:24/1") as film: ...

A header that lists sizes and durations comes first, then the frames' files one after the other, as
they are. So everything that reads films reads sequences, by ranges and from any store. Nothing is
written.
"""

from __future__ import annotations  # array[int] exists for type checkers only

from array import array
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
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
from colorworker.store.quicktimeheader import quicktime_header
from colorworker.store.sizedreader import SizedReader

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
InspectFrame = Callable[[str, bytes], None]
"""Called with the key and the file of a frame."""


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


class SequenceFile(SizedReader):
    """The QuickTime file of a sequence. One frame is open at a time. Not thread-safe."""

    def __init__(
        self, store: ObjectStore, table: SequenceTable, inspect: InspectFrame | None = None
    ) -> None:
        """Start at offset 0; the store stays open. See `open_version` for `inspect`."""
        self._inspect, self._seen = inspect, bytearray()
        self._inspected = -1
        """The last frame that was inspected."""
        self._store, self._table = store, table
        self._is_cineon = table.pattern.suffix.lower() == ".cin"
        self._cineon_offset = self._image_offset(0) if self._is_cineon else 0
        sizes = self._sample_sizes()
        codec_tag = _CODEC_TAGS[table.pattern.suffix.lower()]
        self._header = quicktime_header(codec_tag, table.rate, table.numbers, sizes)
        self._starts = array("q", accumulate(sizes, initial=len(self._header)))
        super().__init__(self._starts[-1], table.pattern.key)
        self._opened = -1
        self._frame: BinaryIO | None = None
        self._first = b""
        """Bytes that replace the beginning of the open frame, up to the offset of its picture."""

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer; returns fewer bytes only at the end.

        Raises:
            SourceChanged: If a frame is no longer the one that was listed.
            SourceDamaged: If a frame is shorter than its size.
        """
        target = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(target) and self._position < self._size:
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
