"""Write lossless JPEG 2000 and JPEG XL with OpenImageIO, which libvips' wheel does not write.

Both encoders hold the whole picture in memory.
"""

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pyvips

from colorworker.errors import StoreUnavailable
from colorworker.media.stills.smalljp2 import small_jp2

_DTYPES = {"uchar": "uint8", "ushort": "uint16"}
_ROWS = 256
_ICC = "icc-profile-data"
_MIN_JPEG_2000_SIDE = 32
"""OpenImageIO always asks for 5 halvings of the picture, and writes no pixels if it is smaller."""
_OPTIONS: dict[str, dict[str, str | int]] = {
    "jpeg2000": {},
    # Boxes are written by `boxwriter`. Effort 7, the default, takes 8 times as long as 3 for files
    # that are 1 to 30 % smaller.
    "jpegxl": {"compression": "jpegxl:100", "jpegxl:use_boxes": 0, "jpegxl:effort": 3},
}


def save(image: pyvips.Image, path: Path, format_name: str) -> None:
    """Write an RGB picture of 8 or 16 bits, with its ICC profile; alpha is not associated.

    Its pixels go through a temporary file beside `path`.

    Args:
        image: The picture, which is read once, from top to bottom.
        path: The file.
        format_name: `jpeg2000` or `jpegxl`.

    Raises:
        pyvips.Error: If a pixel does not decode or the temporary file cannot be written.
        StoreUnavailable: If the file cannot be written.
    """
    raw = path.with_name(f"{path.name}.raw")
    try:
        image.rawsave(str(raw))
        shape = image.height, image.width, image.bands
        _encode(np.memmap(raw, _DTYPES[image.format], "r", shape=shape), image, path, format_name)
    finally:
        raw.unlink(missing_ok=True)


def _encode(pixels: Any, image: pyvips.Image, path: Path, format_name: str) -> None:
    height, width, bands = pixels.shape
    profile = image.get(_ICC) if image.get_typeof(_ICC) else b""
    if format_name == "jpeg2000" and min(width, height) < _MIN_JPEG_2000_SIDE:
        path.write_bytes(small_jp2(pixels, profile))
        return
    spec = oiio.ImageSpec(width, height, bands, pixels.dtype.name)
    spec.attribute("oiio:UnassociatedAlpha", 1)
    for name, value in _OPTIONS[format_name].items():
        spec.attribute(name, value)
    if profile:
        values = np.frombuffer(profile, np.uint8)
        spec.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{values.size}]"), values)
    output = oiio.ImageOutput.create(format_name)
    if output is None:
        raise StoreUnavailable(
            path.name, f"OpenImageIO does not write {format_name}", "Reinstall it"
        )
    written = output.open(str(path), spec)
    for start in range(0, height, _ROWS):
        end = min(start + _ROWS, height)
        rows = np.ascontiguousarray(pixels[start:end])
        written = written and output.write_scanlines(start, end, 0, rows)
    if not (output.close() and written):
        said = output.geterror() or "the encoder gives no reason"
        raise StoreUnavailable(path.name, f"it cannot be written ({said})", "Check the disk")
