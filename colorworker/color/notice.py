"""A small notice "COLORIZED" for a corner of a picture: where it goes and what it looks like.

White letters on a black box, so that it can be read on anything; drawn from a table of dots,
because fonts differ from machine to machine and a film's parts must not.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
"""True where a letter is; the rest of the box is its ground."""

_LETTERS = {
    "C": ".###. #...# #.... #.... #.... #...# .###.",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "U": "#...# #...# #...# #...# #...# #...# .###.",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "I": ".###. ..#.. ..#.. ..#.. ..#.. ..#.. .###.",
    "S": ".#### #.... #.... .###. ....# ....# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "D": "####. #...# #...# #...# #...# #...# ####.",
}
_WORD = "COLORIZED"
_DOTS_DOWN, _DOTS_ACROSS = 7 + 4, 6 * len(_WORD) + 3
"""Of the box: letters of 5 x 7 dots, one apart, with a border of two."""
_DOTS_TO_EDGE = 2
_LARGEST_SHARE = 0.5
"""Of the picture's width that the box may take."""
_DOTS_IN_HEIGHT = 240
"""A picture is so many dots high, as far as whole pixels allow it."""
_SMALLEST_DOT = 2
"""Pixels that survive a lossy encoder, where there is room for them."""


@dataclass(frozen=True)
class Box:
    """Where the notice lies: rows top <= row < top + height, and columns alike."""

    top: int
    left: int
    mask: Mask
    """(height, width)."""

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.mask.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.mask.shape[1])


def notice_box(
    height: int, width: int, aspect: Fraction = Fraction(1), grid: int = 1
) -> Box | None:
    """Return the notice in the lower right corner of an upright picture; None if it has no room.

    Args:
        height: Of the picture, in pixels.
        width: The same.
        aspect: Of a pixel, its width by its height.
        grid: The box begins and ends at multiples of this many pixels, as chroma planes need it.
    """
    down = max(_SMALLEST_DOT, round(height / _DOTS_IN_HEIGHT))
    # The smallest one may fill the picture from side to side.
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
