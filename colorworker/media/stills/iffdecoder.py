"""Decode IFF: Maya's with OpenImageIO, the Amiga's (ILBM, PBM, ACBM) with FFmpeg.

Source:
    EA IFF 85, "ILBM" IFF Interleaved Bitmap: a FORM's size and its chunks.
"""

from pathlib import Path

import av
import av.error
import numpy as np

from colorworker.errors import SourceDamaged
from colorworker.media.stills import oiiodecoder
from colorworker.media.stills.decoded import (
    DecodedStill,
    Layout,
    check_pixels,
    reason_of,
    store_rows,
)

_AMIGA = (b"ILBM", b"PBM ", b"ACBM")
_RECOPY = "Compare it with the original and copy it again"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path`; see `decoders.decode`."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[8:12] not in _AMIGA:
        return oiiodecoder.decode(path, key, folder, max_pixels, page)
    needed, found = int.from_bytes(head[4:8], "big") + 8, path.stat().st_size
    if found < needed:
        # FFmpeg would return black rows.
        seen = f"it does not decode completely ({found} bytes, its header declares {needed})"
        raise SourceDamaged(key, seen, _RECOPY)
    try:
        with av.open(str(path), format="iff") as container:
            stream = container.streams.video[0]
            check_pixels(key, stream.width, stream.height, max_pixels, path.stat().st_size)
            frame = next(container.decode(stream))
            pixels = frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, StopIteration, IndexError, ValueError) as error:
        seen = f"no picture can be read from it ({reason_of(error)})"
        raise SourceDamaged(key, seen, _RECOPY) from error
    layout = Layout(frame.width, frame.height, "uint8", 3)
    image = store_rows(key, layout, [np.ascontiguousarray(pixels)], folder)
    return DecodedStill("iff", layout, image)
