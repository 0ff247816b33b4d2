"""Find the streams of a film that are encrypted, which decoders would turn into noise."""

from collections.abc import Iterator
from typing import BinaryIO

from colorworker.errors import SourceUnsupported
from colorworker.media.containers import ebml
from colorworker.media.containers.isotracks import read_iso_tracks
from colorworker.media.containers.matroskasource import track_entries
from colorworker.media.containers.readat import read_at
from colorworker.media.containers.transportstream import scrambling

CONTENT_ENCODINGS, CONTENT_ENCODING, CONTENT_ENCRYPTION = 0x6D80, 0x6240, 0x5035
VIDEO_STREAM_IDS = range(0xE0, 0xF0)
PROBED_BYTES = 1 << 20
"""Bytes of a broadcast file that are searched for scrambled packets."""


def encrypted_streams(reader: BinaryIO) -> frozenset[int]:
    """Return the indexes, as libav counts them, of the streams of MP4, MOV or Matroska that are.

    Other containers do not say it in a header.

    Source:
        ISO/IEC 14496-12 section 8.12 and ISO/IEC 23001-7 (Common Encryption); RFC 9559 section
        5.1.4.1.31 (ContentEncodings).
    """
    flags = [track.is_encrypted for track in read_iso_tracks(reader)] or [
        _is_encrypted(entry) for entry in track_entries(reader)
    ]
    return frozenset(index for index, encrypted in enumerate(flags) if encrypted)


def encrypted(key: str) -> SourceUnsupported:
    """Return the error for a film whose picture is encrypted."""
    return SourceUnsupported(
        key, "its picture is encrypted", "Color a copy without copy protection"
    )


def is_scrambled(reader: BinaryIO, container: str, pid: int) -> bool:
    """Return whether most video packets at the start of a broadcast file are scrambled.

    Args:
        reader: The file, seekable.
        container: libav's name of its demuxer.
        pid: The stream's PID, in a transport stream.

    Source:
        ISO/IEC 13818-1: transport_scrambling_control (2.4.3.2), PES_scrambling_control (2.4.3.6).
    """
    data = read_at(reader, 0, PROBED_BYTES)
    flags = {"mpegts": scrambling, "mpeg": _ps_flags}.get(container)
    seen = [] if flags is None else list(flags(data, pid))
    return sum(seen) * 2 > len(seen)


def _ps_flags(data: bytes, _: int) -> Iterator[bool]:
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 7:
        if data[at + 3] in VIDEO_STREAM_IDS and data[at + 6] & 0xC0 == 0x80:
            yield bool(data[at + 6] & 0x30)
        at = data.find(b"\0\0\1", at + 3)


def _is_encrypted(entry: ebml.Node) -> bool:
    return any(
        encoding.find(CONTENT_ENCRYPTION)
        for encodings in entry.find_all(CONTENT_ENCODINGS)
        for encoding in encodings.find_all(CONTENT_ENCODING)
    )
