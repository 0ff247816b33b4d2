"""Draw the notice into the frames of a film: the one place where its luma changes, by wish.

Outside the box, which is the same in every frame, all codes of all planes stay as they are.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from colorworker.color.notice import Box, notice_box
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.planes import Frame, Plane, color_spec, layout_of, plane_view

_GRID = 4
"""Pixels: the coarsest chroma (4:1:1, 4:1:0) has one sample for four."""


@dataclass(frozen=True)
class FilmNotice:
    """The notice at a film's size, turned as its players will turn it back."""

    box: Box
    black: int
    white: int
    """Codes of luma at the source's depth."""
    source_depth: int

    def draw(self, frame: Frame) -> Frame:
        """Write the notice into a frame, which must be one of our own, and return it."""
        layout = layout_of(frame.format.name)
        shift = layout.bit_depth - self.source_depth
        codes = np.where(self.box.mask, self.white, self.black)
        codes = codes << shift if shift >= 0 else codes >> -shift
        _part(plane_view(frame, 0), self.box, (frame.height, frame.width))[:] = codes
        for number in range(1, len(frame.planes)):
            part = _part(plane_view(frame, number), self.box, (frame.height, frame.width))
            part[:] = 1 << (layout.bit_depth - 1)
        return frame


def film_notice(key: str, info: VideoInfo) -> FilmNotice:
    """Return the notice for a film.

    Raises:
        SourceUnsupported: If the film's frames are too small for it.
    """
    turns = round(info.rotation / 90) % 4
    aspect = Fraction(info.sample_aspect_ratio or 1)
    height, width = info.height, info.width
    if turns % 2:
        height, width, aspect = width, height, 1 / aspect
    box = notice_box(height, width, aspect, _GRID)
    if box is None:
        raise notice_does_not_fit(key, info.width, info.height)
    spec = color_spec(info)
    turned = _turned(box, height, width, turns)
    return FilmNotice(turned, spec.black, spec.black + spec.white_span, spec.bit_depth)


def notice_does_not_fit(key: str, width: int, height: int) -> SourceUnsupported:
    """Return the error of a picture that the notice does not fit into."""
    return SourceUnsupported(
        key,
        f"{width} x {height} pixels are too few for a notice that can be read",
        "Give --label tag: it is then in the metadata alone",
    )


def _turned(box: Box, height: int, width: int, turns: int) -> Box:
    """Return the box in the frame that players turn by `turns` quarters to the left.

    Args:
        box: In the picture as it is shown.
        height: Of that picture.
        width: The same.
        turns: Quarters; they are undone here.
    """
    for _ in range(turns):
        mask = np.rot90(box.mask, -1)
        left = (height - box.top - box.height) // _GRID * _GRID
        box = Box(box.left, left, mask)
        height, width = width, height
    return box


def _part(plane: Plane, box: Box, frame_shape: tuple[int, int]) -> Plane:
    """Return the part of a plane that lies in the box, as a view."""
    down, across = (-(-side // of) for side, of in zip(frame_shape, plane.shape, strict=True))
    return plane[
        box.top // down : (box.top + box.height) // down,
        box.left // across : (box.left + box.width) // across,
    ]
