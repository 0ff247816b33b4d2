"""What the tracks of MP4 and MOV files declare that libav does not pass on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from colorworker.media.containers.readat import read_at
from colorworker.media.containers.truncation import ISO_FIRST_BOXES

PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"tref"})
MAX_DEPTH = 8
"""How deep those are nested. Damaged and malicious files contain more levels."""
_MAX_BYTES = 1 << 20
"""Of the content of a box that is read."""
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
ENCRYPTED = frozenset({b"encv", b"enca", b"enct", b"encs", b"drmi", b"drms"})
"""Types of encrypted sample entries: ISO/IEC 14496-12 section 8.12, and Apple's FairPlay."""


@dataclass
class IsoTrack:
    """A track of an MP4 or MOV file; libav makes a stream of each, in this order."""

    track_id: int = 0
    entries: set[bytes] = field(default_factory=set)
    """Types of its sample entries."""
    language: str = ""
    """Its extended language (BCP 47), such as `pt-BR`; empty if it has none."""
    chapters: set[int] = field(default_factory=set)
    """IDs of the tracks that hold its chapters."""

    @property
    def is_encrypted(self) -> bool:
        """Whether its samples are encrypted."""
        return bool(self.entries & ENCRYPTED)


def read_iso_tracks(reader: BinaryIO) -> list[IsoTrack]:
    """Return the tracks of an MP4 or MOV file; none for other files. Reads its headers only.

    Source:
        ISO/IEC 14496-12 sections 8.3 (tracks), 8.4.6 (extended language), 8.5.2 (sample
        descriptions); for chapters, Apple's
        QuickTime File Format Specification, "Chapter Lists".
    """
    if _read(reader, 0, 8)[4:8] not in ISO_FIRST_BOXES:
        return []
    tracks: list[IsoTrack] = []
    for name, start, end in _boxes(reader, 0, reader.seek(0, 2)):
        if name == b"trak":
            tracks.append(IsoTrack())
        elif tracks:
            _note(tracks[-1], name, reader, start, end)
    return tracks


def has_xmp(reader: BinaryIO) -> bool:
    """Return whether an MP4 or MOV file has XMP metadata, which no muxer of libav writes.

    Source: ISO 16684-2 and Adobe's "XMP Specification, Part 3", sections 1.2.2 and 1.2.7.
    """
    if _read(reader, 0, 8)[4:8] not in ISO_FIRST_BOXES:
        return False
    start, size = 0, reader.seek(0, 2)
    while start + 8 <= size:
        name, payload, end = next(_boxes(reader, start, size), (b"", 0, 0))
        if name == b"uuid" and _read(reader, payload, 16) == XMP_UUID:
            return True
        if name == b"moov":
            inside = _boxes(reader, payload, end)
            user_data = (place for place in inside if place[0] == b"udta")
            if any(each[0] == b"XMP_" for _, *ends in user_data for each in _boxes(reader, *ends)):
                return True
        if end <= start:
            break
        start = end
    return False


def chapter_streams(reader: BinaryIO) -> frozenset[int]:
    """Return the indexes of the streams that hold another track's chapters."""
    tracks = read_iso_tracks(reader)
    named = {number for track in tracks for number in track.chapters}
    return frozenset(index for index, track in enumerate(tracks) if track.track_id in named)


def _note(track: IsoTrack, name: bytes, reader: BinaryIO, start: int, end: int) -> None:
    if name == b"tkhd":
        data = _read(reader, start, 24)
        at = 20 if data[:1] == b"\1" else 12
        track.track_id = int.from_bytes(data[at : at + 4], "big")
    elif name == b"stsd":
        # After version, flags and the number of entries.
        track.entries |= {entry for entry, *_ in _boxes(reader, start + 8, end)}
    elif name == b"elng":
        text = _read(reader, start + 4, end - start - 4)
        track.language = text.rstrip(b"\0").decode(errors="replace")
    elif name == b"chap":
        data = _read(reader, start, end - start)
        ids = (data[at : at + 4] for at in range(0, len(data), 4))
        track.chapters |= {int.from_bytes(each, "big") for each in ids}


def _boxes(
    reader: BinaryIO, start: int, end: int, depth: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, payload and end of all boxes in a range, up to the end of the movie box."""
    while start + 8 <= end:
        header = _read(reader, start, 16)
        length, name, payload = int.from_bytes(header[:4], "big"), header[4:8], start + 8
        if length == 1:
            length, payload = int.from_bytes(header[8:16], "big"), start + 16
        elif length == 0:
            length = end - start
        if length < payload - start:
            return
        start += length
        yield name, payload, start
        if name in PARENTS and depth < MAX_DEPTH:
            yield from _boxes(reader, payload, min(start, end), depth + 1)
        if name == b"moov":
            return


def _read(reader: BinaryIO, offset: int, count: int) -> bytes:
    return read_at(reader, offset, min(count, _MAX_BYTES))
