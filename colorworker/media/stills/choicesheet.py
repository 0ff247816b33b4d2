"""Pictures to choose from: numbered variants in one JPEG, and a map of certainty."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyvips

Picture = npt.NDArray[np.uint8]
"""sRGB codes, (h, w, 3)."""

_COLUMNS = 4
_GAP = 4
_DIGITS = (
    "111101101101111", "010110010010111", "111001111100111", "111001111001111",
    "101101111001001", "111100111001111", "111100111101111", "111001010010010",
    "111101111101111", "111101111001111",
)  # fmt: skip
"""The digits, three dots wide and five high, row by row."""
_DOT = 3
"""Pixels per dot."""


def numbered_sheet(pictures: Sequence[tuple[int, Picture]]) -> bytes:
    """Return a JPEG with the pictures in rows of four, each with its number in its corner.

    Args:
        pictures: Numbers and pictures; all of one shape, at least one.
    """
    height, width, _ = pictures[0][1].shape
    columns = min(len(pictures), _COLUMNS)
    rows = -(-len(pictures) // columns)
    shape = rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3
    sheet = np.full(shape, 255, np.uint8)
    for place, (number, picture) in enumerate(pictures):
        top, left = place // columns * (height + _GAP), place % columns * (width + _GAP)
        cell = sheet[top : top + height, left : left + width]
        cell[:] = picture
        label = _label(number)[:height, :width]
        cell[: label.shape[0], : label.shape[1]] = label[..., None]
    image = pyvips.Image.new_from_array(sheet).copy(interpretation="srgb")
    return bytes(image.jpegsave_buffer(Q=90, optimize_coding=True, keep="none"))


def gray_png(values: npt.NDArray[np.float32]) -> bytes:
    """Return an 8-bit gray PNG of values in [0, 1], (h, w)."""
    codes = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return bytes(pyvips.Image.new_from_array(codes).write_to_buffer(".png", keep="none"))


def _label(number: int) -> npt.NDArray[np.uint8]:
    """Return the number in white on black."""
    digits = [
        np.array([int(dot) for dot in _DIGITS[int(digit)]], np.uint8).reshape(5, 3)
        for digit in str(number)
    ]
    dots = np.concatenate([np.pad(digit, ((1, 1), (0, 1))) for digit in digits], axis=1)
    dots = np.pad(dots, ((0, 0), (1, 0)))
    return np.kron(dots, np.ones((_DOT, _DOT), np.uint8)) * np.uint8(255)
