"""Verify the slice checksums in FFV1 packets.

libavcodec replaces a slice whose checksum is wrong by the previous frame's, and does not flag the
frame.
"""

import zlib
from collections.abc import Iterator

FOOTER_BYTES = 8
"""Footer of a slice with a checksum: 3 bytes of size, 1 of status, 4 of CRC."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_RESIDUE = 0xFFFFFFFF
"""What zlib.crc32 returns for data followed by its own CRC, if both start at 0."""


def has_checksums(packet: bytes) -> bool:
    """Return whether a packet consists of slices, at least one of them with a valid checksum."""
    return any(map(_is_right, _slices(packet)))


def is_damaged(packet: bytes) -> bool:
    """Return whether a packet of a film with checksums has a damaged slice.

    Source:
        RFC 9043 sections 4.8 and 4.9: slices are found from the packet's end by the sizes in their
        footers, and the CRC-32 of each (polynomial 0x04C11DB7, most significant bit first, initial
        value 0) has remainder 0. zlib processes the least significant bit first, so the bits of
        each byte are reversed for it.
    """
    found = list(_slices(packet))
    return sum(map(len, found)) != len(packet) or not all(map(_is_right, found))


def _slices(packet: bytes) -> Iterator[bytes]:
    end = len(packet)
    while end >= FOOTER_BYTES:
        footer = end - FOOTER_BYTES
        start = footer - int.from_bytes(packet[footer : footer + 3], "big")
        if start < 0:
            return
        yield packet[start:end]
        end = start


def _is_right(part: bytes) -> bool:
    return zlib.crc32(part.translate(_MIRRORED), _RESIDUE) == _RESIDUE
