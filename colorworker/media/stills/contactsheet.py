"""Many small pictures of one size in one JPEG, in rows; it costs a store one object."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyvips

Picture = npt.NDArray[np.uint8]
"""sRGB codes, (h, w, 3)."""

COLUMNS = 10
_MOST_SIDE = 65_500
"""Pixels that a JPEG can be high."""


def contact_sheet(pictures: Sequence[Picture], quality: int = 80) -> bytes:
    """Return the pictures in rows of COLUMNS as a JPEG; as many as fit into one.

    Args:
        pictures: At least one; all of one shape.
        quality: Of the JPEG.

    Raises:
        ValueError: If there is none, or shapes differ.
    """
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise ValueError(f"{len(pictures)} pictures of {len(shapes)} shapes make no sheet")
    ((height, width, _),) = shapes
    count = min(len(pictures), _MOST_SIDE // height * COLUMNS)
    sheet = np.zeros((-(-count // COLUMNS) * height, min(count, COLUMNS) * width, 3), np.uint8)
    for number, picture in enumerate(pictures[:count]):
        cell_view(sheet, number, height, width)[:] = picture
    image = pyvips.Image.new_from_array(sheet).copy(interpretation="srgb")
    return bytes(image.jpegsave_buffer(Q=quality, optimize_coding=True, keep="none"))


def read_contact_sheet(jpeg: bytes, count: int, height: int, width: int) -> list[Picture]:
    """Return the pictures of a sheet that `contact_sheet` made."""
    sheet = pyvips.Image.new_from_buffer(jpeg, "").numpy()
    return [cell_view(sheet, number, height, width) for number in range(count)]


def cell_view(sheet: Picture, number: int, height: int, width: int) -> Picture:
    """Return the part of a sheet where its picture of this number lies, as a view."""
    top, left = number // COLUMNS * height, number % COLUMNS * width
    return sheet[top : top + height, left : left + width]
