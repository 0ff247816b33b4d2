"""The likely colors at a point of a picture (Zhang 2017)."""

from typing import BinaryIO

import numpy as np

from colorworker.color.colordistribution import LikelyColor, likely_colors
from colorworker.color.colorizerprotocol import Colorizer, Floats
from colorworker.errors import UsageError
from colorworker.media.stills.picture import open_still


def suggest_in_picture(
    reader: BinaryIO, key: str, colorizer: Colorizer, place: tuple[float, float], max_pixels: int
) -> tuple[LikelyColor, ...]:
    """Return the five most likely colors at a pixel of a file, the likeliest first.

    Args:
        reader: The picture, seekable.
        key: Its key, for errors.
        colorizer: Has the distribution of colors.
        place: x and y in pixels of the upright picture, from 0.
        max_pixels: Larger pictures are refused.

    Raises:
        UsageError: If the pixel lies outside, or the network has no distribution.
        SourceDamaged: If the picture does not decode.
        SourceTooLarge: If it has more than `max_pixels` pixels.
        SourceUnsupported: If its format is not supported.
    """
    with open_still(reader, key, max_pixels=max_pixels) as picture:
        size = picture.info.upright_height, picture.info.upright_width
        refuse_outside(place, size)
        lab = picture.proxy(*colorizer.working_shape(*size))
    return suggest_at(np.ascontiguousarray(lab[..., 0]), colorizer, place, size)


def suggest_at(
    lightness: Floats, colorizer: Colorizer, place: tuple[float, float], size: tuple[int, int]
) -> tuple[LikelyColor, ...]:
    """Return the five most likely colors at a pixel, the likeliest first.

    Args:
        lightness: L* at the colorizer's working shape, (h, w).
        colorizer: Has the distribution of colors.
        place: x and y in pixels of the full size, from 0.
        size: (height, width) of the full size.

    Raises:
        UsageError: If the pixel lies outside, or the network has no distribution.
    """
    refuse_outside(place, size)
    (x, y), (rows, columns) = place, lightness.shape
    possible = colorizer.distribution(lightness)
    return likely_colors(possible, lightness, y * rows / size[0], x * columns / size[1])


def refuse_outside(place: tuple[float, float], size: tuple[int, int]) -> None:
    """Refuse a point that lies outside of a picture.

    Raises:
        UsageError: If it does.
    """
    (x, y), (height, width) = place, size
    if not (0 <= x < width and 0 <= y < height):
        raise UsageError(
            f"point {x:g} {y:g}",
            f"lies outside the picture of {width} x {height}",
            "Give a column and a row in it, from 0",
        )
