"""Find out whether a JPEG XL is an animation; OpenImageIO returns its first picture as if alone.

Source:
    ISO/IEC 18181-1, annex D (SizeHeader and ImageMetadata), B.2 (order of bits); ISO/IEC 18181-2
    (boxes jxlc and jxlp).
"""

from pathlib import Path

_CODESTREAM = b"\xff\x0a"
_HEAD_BYTES = 1 << 16
_SIZE_BITS = (9, 13, 18, 30)


class _Bits:
    """Bits of the codestream, the lowest of each byte first."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value


def is_animation(path: Path) -> bool:
    """Return whether the header says so; False for files in which it is not found."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    start = 0
    if not head.startswith(_CODESTREAM):
        boxes = (head.find(b"jxlc") + 4, head.find(b"jxlp") + 8)
        start = next((at for at in boxes if head[at : at + 2] == _CODESTREAM), -1)
    if start < 0:
        return False
    bits = _Bits(head[start + 2 : start + 64])
    _skip_size(bits)
    all_default = bits.take(1)
    if all_default or not bits.take(1):
        return False
    bits.take(3)  # orientation
    if bits.take(1):
        _skip_size(bits)
    has_preview = bits.take(1)
    return not has_preview and bool(bits.take(1))


def _skip_size(bits: _Bits) -> None:
    small = bits.take(1)
    bits.take(5 if small else _SIZE_BITS[bits.take(2)])
    if not bits.take(3):  # no ratio: the width follows
        bits.take(5 if small else _SIZE_BITS[bits.take(2)])
