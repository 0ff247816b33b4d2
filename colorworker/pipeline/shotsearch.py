"""Find the shots of a stretch of a film before it is colored, for its references."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from colorworker.domain.records import Record, ShotsInfo
from colorworker.domain.references import ShotBoundary, ShotsFound
from colorworker.domain.units import ShotSearch
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.planes import Frame, PlaneScaler, color_spec, luma_plane
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.propagation.shotboundaries import ShotStart, detect_shots
from colorworker.pipeline.scan import read_scan
from colorworker.state import commit, finished, now

_LOOKAHEAD = 2 + shotdetection.FRAMES_AHEAD
"""As in `propagate.lookahead_frames`, for a change at the first frame after the stretch."""


def search_shots(context: WorkerContext, unit: ShotSearch, attempt: int) -> tuple[Record, bool]:
    """Find the shots that begin in a stretch; return the record and whether it existed already.

    Raises:
        SourceDamaged: If the stretch does not decode.
    """
    store = context.destination
    if found := finished(store, unit.unit_id):
        return found, True
    info, timeline = read_scan(store, unit.scan_id)
    timer = PhaseTimer()
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
            lookahead=_LOOKAHEAD,
            repeat=context.settings.repeat_damaged,
        )
        boundaries = find_boundaries(frames, unit.frame_count, info, first)
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
        info=ShotsInfo(ShotsFound(first, unit.frame_count, boundaries)),
    )
    return commit(store, record), False


@dataclass(frozen=True)
class _SmallFrame:
    """See `shotboundaries.ComparableFrame`."""

    index: int
    small: shotdetection.SmallLuma


def find_boundaries(
    frames: Iterator[Frame], frame_count: int, info: VideoInfo, first: int = 0
) -> tuple[ShotBoundary, ...]:
    """Return the shots that begin after the first of these frames.

    Args:
        frames: A stretch of a film, then its look-ahead.
        frame_count: Frames of the stretch.
        info: The film's video stream.
        first: Index of the first frame in the film.
    """
    log: list[ShotStart] = []
    small_frames = _small_frames(frames, info)
    for frame, *_ in detect_shots(small_frames, frame_count, log):
        if frame.index > frame_count + 1:
            break
    return tuple(
        ShotBoundary(first + start.index, first + start.index + start.frames) for start in log
    )


def _small_frames(frames: Iterator[Frame], info: VideoInfo) -> Iterator[_SmallFrame]:
    small = partial(shotdetection.small_luma, bit_depth=color_spec(info).bit_depth)
    scale = PlaneScaler(*shotdetection.SMALL_SHAPE)
    for index, frame in enumerate(frames):
        yield _SmallFrame(index, small(scale(luma_plane(frame))))
