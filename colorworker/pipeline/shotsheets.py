"""Contact sheets with one small color picture per shot.

A segment collects pictures while its frames pass and stores them as one JPEG; the assembly joins
these into one JPEG for the film. All pictures of a film have the same size.
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
"""Pixels on the long side of a picture."""
_FRAMES_INTO_SHOT = 8
"""Frames after the start of a shot, or after the end of its dissolve, at which its picture is
taken. Of a shorter shot the last frame is taken."""
_MOST = 2000
"""Maximum number of pictures per segment: 16 MB in memory."""


def cell_shape(info: VideoInfo) -> tuple[int, int]:
    """Return the (height, width) of a film's pictures, at its display aspect ratio."""
    width = info.width * (info.sample_aspect_ratio or 1)
    scale = LONG_SIDE / max(info.height, width)
    return max(1, round(info.height * scale)), max(1, round(width * scale))


class ShotPictures:
    """Collects one small picture per shot from a segment's colored frames."""

    def __init__(self, info: VideoInfo, frame_count: int, shot_log: Sequence[ShotStart]) -> None:
        """Start before the first frame.

        Args:
            info: The film's video stream.
            frame_count: Frames of the segment.
            shot_log: Where shots begin; filled a few frames ahead of the frames seen here.
        """
        self._shape = cell_shape(info)
        self._is_log = info.is_log
        self._frame_count = frame_count
        self._log = shot_log
        self._logged = 0
        self._starts = [0]
        self._ready = {0: _FRAMES_INTO_SHOT}
        """First frame of each shot at which its picture may be taken."""
        self._pictures: dict[int, Picture] = {}

    def see(self, index: int, frame: Frame) -> None:
        """Take the next frame; keep a small picture if it is the one to represent its shot."""
        for start in self._log[self._logged :]:
            if start.index not in self._ready:
                insort(self._starts, start.index)
            self._ready[start.index] = start.index + start.frames + _FRAMES_INTO_SHOT
            self._logged += 1
        following = bisect_right(self._starts, index)
        current = self._starts[following - 1]
        if current in self._pictures or len(self._pictures) == _MOST:
            return
        ends = index + 1 in (self._frame_count, *self._starts[following : following + 1])
        if ends or index >= self._ready[current]:
            self._pictures[current] = small_rgb(frame, *self._shape, is_log=self._is_log)

    def put(self, store: ObjectStore, unit_id: str) -> list[int]:
        """Store the sheet for `film_sheet`; return the first frame of each shot, in order."""
        starts = sorted(self._pictures)
        if starts:
            pictures = [self._pictures[start] for start in starts]
            store.put(contact_key(unit_id), contact_sheet(pictures, quality=90))
        return starts


@dataclass(frozen=True)
class SegmentSheet:
    """The pictures of a segment, from its record."""

    unit_id: str
    start_pts: Sequence[int]
    """First pts of each shot shown, in order; the first is that of the segment's first frame."""


def film_sheet(
    store: ObjectStore,
    unit_id: str,
    shots: Iterable[Shot],
    segments: Iterable[SegmentSheet],
    shape: tuple[int, int],
) -> str:
    """Store a sheet with the picture of every shot; return its key.

    A missing picture is shown in black. A film must not fail because of its report.

    Args:
        store: The destination.
        unit_id: Id of the film's assembly.
        shots: All shots of the film, in order.
        segments: The sheets of the film's segments.
        shape: (height, width) of a picture, from `cell_shape`.
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
