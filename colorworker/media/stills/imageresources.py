"""Photoshop's image resources: blocks of metadata in JPEG, TIFF and PNG, among them IPTC.

Source:
    Adobe Photoshop file format specification (2019), image resource blocks.
"""

import struct
from collections.abc import Iterator

_HEAD = b"Photoshop 3.0\0"
"""What precedes them in a JPEG."""
_MARK = b"8BIM"
_IPTC = 1028
_THUMBNAILS = frozenset((1033, 1036))
"""Image resources that hold a JPEG thumbnail."""


def iptc_of(resources: bytes) -> bytes:
    """Return the IPTC among image resources; empty if there is none."""
    places = ((a, b) for number, a, b in _resources(resources) if number == _IPTC)
    return next((resources[start:end] for start, end in places), b"")


def resource_of_iptc(iptc: bytes) -> bytes:
    """Return IPTC as an image resource."""
    head = _MARK + struct.pack(">HxxI", _IPTC, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)


def without_photoshop_thumbnails(resources: bytes) -> bytes:
    """Return Photoshop's image resources without thumbnails; unchanged if they do not parse."""
    position = len(_HEAD) if resources.startswith(_HEAD) else 0
    kept = [resources[:position]]
    for number, _, data_end in _resources(resources, position):
        end = data_end + (data_end - position) % 2
        if number not in _THUMBNAILS:
            kept.append(resources[position:end])
        position = end
    kept.append(resources[position:])
    return b"".join(kept)


def _resources(resources: bytes, position: int = 0) -> Iterator[tuple[int, int, int]]:
    """Yield the number of each image resource, and where its data begins and ends."""
    while resources[position : position + 4] == _MARK and position + 12 <= len(resources):
        (number,) = struct.unpack_from(">H", resources, position + 4)
        start = position + 10 + ((resources[position + 6] + 2) & ~1)
        if start > len(resources):
            return
        (size,) = struct.unpack_from(">I", resources, start - 4)
        yield number, start, start + size
        position = start + size + size % 2
