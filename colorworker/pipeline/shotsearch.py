"""Find the shots of a stretch of a film before it is colored, for its references."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from colorworker.domain.records import Record, ShotsInfo
from colorworker.domain.references import ShotBoundary, ShotLook, ShotsFound
from colorworker.domain.units import ShotSearch
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.opticalflow import resize
from colorworker.media.planes import Frame, PlaneScaler, color_spec, luma_plane
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.propagation.shotboundaries import ShotStart, detect_shots
from colorworker.pipeline.scan import scan_of_film
from colorworker.state import commit, finished, now

LOOKAHEAD = 2 + shotdetection.FRAMES_AHEAD
"""As in `propagate.lookahead_frames`, for a change at the first frame after the stretch."""
_LOOK_EVERY = 4
"""Frames from one that counts for the look of its shot to the next one."""
_LOOK_SHAPE = (9, 16)


def search_shots(context: WorkerContext, unit: ShotSearch, attempt: int) -> tuple[Record, bool]:
    """Find the shots that begin in a stretch; return the record and whether it existed already.

    Raises:
        SourceDamaged: If the stretch does not decode.
    """
    store = context.destination
    if record := finished(store, unit.unit_id):
        return record, True
    info, timeline = scan_of_film(context, unit.scan_id)
    timer = context.timer(unit.unit_id)
    decode = deinterlace_segment if unit.options.deinterlace == "bwdif" else decode_segment
    first = int(timeline.pts.searchsorted(unit.start_pts))
    with timer.phase("decode"), context.source(unit.asset) as reader:
        frames = decode(
            reader,
            unit.asset.key,
            info,
            timeline,
            unit.start_pts,
            unit.end_pts,
            lookahead=LOOKAHEAD,
            repeat=context.settings.repeat_damaged,
        )
        found = find_shots(frames, unit.frame_count, info, first)
    record = Record(
        unit.unit_id,
        "shots",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        attempt=attempt,
        worker=context.worker,
        created_at=now(),
        seconds=timer.rounded(),
        info=ShotsInfo(found),
    )
    return commit(store, record), False


@dataclass(frozen=True)
class _SmallFrame:
    """See `shotboundaries.ComparableFrame`."""

    index: int
    small: shotdetection.SmallLuma


def find_shots(
    frames: Iterator[Frame], frame_count: int, info: VideoInfo, first: int = 0
) -> ShotsFound:
    """Return the shots that begin in a stretch of a film.

    Args:
        frames: The stretch, then its look-ahead.
        frame_count: Frames of the stretch.
        info: The film's video stream.
        first: Index of the first frame in the film.
    """
    log: list[ShotStart] = []
    small: list[shotdetection.SmallLuma] = []
    for frame, *_ in detect_shots(_small_frames(frames, info), frame_count, log):
        if frame.index < frame_count and frame.index % _LOOK_EVERY == 0:
            small.append(resize(frame.small, _LOOK_SHAPE))
        if frame.index > frame_count + 1:
            break
    boundaries = tuple(
        ShotBoundary(first + start.index, first + start.index + start.frames) for start in log
    )
    starts = [0, *(start.index for start in log if start.index < frame_count)]
    looks = tuple(
        ShotLook(first + start, _look(small[-(-start // _LOOK_EVERY) : -(-end // _LOOK_EVERY)]))
        for start, end in pairwise([*starts, frame_count])
    )
    return ShotsFound(first, frame_count, boundaries, looks)


def _look(frames: list[shotdetection.SmallLuma]) -> str:
    """Return the mean of small pictures as hexadecimal codes; empty if there are none."""
    if not frames:
        return ""
    codes = np.asarray(np.mean(frames, axis=0) * 255, np.uint8)
    return codes.tobytes().hex()


def _small_frames(frames: Iterator[Frame], info: VideoInfo) -> Iterator[_SmallFrame]:
    small = partial(shotdetection.small_luma, bit_depth=color_spec(info).bit_depth)
    scale = PlaneScaler(*shotdetection.SMALL_SHAPE)
    for index, frame in enumerate(frames):
        yield _SmallFrame(index, small(scale(luma_plane(frame))))
