"""A small notice "COLORIZED" for a corner of a picture: its place and its pixels.

White letters on a black box are legible on any picture. They are drawn from a table of dots,
because fonts differ between machines and the parts of a film must not.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
"""True for the pixels of letters, False for the black of the box."""

_LETTERS = {
    "C": ".###. #...# #.... #.... #.... #...# .###.",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "I": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "Z": "##### ....# ...#. ..#.. .#... #.... #####",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "D": "####. #...# #...# #...# #...# #...# ####.",
}
_WORD = "COLORIZED"
_DOTS_DOWN, _DOTS_ACROSS = 7 + 4, 6 * len(_WORD) + 3
"""Size of the box: letters of 5 x 7 dots, one dot apart, with a border of two dots."""
_DOTS_TO_EDGE = 2
_LARGEST_SHARE = 0.5
"""Maximum width of the box, as a share of the picture's width."""
_DOTS_IN_HEIGHT = 240
"""Height of the picture in dots, as far as dots of whole pixels allow."""
_SMALLEST_DOT = 2
"""Pixels per dot that survive a lossy encoder; dots are smaller only if there is no room."""


@dataclass(frozen=True)
class Box:
    """Place and pixels of the notice: rows top <= row < top + height, columns likewise."""

    top: int
    left: int
    mask: Mask
    """(height, width)."""

    @property
    def height(self) -> int:
        """Height of the box in pixels."""
        return int(self.mask.shape[0])

    @property
    def width(self) -> int:
        """Width of the box in pixels."""
        return int(self.mask.shape[1])


def notice_box(
    height: int, width: int, aspect: Fraction = Fraction(1), grid: int = 1
) -> Box | None:
    """Return the notice for the lower right corner of an upright picture.

    Args:
        height: Height of the picture in pixels.
        width: Width of the picture in pixels.
        aspect: Pixel aspect ratio, width / height.
        grid: The box begins and ends at multiples of this many pixels, so that it covers whole
            chroma samples.

    Returns:
        The box; None if the picture is too small for it.
    """
    down = max(_SMALLEST_DOT, round(height / _DOTS_IN_HEIGHT))
    # With dots of one pixel the box may be as wide as the picture.
    while down > 1 and _DOTS_ACROSS * _across(down, aspect) > _LARGEST_SHARE * width:
        down -= 1
    across = _across(down, aspect)
    mask = _mask(down, across, grid)
    if mask.shape[0] > height or mask.shape[1] > width:
        return None
    top = max(0, height - mask.shape[0] - _DOTS_TO_EDGE * down) // grid * grid
    left = max(0, width - mask.shape[1] - _DOTS_TO_EDGE * across) // grid * grid
    return Box(top, left, mask)


def _across(down: int, aspect: Fraction) -> int:
    return max(1, round(down / aspect))


def _mask(down: int, across: int, grid: int) -> Mask:
    dots = np.zeros((_DOTS_DOWN, _DOTS_ACROSS), bool)
    for place, letter in enumerate(_WORD):
        rows = [[dot == "#" for dot in row] for row in _LETTERS[letter].split()]
        dots[2:9, 2 + 6 * place : 7 + 6 * place] = rows
    mask = np.kron(dots, np.ones((down, across), bool))
    return np.pad(mask, [(0, -side % grid) for side in mask.shape])
