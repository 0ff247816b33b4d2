"""Find out whether a Netpbm file holds more than one picture; the libraries read the first one.

Source:
    Netpbm, pbm(5), pgm(5) and ppm(5): any number of raw pictures may follow each other; plain ones
    are alone. pfm(5) has one.
"""

import re
from pathlib import Path

_TOKENS = re.compile(rb"(?:\s+|#[^\n]*\n)*(\d+)")
_HEAD_BYTES = 1 << 16
_SAMPLES = {b"P4": 1, b"P5": 1, b"P6": 3}
_BITMAP = b"P4"
_NEXT = re.compile(rb"\s*P[1-6]\s")


def has_more(path: Path) -> bool:
    """Return whether another picture follows the first; False for headers that do not parse."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        magic = head[:2]
        if magic not in _SAMPLES:
            return False
        numbers, at = [], 2
        for _ in range(2 if magic == _BITMAP else 3):
            found = _TOKENS.match(head, at)
            if not found:
                return False
            numbers.append(int(found[1]))
            at = found.end()
        width, height, top = (*numbers, 1)[:3]
        samples = width * _SAMPLES[magic]
        row_bytes = -(-samples // 8) if magic == _BITMAP else samples * (1 if top < 256 else 2)
        file.seek(at + 1 + row_bytes * height)
        return _NEXT.match(file.read(16)) is not None
