"""Pictures for references: gray ones to color, and what colored ones hold."""

from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.lab import Floats
from colorworker.errors import SourceTooLarge, SourceUnsupported
from colorworker.media.stills.imagesource import ImageSource
from colorworker.media.stills.loaders import open_image
from colorworker.media.stills.picture import open_still

_LOADERS = ("jpeg", "png")
_GRAY = 4.0
"""Chroma that a thousandth of a picture must exceed, or it is gray."""


def check_header(reader: BinaryIO, key: str, max_pixels: int) -> None:
    """Check the header of a reference, without decoding it.

    Raises:
        SourceDamaged: If there is no picture in it.
        SourceTooLarge: If it has more than `max_pixels` pixels.
        SourceUnsupported: If it is neither JPEG nor PNG, or has no color.
    """
    source = ImageSource(reader, key)
    try:
        image, loader = open_image(source)
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise SourceTooLarge(
                key,
                f"its header declares {image.width} x {image.height} pixels, {max_pixels} are"
                " allowed; it is not used",
                "Make it as large as the film's frames",
            )
        if loader not in _LOADERS:
            raise SourceUnsupported(
                key,
                f"it is a {loader} with the name of another format; it is not used",
                "Save it as PNG or JPEG",
            )
        if image.bands - int(image.hasalpha()) < 3:
            raise no_color(key)
    finally:
        source.close()


def no_color(key: str) -> SourceUnsupported:
    """Return the error for a reference in gray."""
    return SourceUnsupported(key, "it is gray, so it is not used", "Color it, or delete it")


def require_color(lab: Floats, key: str) -> None:
    """Refuse a picture that is gray, although it is stored in color.

    Args:
        lab: L*a*b*, (h, w, 3).
        key: Its key, for the error.

    Raises:
        SourceUnsupported: If it is gray.
    """
    if np.percentile(np.hypot(lab[..., 1], lab[..., 2]), 99.9) < _GRAY:
        raise no_color(key)


def reference_lab(reader: BinaryIO, key: str, max_pixels: int, short_side: int) -> Floats:
    """Return the upright picture as L*a*b*, float32 (h, w, 3), reduced to `short_side` or smaller.

    Raises:
        SourceDamaged: If it does not decode completely.
        SourceTooLarge: If it has more than `max_pixels` pixels.
        SourceUnsupported: If its format is not supported.
    """
    with open_still(reader, key, max_pixels=max_pixels) as picture:
        height, width = picture.info.upright_height, picture.info.upright_width
        scale = min(1.0, short_side / min(height, width))
        return picture.proxy(max(1, round(height * scale)), max(1, round(width * scale)))


def gray_png(codes: npt.NDArray[np.unsignedinteger]) -> bytes:
    """Return a gray PNG of full-range codes, (h, w), uint8 or uint16."""
    tone = "b-w" if codes.dtype == np.uint8 else "grey16"
    image = pyvips.Image.new_from_array(np.ascontiguousarray(codes)).copy(interpretation=tone)
    return bytes(image.pngsave_buffer())
