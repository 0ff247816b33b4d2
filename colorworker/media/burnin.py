"""Draw the notice into the frames of a film, on request: the only change ever made to its luma.

Outside the box, which is the same in every frame, all codes of all planes stay as they are.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from colorworker.color.notice import Box, notice_box
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.planes import Frame, Plane, color_spec, layout_of, plane_view

_GRID = 4
"""Box coordinates are multiples of this many pixels: the coarsest chroma (4:1:1, 4:1:0) has one
sample for four pixels."""


@dataclass(frozen=True)
class FilmNotice:
    """The notice for frames as they are stored: rotated so that players show it upright."""

    box: Box
    black: int
    white: int
    """Luma code of white at the source's bit depth."""
    source_depth: int
    """Bits per luma code of the source."""

    def draw(self, frame: Frame) -> Frame:
        """Draw the notice into a frame in place and return it; the frame must be writable."""
        layout = layout_of(frame.format.name)
        shift = layout.bit_depth - self.source_depth
        codes = np.where(self.box.mask, self.white, self.black)
        codes = codes << shift if shift >= 0 else codes >> -shift
        _box_view(plane_view(frame, 0), self.box, (frame.height, frame.width))[:] = codes
        for number in range(1, len(frame.planes)):
            part = _box_view(plane_view(frame, number), self.box, (frame.height, frame.width))
            part[:] = 1 << (layout.bit_depth - 1)
        return frame


def film_notice(key: str, info: VideoInfo) -> FilmNotice:
    """Return the notice for a film.

    Raises:
        SourceUnsupported: If the film's frames are too small for it.
    """
    turns, crop = round(info.rotation / 90) % 4, info.crop
    aspect = Fraction(info.sample_aspect_ratio or 1)
    stored_width = width = info.width - crop.left - crop.right
    height = info.height - crop.top - crop.bottom
    if turns % 2:
        height, width, aspect = width, height, 1 / aspect
    box = notice_box(height, width, aspect, _GRID)
    if box is None:
        raise notice_does_not_fit(key, info.width, info.height)
    spec = color_spec(info)
    turned = _rotate_box(box, height, width, turns)
    if info.mirrored:
        turned = _mirror_box(turned, stored_width)
    moved = replace(
        turned,
        top=min(turned.top + _up(crop.top), (info.height - turned.height) // _GRID * _GRID),
        left=min(turned.left + _up(crop.left), (info.width - turned.width) // _GRID * _GRID),
    )
    return FilmNotice(moved, spec.black, spec.black + spec.white_span, spec.bit_depth)


def notice_does_not_fit(key: str, width: int, height: int) -> SourceUnsupported:
    """Return the error for a picture that is too small for the notice."""
    return SourceUnsupported(
        key,
        f"{width} x {height} pixels are too small for a legible notice",
        "Use --label tag, which writes it into the metadata only",
    )


def _rotate_box(box: Box, height: int, width: int, turns: int) -> Box:
    """Return the box in the frame as it is stored.

    Args:
        box: The box in the picture as it is shown.
        height: Height of the picture as it is shown.
        width: Width of the picture as it is shown.
        turns: Quarter turns counterclockwise by which players rotate the frame.
    """
    for _ in range(turns):
        mask = np.rot90(box.mask, -1)
        left = (height - box.top - box.height) // _GRID * _GRID
        box = Box(box.left, left, mask)
        height, width = width, height
    return box


def _mirror_box(box: Box, width: int) -> Box:
    """Return the box with left and right swapped, in a frame of this width."""
    left = (width - box.left - box.width) // _GRID * _GRID
    return Box(box.top, left, np.fliplr(box.mask))


def _up(pixels: int) -> int:
    return -(-pixels // _GRID) * _GRID


def _box_view(plane: Plane, box: Box, frame_shape: tuple[int, int]) -> Plane:
    """Return a view of the part of a plane inside the box."""
    down, across = (-(-side // of) for side, of in zip(frame_shape, plane.shape, strict=True))
    return plane[
        box.top // down : (box.top + box.height) // down,
        box.left // across : (box.left + box.width) // across,
    ]
