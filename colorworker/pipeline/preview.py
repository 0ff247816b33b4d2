"""Preview a stretch of a film cheaply: color one frame of each shot that a few samples show.

Only keyframes are decoded, a bounded number of them. Encoders put a keyframe where a shot begins,
and otherwise every one to ten seconds. If two successive samples differ, at least one shot has
begun between them. Shots without a sampled keyframe are not shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media import shotdetection
from colorworker.media.planes import Frame, PlaneScaler, color_spec, luma_plane
from colorworker.media.sampleframes import sample_frames
from colorworker.pipeline.beforeafter import film_thumbnail
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.phasetimer import PhaseTimer, TimedColorizer
from colorworker.pipeline.propagation.propagate import color_frames
from colorworker.state import numbered_thumbnail_key

_SAMPLES = 16
"""Frames that are decoded per stretch. The driver divides a film into a few stretches at most."""


def preview_stretch(
    context: WorkerContext,
    unit: Segment,
    info: VideoInfo,
    timeline: Timeline,
    pix_fmt: str,
    timer: PhaseTimer,
) -> list[str]:
    """Store a before/after picture of every shot that is sampled; return the keys, in order."""
    colorizer = TimedColorizer(colorizer_for(context, unit.options), timer)
    keys = []
    with timer.phase("decode"), context.source(unit.asset) as reader:
        stretch = _within(timeline, unit)
        samples = sample_frames(
            reader,
            unit.asset.key,
            info,
            stretch,
            _SAMPLES,
            deinterlaced=unit.options.deinterlace == "bwdif",
            scale=unit.options.scales,
        )
    for number, frame in enumerate(pick_one_per_shot(samples, info)):
        frames = color_frames(iter([frame]), 1, info, colorizer, unit.options, pix_fmt)
        (colored,) = timer.time_each("color", frames)
        keys.append(numbered_thumbnail_key(unit.unit_id, number))
        context.destination.put(keys[-1], film_thumbnail(colored, info))
    return keys


def pick_one_per_shot(samples: Sequence[Frame], info: VideoInfo) -> Iterator[Frame]:
    """Yield the sample with the most contrast from every run of similar samples.

    So a shot that fades in is shown after the fade. Blank samples are skipped, unless all are.
    """
    scaler = PlaneScaler(*shotdetection.SMALL_SHAPE)
    depth = color_spec(info).bit_depth
    seen = [
        (frame, shotdetection.small_luma(scaler(luma_plane(frame)), depth)) for frame in samples
    ]
    alike: list[tuple[Frame, shotdetection.SmallLuma]] = []
    for frame, small in [each for each in seen if not shotdetection.is_flat(each[1])] or seen[:1]:
        if alike and shotdetection.is_dissimilar(alike[-1][1], small):
            yield max(alike, key=_contrast)[0]
            alike = []
        alike.append((frame, small))
    if alike:
        yield max(alike, key=_contrast)[0]


def _contrast(sample: tuple[Frame, shotdetection.SmallLuma]) -> float:
    return float(sample[1].std())


def _within(timeline: Timeline, unit: Segment) -> Timeline:
    """Return the timeline reduced to the keyframes of the unit."""
    keys = timeline.keyframes
    first = keys.searchsorted(unit.start_pts)
    end = len(keys) if unit.end_pts is None else keys.searchsorted(unit.end_pts)
    inside = keys[first:end]
    if not timeline.seekable or not len(inside):
        return timeline
    return replace(timeline, keyframes=inside)
