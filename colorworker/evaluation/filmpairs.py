"""Compare a colorized film with its source, frame by frame, for the table of films."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.errors import OutputMismatch, SourceUnsupported
from colorworker.evaluation.flicker import FilmMeter
from colorworker.evaluation.measures import lab_of, shown
from colorworker.evaluation.motion import MotionEstimator
from colorworker.evaluation.table import FilmRow
from colorworker.media.containers.demux import (
    decode_errors,
    open_source,
    select_stream,
)
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.opticalflow import MIN_SIDE
from colorworker.media.swscale import reformat

Codes = npt.NDArray[np.uint8]

LONG_SIDE = 640
"""Larger frames are downscaled to this long side: chroma is smooth and optical flow is slow."""
GRAY = 5.0
"""A source with a lower signed colorfulness counts as black and white."""


def film_rows(
    film: str,
    colored: BinaryIO,
    against: str,
    source: BinaryIO,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[FilmRow]:
    """Return the rows of one film: its source, the source in gray, and the colorized film.

    Both films are decoded in parallel with a few frames in memory. Optical flow is computed once
    per frame, from the source's lightness. A black-and-white source has no separate row (it is
    the gray row) and gives no chroma error.

    Args:
        film: Name of the colorized film.
        colored: Seekable bytes of the colorized film.
        against: Name of the source.
        source: Seekable bytes of the source.
        limit: Maximum number of frames to measure.
        progress: Called with the number of frames after each frame.

    Raises:
        SourceDamaged: If a film cannot be decoded.
        SourceUnsupported: If the frames are too small for optical flow.
        OutputMismatch: If the films have different numbers of frames.
    """
    motion_of = MotionEstimator()
    truth, gray, ours = FilmMeter(), FilmMeter(), FilmMeter()
    with ExitStack() as stack:
        sources = stack.enter_context(_Frames(source, against))
        films = stack.enter_context(_Frames(colored, film))
        pairs = itertools.zip_longest(sources, films)
        for index, (source_frame, film_frame) in enumerate(itertools.islice(pairs, limit)):
            if source_frame is None or film_frame is None:
                ends = film if film_frame is None else against
                raise OutputMismatch(
                    film,
                    f"{ends} ends after {index} frames, before the other film",
                    "Give a film and the source it was made from",
                )
            height, width = measured_size(source_frame, against)
            true_rgb = rgb_codes(source_frame, height, width)
            lab = lab_of(true_rgb)
            motion = motion_of(lab[..., 0])
            truth.add(true_rgb, motion, lab[..., 1:])
            gray.add(shown(lab[..., 0], 0 * lab[..., 1:]).rgb, motion, lab[..., 1:])
            ours.add(rgb_codes(film_frame, height, width), motion, lab[..., 1:])
            progress(index + 1)
    rows = [
        FilmRow(film, "truth", truth.scores()),
        FilmRow(film, "gray", gray.scores()),
        FilmRow(film, "colored", ours.scores()),
    ]
    if rows[0].scores.colorfulness >= GRAY:
        return rows
    return [replace(row, scores=replace(row.scores, ab_rmse=None)) for row in rows[1:]]


class _Frames:
    """Context manager that yields a film's frames in presentation order."""

    def __init__(self, reader: BinaryIO, key: str) -> None:
        self._reader, self._key = reader, key
        self._stack = ExitStack()

    def __enter__(self) -> Iterator[VideoFrame]:
        container = self._stack.enter_context(open_source(self._reader, self._key))
        stream = select_stream(container, film_stream(container, self._key))
        frames = container.decode(stream)

        def decoded() -> Iterator[VideoFrame]:
            for index in itertools.count():
                with decode_errors(self._key, f"at frame {index}"):
                    frame = next(frames, None)
                if frame is None:
                    return
                yield frame

        return decoded()

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()


def measured_size(frame: VideoFrame, key: str) -> tuple[int, int]:
    """Return the size (height, width) at which a film's frames are measured.

    Raises:
        SourceUnsupported: If that is too small for optical flow.
    """
    scale = min(1.0, LONG_SIDE / max(frame.height, frame.width))
    height, width = round(frame.height * scale), round(frame.width * scale)
    if min(height, width) < MIN_SIDE:
        seen = f"frames of {frame.width} x {frame.height}"
        raise SourceUnsupported(key, f"{seen} are too small for optical flow", "Leave it out")
    return height, width


def rgb_codes(frame: VideoFrame, height: int, width: int) -> Codes:
    """Return a frame's sRGB codes at the given size, (height, width, 3), uint8."""
    small = reformat(frame, "rgb24", (width, height), threads=0, interpolation="AREA")
    return np.ascontiguousarray(small.to_ndarray(), np.uint8)
