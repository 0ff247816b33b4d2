"""What the header of a JPEG 2000 says about its samples.

Source:
    ISO/IEC 15444-1, A.5.1 (SIZ) and annex I (pclr and colr boxes).
"""

from pathlib import Path

_SIZ = b"\xff\x4f\xff\x51"
_COUNT_PLACE, _SAMPLES_PLACE = 40, 42
_HEAD_BYTES = 1 << 20
_SYCC = b"colr\x01\0\0\0\0\0\x12"
_PALETTE = b"pclr"
_SIGN = 0x80
_BYTE_BITS = 8
_MAX_COMPONENTS = 16384


def needs_pillow(path: Path) -> bool:
    """Return whether OpenImageIO would read this JPEG 2000 wrongly, and Pillow reads it rightly.

    OpenImageIO shifts subsampled components and ignores palettes. Pillow makes 8 bits of more.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    bits, subsampled = _samples(head)
    return bits <= _BYTE_BITS or subsampled or _PALETTE in head or _SYCC in head


def loses_bits_in_pillow(path: Path) -> bool:
    """Return whether the picture has more than 8 bits in several components."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    place = head.find(_SIZ)
    count = int.from_bytes(head[place + _COUNT_PLACE : place + _SAMPLES_PLACE], "big")
    return place >= 0 and count > 1 and _samples(head)[0] > _BYTE_BITS


def _samples(head: bytes) -> tuple[int, bool]:
    """Return the most bits of a component, and whether any is subsampled."""
    place = head.find(_SIZ)
    if place < 0:
        return 0, False
    count = int.from_bytes(head[place + _COUNT_PLACE : place + _SAMPLES_PLACE], "big")
    start = place + _SAMPLES_PLACE
    parts = head[start : start + 3 * min(count, _MAX_COMPONENTS)]
    depths = [(depth & ~_SIGN) + 1 for depth in parts[::3]]
    steps = (*parts[1::3], *parts[2::3])
    return max(depths, default=0), any(step != 1 for step in steps)
