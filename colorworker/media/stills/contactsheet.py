"""Contact sheets: many small pictures of one size in one JPEG, which is one object in a store."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyvips

Picture = npt.NDArray[np.uint8]
"""sRGB codes, (h, w, 3)."""

COLUMNS = 10
_MAX_SIDE = 65_500
"""Maximum height of a JPEG in pixels, slightly rounded down."""


def contact_sheet(pictures: Sequence[Picture], quality: int = 80) -> bytes:
    """Return a JPEG with the pictures in rows of `COLUMNS`; pictures that do not fit are left out.

    Args:
        pictures: At least one picture; all of the same shape.
        quality: JPEG quality, 1 to 100.

    Raises:
        ValueError: If there are no pictures, or their shapes differ.
    """
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise ValueError(f"{len(pictures)} pictures of {len(shapes)} shapes, not of one")
    ((height, width, _),) = shapes
    count = min(len(pictures), _MAX_SIDE // height * COLUMNS)
    sheet = np.zeros((-(-count // COLUMNS) * height, min(count, COLUMNS) * width, 3), np.uint8)
    for number, picture in enumerate(pictures[:count]):
        cell_view(sheet, number, height, width)[:] = picture
    image = pyvips.Image.new_from_array(sheet).copy(interpretation="srgb")
    return bytes(image.jpegsave_buffer(Q=quality, optimize_coding=True, keep="none"))


def read_contact_sheet(jpeg: bytes, count: int, height: int, width: int) -> list[Picture]:
    """Return the first `count` pictures of a sheet made by `contact_sheet`."""
    sheet = pyvips.Image.new_from_buffer(jpeg, "").numpy()
    return [cell_view(sheet, number, height, width) for number in range(count)]


def cell_view(sheet: Picture, number: int, height: int, width: int) -> Picture:
    """Return a view of the part of a sheet that holds the picture with this number."""
    top, left = number // COLUMNS * height, number % COLUMNS * width
    return sheet[top : top + height, left : left + width]
