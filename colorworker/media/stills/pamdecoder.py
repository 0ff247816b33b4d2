"""Decode PAM, Netpbm's format P7 with any channels, which none of our libraries read.

Source:
    Netpbm, pam(5): header lines up to ENDHDR, then rows of samples from 0 to MAXVAL, of one byte,
    or of two, high byte first, if MAXVAL is above 255.
"""

from pathlib import Path

import numpy as np

from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.decoded import (
    MORE_PICTURES,
    DecodedStill,
    Layout,
    check_pixels,
    store_rows,
)
from colorworker.media.stills.port import UNASSOCIATED_ALPHA

_HEADER_BYTES = 1 << 16
_MAGIC = b"P7\n"
_END = b"ENDHDR\n"
_KINDS = {
    "BLACKANDWHITE": (1, 1),
    "GRAYSCALE": (1, 1),
    "RGB": (3, 3),
    "BLACKANDWHITE_ALPHA": (2, 1),
    "GRAYSCALE_ALPHA": (2, 1),
    "RGB_ALPHA": (4, 3),
}
"""Samples of a pixel, and how many of them are color, by type of tuple."""
_BLOCK_BYTES = 8 << 20
_RECOPY = "Compare it with the original and copy it again"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path`; see `decoders.decode`."""
    del page
    with path.open("rb") as file:
        head, end, _ = file.read(_HEADER_BYTES).partition(_END)
        fields = dict(line.split(maxsplit=1) for line in _lines(head) if " " in line)
        try:
            names = ("WIDTH", "HEIGHT", "DEPTH", "MAXVAL")
            width, height, depth, top = (int(fields[name]) for name in names)
            if not end or min(width, height, depth) < 1 or not 1 <= top <= 65535:
                raise ValueError
        except (KeyError, ValueError) as error:
            raise SourceDamaged(key, "its header is not one of a PAM", _RECOPY) from error
        kind = fields.get("TUPLTYPE", {1: "GRAYSCALE", 3: "RGB"}.get(depth, "none")).strip()
        samples, color = _KINDS.get(kind, (0, 0))
        if samples != depth:
            seen = f"its tuples are {kind} of {depth} samples, not gray or RGB"
            raise SourceUnsupported(key, seen, "Convert it to TIFF first")
        check_pixels(key, width, height, max_pixels, path.stat().st_size)
        stored = np.dtype(np.uint8 if top <= 255 else ">u2")
        found, needed = path.stat().st_size - len(head) - len(end), height * width * depth
        if found < needed * stored.itemsize:
            seen = f"{found} bytes, its pixels need {needed * stored.itemsize}"
            raise SourceDamaged(key, f"it does not decode completely ({seen})", _RECOPY)
        file.seek(len(head) + len(end))
        full = 255 if top <= 255 else 65535
        codes = np.rint(np.minimum(np.arange(full + 1), top) * (full / top)).astype(
            stored.newbyteorder("=")
        )
        row_bytes = width * depth * stored.itemsize
        step = max(1, _BLOCK_BYTES // row_bytes)
        blocks = (
            codes[np.frombuffer(file.read(row_bytes * rows), stored)].reshape(rows, width, depth)
            for rows in (min(step, height - start) for start in range(0, height, step))
        )
        extra = (UNASSOCIATED_ALPHA,) * (depth - color)
        layout = Layout(width, height, codes.dtype.name, color, extra)
        image = store_rows(key, layout, blocks, folder)
        has_more = file.read(len(_MAGIC)) == _MAGIC
    warnings = (MORE_PICTURES,) if has_more else ()
    return DecodedStill("pam", layout, image, is_bilevel=top == 1, warnings=warnings)


def _lines(head: bytes) -> list[str]:
    lines = head.decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if not line.startswith("#")]
