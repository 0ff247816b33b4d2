"""A small picture in color of every shot: taken as a segment's frames pass, joined for the film.

Every picture of a film has one size, and those of a segment, and then of the film, lie in one JPEG.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from colorworker.domain.records import Record, SegmentInfo, info_of
from colorworker.domain.shots import Shot
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing
from colorworker.media.planes import Frame
from colorworker.media.repack import small_rgb
from colorworker.media.stills.contactsheet import Picture, contact_sheet, read_contact_sheet
from colorworker.pipeline.propagation.shotboundaries import ShotStart
from colorworker.state import contact_key
from colorworker.store.objectstore import ObjectStore

LONG_SIDE = 120
"""Pixels."""
_INTO_SHOT = 8
"""Frames behind a shot's beginning, or its dissolve's end, at which its picture is taken if it goes
on for as long."""
_MOST = 2000
"""Pictures of one segment: 16 MB in memory."""


def cell_shape(info: VideoInfo) -> tuple[int, int]:
    """Return (height, width) of a film's pictures, at the aspect that it is shown with."""
    width = info.width * (info.sample_aspect_ratio or 1)
    scale = LONG_SIDE / max(info.height, width)
    return max(1, round(info.height * scale)), max(1, round(width * scale))


class ShotPictures:
    """Takes a segment's colored frames in order and keeps one small picture a shot."""

    def __init__(self, info: VideoInfo, frame_count: int, shot_log: Sequence[ShotStart]) -> None:
        """Begin before the first frame.

        Args:
            info: Of the film.
            frame_count: Of the segment.
            shot_log: Is ahead of the frames by some that have been looked at already.
        """
        self._shape = cell_shape(info)
        self._frame_count = frame_count
        self._log = shot_log
        self._logged = 0
        self._starts = [0]
        self._ready = {0: _INTO_SHOT}
        """From which frame on each shot is itself."""
        self._pictures: dict[int, Picture] = {}

    def see(self, index: int, frame: Frame) -> None:
        """Take the frame if it is the one to show its shot by; reads it and nothing else."""
        for start in self._log[self._logged :]:
            if start.index not in self._ready:
                insort(self._starts, start.index)
            self._ready[start.index] = start.index + start.frames + _INTO_SHOT
            self._logged += 1
        following = bisect_right(self._starts, index)
        current = self._starts[following - 1]
        if current in self._pictures or len(self._pictures) == _MOST:
            return
        ends = index + 1 in (self._frame_count, *self._starts[following : following + 1])
        if ends or index >= self._ready[current]:
            self._pictures[current] = small_rgb(frame, *self._shape)

    def put(self, store: ObjectStore, unit_id: str) -> list[int]:
        """Put the sheet where `film_sheet` finds it; return the first frames of its shots."""
        starts = sorted(self._pictures)
        if starts:
            pictures = [self._pictures[start] for start in starts]
            store.put(contact_key(unit_id), contact_sheet(pictures, quality=90))
        return starts


@dataclass(frozen=True)
class SegmentSheet:
    """What a segment's record says of its pictures."""

    unit_id: str
    start_pts: Sequence[int]
    """Of the shots that they show, the segment's first frame among them, in order."""


def film_sheet(
    store: ObjectStore,
    unit_id: str,
    shots: Iterable[Shot],
    segments: Iterable[SegmentSheet],
    shape: tuple[int, int],
) -> str:
    """Put a sheet with the picture of every shot and return its key.

    A picture that is gone or was never taken is black: the report is not worth a film.

    Args:
        store: The destination.
        unit_id: Of the film's assembly.
        shots: Of the film.
        segments: Of the film.
        shape: From `cell_shape`.
    """
    pictures: dict[int, Picture] = {}
    for segment in segments:
        pictures |= _segment_pictures(store, segment, shape)
    missing = np.zeros((*shape, 3), np.uint8)
    sheet = contact_sheet([pictures.get(shot.start_pts, missing) for shot in shots])
    store.put(contact_key(unit_id), sheet)
    return contact_key(unit_id)


def _segment_pictures(
    store: ObjectStore, segment: SegmentSheet, shape: tuple[int, int]
) -> dict[int, Picture]:
    try:
        jpeg = store.get(contact_key(segment.unit_id))
    except KeyMissing:
        return {}
    return dict(
        zip(
            segment.start_pts, read_contact_sheet(jpeg, len(segment.start_pts), *shape), strict=True
        )
    )


def sheet_of(record: Record) -> SegmentSheet:
    """Return the sheet of a segment's record."""
    return SegmentSheet(record.unit_id, info_of(record, SegmentInfo).shot_pictures)
