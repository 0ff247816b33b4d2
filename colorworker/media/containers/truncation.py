"""Detect truncated files by the sizes in the headers of their outermost boxes.

Demuxers play half a file without complaint, but an archive must not take it for the whole film.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from colorworker.media.containers.readat import read_at

ISO_PADDING = frozenset({b"free", b"skip", b"wide"})
ISO_FIRST_BOXES = ISO_PADDING | {b"ftyp", b"styp", b"moov", b"mdat", b"pnot", b"moof", b"sidx"}
EBML_MAGIC = b"\x1a\x45\xdf\xa3"
SEGMENT_ID = b"\x18\x53\x80\x67"
_SAMPLE_COUNT = re.compile(rb"(?:\x00{3}\x01trun.{8}|trun).{4}(.{4})", re.DOTALL)
"""In a track run, whose length has 32 or 64 bits."""
TS_SYNC, TS_PACKET_BYTES = b"\x47", 188
_MOST_BOX_BYTES = 1 << 20
"""Headers of a fragmented film and of its fragments have no long index, so they are small."""
_MOST_BOXES_AT_START = 1000
"""Before the first media data there are a handful; malicious files contain millions."""
RIFF_UNFINISHED = frozenset({0, 0xFFFFFFFF})
"""Sizes that recorders leave in a RIFF header until they are stopped properly."""


@dataclass(frozen=True)
class FileExtent:
    """How long a file is, and how long it should be by its outermost boxes."""

    size_bytes: int
    promised_bytes: int
    """Total size of the boxes; `size_bytes` if the format does not declare one."""
    index_missing: bool = False
    """Whether it is an MP4 or MOV without `moov`, the box that locates the frames."""
    may_be_complete: bool = False
    """Whether only the size of the last box, which holds the frames, exceeds the file: all frames
    of an MP4 or MOV may still be there, which its index tells."""
    part: str = ""
    """A clause that says which part of a film in several files this is; empty if it is whole."""
    ragged_bytes: int = 0
    """Bytes after the last whole packet of a transport stream."""
    claimed_samples: int = 0
    """Most samples, such as frames, that one run of a fragmented MP4 claims to hold."""

    @property
    def missing_bytes(self) -> int:
        """Promised bytes that are missing."""
        return max(0, self.promised_bytes - self.size_bytes)


def read_extent(reader: BinaryIO) -> FileExtent:
    """Return the extent by the outermost boxes of MP4, MOV, Matroska, WebM and AVI.

    Other formats do not declare their size; only transport streams are checked for a cut packet.

    Source:
        ISO/IEC 14496-12 section 4.2 (boxes), RFC 8794 sections 4 to 6 (EBML), and Microsoft's
        "AVI RIFF File Reference" with the OpenDML extension (several RIFF chunks in a row).
    """
    size_bytes = reader.seek(0, 2)
    head = read_at(reader, 0, 16)
    if head[4:8] in ISO_FIRST_BOXES:
        return _iso_extent(reader, size_bytes)
    if head[:4] == EBML_MAGIC:
        return FileExtent(size_bytes, _matroska_end(reader, size_bytes))
    if head[:4] == b"RIFF":
        return FileExtent(size_bytes, _riff_end(reader, size_bytes))
    return FileExtent(
        size_bytes, size_bytes, ragged_bytes=_bytes_after_last_packet(head, size_bytes)
    )


def claimed_at_start(reader: BinaryIO) -> int:
    """Return the most samples that a run claims up to the first media data of an MP4 or MOV.

    Demuxers read these headers when they open a file, and make room for all samples.
    """
    if read_at(reader, 4, 4) not in ISO_FIRST_BOXES:
        return 0
    most = 0
    boxes = islice(_iso_boxes(reader, reader.seek(0, 2)), _MOST_BOXES_AT_START)
    for name, start, end in boxes:
        if name == b"mdat":
            break
        if name == b"moof":
            most = max(most, _claimed_samples(reader, start, end))
    return most


def explain_open_failure(reader: BinaryIO) -> str:
    """Return a clause saying why no demuxer opens a file; empty if its bytes do not tell."""
    extent = read_extent(reader)
    if extent.size_bytes == 0:
        return "it is empty"
    if extent.index_missing:
        cut = f", {extent.missing_bytes} bytes are missing" if extent.missing_bytes else ""
        return f"the file ends before its index (moov atom not found){cut}"
    if extent.missing_bytes:
        return describe_missing_bytes(extent)
    return ""


def describe_missing_bytes(extent: FileExtent) -> str:
    """Return a clause saying how much of the file is there."""
    return (
        f"the file is truncated: {extent.size_bytes} of {extent.promised_bytes} bytes are present"
    )


def _bytes_after_last_packet(head: bytes, size_bytes: int) -> int:
    """Return the bytes after the last whole packet of a transport stream, also of M2TS."""
    for start, packet_bytes in ((0, TS_PACKET_BYTES), (4, TS_PACKET_BYTES + 4)):
        if head[start : start + 1] == TS_SYNC:
            return size_bytes % packet_bytes
    return 0


def _iso_extent(reader: BinaryIO, size_bytes: int) -> FileExtent:
    promised, name, claimed = size_bytes, b"", 0
    names, expects_fragments = set[bytes](), False
    for name, start, end in _iso_boxes(reader, size_bytes):
        names.add(name)
        if name == b"moov":
            expects_fragments = b"mvex" in read_at(reader, start, min(end - start, _MOST_BOX_BYTES))
        elif name == b"moof":
            claimed = max(claimed, _claimed_samples(reader, start, end))
        if name not in ISO_PADDING:
            promised = max(promised, end)
    return FileExtent(
        size_bytes,
        promised,
        index_missing=b"moov" not in names,
        part=_part(names, expects_fragments=expects_fragments),
        may_be_complete=b"moov" in names and name == b"mdat",
        claimed_samples=claimed,
    )


def _iso_boxes(reader: BinaryIO, size_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the outermost boxes; the last one may end beyond the file."""
    start = 0
    while start + 8 <= size_bytes:
        header = read_at(reader, start, 16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        elif length == 0:
            length = size_bytes - start
        if length < 8:
            return
        yield header[4:8], start, start + length
        start += length


def _claimed_samples(reader: BinaryIO, start: int, end: int) -> int:
    """Return the most samples of a track run in a fragment (ISO/IEC 14496-12, 8.8.8)."""
    data = read_at(reader, start, min(end - start, _MOST_BOX_BYTES))
    return max(
        (int.from_bytes(found[1], "big") for found in _SAMPLE_COUNT.finditer(data)), default=0
    )


def _part(names: set[bytes], *, expects_fragments: bool) -> str:
    """Return which part of a film that is spread over several files has these outermost boxes."""
    if b"moov" not in names and b"moof" in names:
        return "it is a segment of a film whose header is in another file (DASH or HLS)"
    if expects_fragments and not names & {b"moof", b"mdat"}:
        return "it is the header of a film whose frames are in other files (DASH or HLS)"
    return ""


def _matroska_end(reader: BinaryIO, size_bytes: int) -> int:
    _, header_bytes, length_bytes = _ebml_length(read_at(reader, 4, 8))
    segment = 4 + length_bytes + header_bytes
    head = read_at(reader, segment, 12)
    if head[:4] != SEGMENT_ID or len(head) < 12:
        return size_bytes
    known, payload_bytes, length_bytes = _ebml_length(head[4:])
    return max(size_bytes, segment + 4 + length_bytes + payload_bytes) if known else size_bytes


def _ebml_length(data: bytes) -> tuple[bool, int, int]:
    """Return whether an EBML length is known, the length, and how many bytes it takes."""
    if not data:
        return False, 0, 1
    width = 9 - data[0].bit_length()
    bits = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return bits != (1 << 7 * width) - 1, bits, width


def _riff_end(reader: BinaryIO, size_bytes: int) -> int:
    offset = 0
    while True:
        header = read_at(reader, offset, 8)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or length in RIFF_UNFINISHED:
            return size_bytes
        end = offset + 8 + length
        if end > size_bytes:
            return end
        offset = end + length % 2
