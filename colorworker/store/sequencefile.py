"""All frames of an image sequence as one QuickTime file, made while it is read.

    with open_version(store, "reel7/scan_%06d.dpx", version="sequence:24/1") as film: ...

A header that lists sizes and durations comes first, then the frames' files one after the other, as
they are. So everything that reads films reads sequences, by ranges and from any store. Nothing is
written. Cineon frames get the header of a DPX file, and frames of light (OpenEXR) are converted to
DPX.
"""

from __future__ import annotations  # array[int] exists for type checkers only

import io
from array import array
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple, cast

from colorworker.domain.exrheaders import HEADER_BYTES as EXR_HEADER_BYTES
from colorworker.domain.exrheaders import MOST_PIXELS, read_exr_header
from colorworker.domain.frameheaders import (
    HEADER_BYTES,
    dpx_bytes,
    dpx_header,
    dpx_header_of_cineon,
    read_frame_header,
    start_timecode,
)
from colorworker.domain.sequences import (
    FramePattern,
    FrameTally,
    is_light,
    parse_pattern,
    sequence_depth,
    sequence_rate,
    version_of_etag,
)
from colorworker.errors import (
    KeyMissing,
    SourceChanged,
    SourceDamaged,
    SourceTooLarge,
    SourceUnsupported,
)
from colorworker.store.keys import printable
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.quicktimeheader import quicktime_header
from colorworker.store.sizedreader import SizedReader

_CODEC_TAGS = {
    ".dpx": b"dpx ",
    ".cin": b"dpx ",
    ".exr": b"dpx ",
    ".png": b"png ",
    ".tif": b"tiff",
    ".tiff": b"tiff",
    ".jpg": b"jpeg",
    ".jpeg": b"jpeg",
}
_HEADS = {".dpx": HEADER_BYTES, ".cin": HEADER_BYTES, ".exr": EXR_HEADER_BYTES}
"""Bytes of a frame that say something about the film, by extension."""
InspectFrame = Callable[[str, bytes], None]
"""Called with the key and the file of a frame."""
ConvertFrame = Callable[[int, str, bytes, bytes], bytes]
"""Returns the DPX file of a frame of light, from its place in the sequence, its key, its file and
the header that the DPX file must have."""


class SequenceTable(NamedTuple):
    """The frames of a sequence in order of their numbers, as a store lists them."""

    pattern: FramePattern
    rate: Fraction
    numbers: array[int]
    sizes: array[int]
    etags: tuple[str, ...]
    head: bytes
    """The beginning of the first frame, if its header says something about the film."""

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
    convert: ConvertFrame | None = None,
) -> BinaryIO:
    """Open an asset: an object, or the film that an image sequence forms.

    Args:
        store: The store it lies in.
        key: Its key; the pattern of a sequence.
        etag: What it must be; None to take what is there.
        version: The asset's version, see `Asset`.
        inspect: Called with each frame of a sequence that is read from its start to its end.
        convert: Converts frames of light, which cannot be read without.

    Raises:
        SourceChanged: If it is no longer what was listed.
        SourceUnsupported: If the frames' files cannot be part of a QuickTime file.
    """
    rate = sequence_rate(version)
    if rate is None:
        return store.open(key, etag=etag, version=version)
    table = sequence_table(store, key, rate, etag)
    if is_light(key):
        if convert is None:
            raise ValueError(f"{key}: frames of light need a converter")
        light = LightFrames(table, sequence_depth(version), convert)
        return cast(BinaryIO, SequenceFile(store, table, inspect, light))
    return cast(BinaryIO, SequenceFile(store, table, inspect))


def version_info(store: ObjectStore, key: str, version: str) -> ObjectInfo:
    """Return the size and the ETag of an asset as `list_one` does, also of a sequence."""
    rate = sequence_rate(version)
    if rate is None:
        return store.list_one(key, version=version)
    tally = _tally(_listed(store, key, rate))
    return ObjectInfo(key, tally.size_bytes, tally.etag(version))


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
    if _tally(table).etag(version_of_etag(etag)) != etag:
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
    head = b""
    if wanted := _HEADS.get(pattern.suffix.lower()):
        with store.open(pattern.frame(numbers[0]), etag=etags[0]) as reader:
            head = reader.read(wanted)
    return SequenceTable(pattern, rate, array("q", numbers), array("q", sizes), etags, head)


class LightFrames:
    """How the frames of light of one sequence become DPX files of one size."""

    def __init__(self, table: SequenceTable, bit_depth: int, convert: ConvertFrame) -> None:
        """Read the size of the frames.

        Raises:
            SourceTooLarge: If its header declares too many pixels.
            SourceUnsupported: If the first frame has no readable header.
        """
        header, key = read_exr_header(table.head), printable(table.key(0))
        if header is None:
            raise SourceUnsupported(key, "its header is not one of OpenEXR", "Check the file")
        if min(header.width, header.height) < 1 or header.width * header.height > MOST_PIXELS:
            seen = f"its header declares {header.width} x {header.height} pixels"
            raise SourceTooLarge(key, f"{seen}, {MOST_PIXELS} are allowed", "Check the file")
        size = header.width, header.height, bit_depth
        self._header = dpx_header(*size, big_endian=False, is_log=False)
        self._convert = convert
        self.size_bytes = dpx_bytes(*size)
        self.timecode = header.timecode

    def convert(self, index: int, key: str, data: bytes) -> BinaryIO:
        """Return the DPX file of a frame."""
        return io.BytesIO(self._convert(index, key, data, self._header))


class SequenceFile(SizedReader):
    """The QuickTime file of a sequence. One frame is open at a time. Not thread-safe."""

    def __init__(
        self,
        store: ObjectStore,
        table: SequenceTable,
        inspect: InspectFrame | None = None,
        light: LightFrames | None = None,
    ) -> None:
        """Start at offset 0; the store stays open. See `open_version` for `inspect`."""
        self._inspect, self._seen = inspect, bytearray()
        self._light = light
        self._inspected = -1
        """The last frame that was inspected."""
        self._store, self._table = store, table
        self._is_cineon = table.pattern.suffix.lower() == ".cin"
        header = read_frame_header(table.head)
        self._cineon_offset = 0
        if self._is_cineon:
            self._cineon_offset = header.image_offset if header else HEADER_BYTES
        sizes = self._sample_sizes()
        codec_tag = _CODEC_TAGS[table.pattern.suffix.lower()]
        timecode = light.timecode if light else header.timecode if header else ""
        self._header = quicktime_header(
            codec_tag, table.rate, table.numbers, sizes, start_timecode(timecode, table.rate)
        )
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
        frame = self._store.open(key, etag=self._table.etags[index])
        if expect_end := getattr(frame, "expect_end", None):
            expect_end(self._table.sizes[index])
        if self._light:
            with frame as opened:
                frame = self._light.convert(index, key, opened.read())
        self._frame, self._opened = frame, index
        if self._is_cineon:
            self._first = self._dpx_header(index, frame.read(HEADER_BYTES))
        return frame

    def _close_frame(self) -> None:
        if self._frame is not None:
            self._frame.close()
        self._frame, self._opened = None, -1

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
        if self._light:
            return array("q", [self._light.size_bytes]) * len(self._table.numbers)
        if not self._is_cineon:
            return self._table.sizes
        more = HEADER_BYTES - self._cineon_offset
        return array("q", (max(HEADER_BYTES, size + more) for size in self._table.sizes))
