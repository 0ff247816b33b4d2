"""The checksums in FFV1 packets, held against their slices.

libavcodec fills a slice with a wrong checksum from the frame before and does not flag the frame.
"""

import zlib
from collections.abc import Iterator

FOOTER_BYTES = 8
"""Of a slice with a checksum: 3 bytes of size, 1 of status, 4 of CRC."""
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_RESIDUE = 0xFFFFFFFF
"""zlib's word for a remainder of 0 when it starts from 0."""


def has_checksums(packet: bytes) -> bool:
    """Return whether a packet is made of slices of which at least one has a right checksum."""
    return any(map(_is_right, _slices(packet)))


def is_damaged(packet: bytes) -> bool:
    """Return whether a packet of a film with checksums has a slice that is not as it was written.

    Source:
        RFC 9043 sections 4.8 and 4.9: slices are found from the packet's end by the sizes in their
        footers, and the CRC-32 of each (polynomial 0x04C11DB7, most significant bit first, from 0)
        leaves 0. zlib's runs from the other end of each byte, so bytes are mirrored for it.
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
