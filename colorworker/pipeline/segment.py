"""Color one segment of a film into a part."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from colorworker.domain.adjustments import FilmTimes, model_settings_at
from colorworker.domain.records import PartFacts, Record, SegmentInfo
from colorworker.domain.shots import Start
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.broadcastgamut import limit_to_broadcast_gamut
from colorworker.media.burnin import film_notice
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.nvenc import encoder_errors, require_encoder
from colorworker.media.codecs.profiles import EncoderSpec, encoder_for
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.filetypes import film_output_extension
from colorworker.media.planes import Frame
from colorworker.pipeline.beforeafter import film_thumbnail
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.hashing import sha256_of_file
from colorworker.pipeline.lumacheck import (
    SegmentTally,
    burn_notice,
    check_luma,
    record_luma,
    verify_part_luma,
)
from colorworker.pipeline.phasetimer import PhaseTimer, TimedColorizer
from colorworker.pipeline.prefetch import prefetch
from colorworker.pipeline.preview import preview_stretch
from colorworker.pipeline.propagation.propagate import color_frames, lookahead_frames
from colorworker.pipeline.propagation.shotboundaries import ShotStart
from colorworker.pipeline.scan import film_of
from colorworker.pipeline.shotsheets import ShotPictures
from colorworker.state import attempt_key, commit, finished, now, thumbnail_key

_FRAMES_AHEAD = 4
"""Frames that may wait between two threads: enough for the rhythm of anchors, and little memory."""


@dataclass(frozen=True)
class _Making:
    """A segment in the making: what it is, and what is counted and seen of it meanwhile."""

    context: WorkerContext
    unit: Segment
    info: VideoInfo
    timeline: Timeline
    spec: EncoderSpec
    pictures: ShotPictures
    shot_log: list[ShotStart]
    timer: PhaseTimer = field(default_factory=PhaseTimer)
    tally: SegmentTally = field(default_factory=SegmentTally)


def color_segment(context: WorkerContext, unit: Segment, attempt: int) -> tuple[Record, bool]:
    """Return the part's record and whether it was found.

    In a preview a frame a shot is colored, and nothing but their pictures is kept.

    Raises:
        SourceDamaged: If the frames that decode are not those of the timeline.
        SourceUnsupported: If the profile cannot keep the luma as it is.
        HardwareMissing: If the encoder is an engine that this worker does not have.
    """
    store = context.destination
    if found := finished(store, unit.unit_id):
        return found, True
    making = _begun(context, unit)
    record = Record(
        unit.unit_id,
        "segment",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        weights_sha256=context.model.sha256,
        attempt=attempt,
        worker=context.worker,
    )
    if unit.options.preview:
        seen = _previewed(making)
    else:
        require_encoder(
            making.spec.codec, making.spec.layout or making.spec.pix_fmt, context.worker
        )
        record, seen = _colored_part(
            making, replace(record, thumbnail_key=thumbnail_key(unit.unit_id))
        )
    record = replace(record, created_at=now(), seconds=making.timer.rounded(), info=seen)
    return commit(store, record), False


def _begun(context: WorkerContext, unit: Segment) -> _Making:
    info, timeline = film_of(context.destination, unit.scan_id)
    options, key = unit.options, unit.asset.key
    extension = film_output_extension(PurePosixPath(key).suffix, options.profile, options.codec)
    shot_log: list[ShotStart] = []
    return _Making(
        context,
        unit,
        info,
        timeline,
        encoder_for(key, info, options, extension),
        ShotPictures(info, unit.frame_count, shot_log),
        shot_log,
    )


def _previewed(making: _Making) -> SegmentInfo:
    unit = making.unit
    keys = preview_stretch(
        making.context, unit, making.info, making.timeline, making.spec.pix_fmt, making.timer
    )
    return SegmentInfo(unit.start_pts, thumbnail_keys=tuple(keys))


def _colored_part(making: _Making, record: Record) -> tuple[Record, SegmentInfo]:
    """Return the record with the part in it, and what is to be known of the part."""
    with closing(_colored(making)) as frames:
        record, facts = _write_part(making, record, frames)
    tally, store = making.tally, making.context.destination
    starts, pictures = _shots_seen(making, making.pictures.put(store, making.unit.unit_id))
    return record, SegmentInfo(
        making.unit.start_pts,
        facts,
        starts,
        pictures,
        tally.gamut.pixels,
        tally.gamut.beyond,
        tally.nvdec_frames,
        warnings=tuple(tally.warnings()),
    )


def _colored(making: _Making) -> Generator[Frame]:
    """Yield the segment's frames in color.

    One thread decodes, another colors, and whoever takes the frames encodes them meanwhile.
    """
    unit, options, timer, tally = making.unit, making.unit.options, making.timer, making.tally
    with closing(
        prefetch(timer.time_each("decode", _decoded(making)), _FRAMES_AHEAD, "decode")
    ) as decoded:
        frames = color_frames(
            timer.time_each(None, decoded),
            unit.frame_count,
            making.info,
            TimedColorizer(making.context.colorizer(options.model_settings), timer),
            options,
            making.spec.pix_fmt,
            making.shot_log,
            _colorizers(making) if options.adjustments else None,
        )
        if options.broadcast_gamut:
            frames = limit_to_broadcast_gamut(frames, making.info, making.spec.pix_fmt, tally.gamut)
        frames = check_luma(frames, unit.asset.key, tally)
        if options.label == "burn":
            frames = burn_notice(frames, film_notice(unit.asset.key, making.info), tally)
        # By the thread that also writes the log: how far that is ahead must not be chance.
        coloring = timer.time_each("color", _seen(frames, making.pictures))
        with closing(prefetch(coloring, _FRAMES_AHEAD, "color")) as colored:
            yield from colored


def _decoded(making: _Making) -> Iterator[Frame]:
    """Yield the frames that the segment's colors depend on; the source is open meanwhile."""
    context, unit = making.context, making.unit
    decode = (
        deinterlace_segment
        if unit.options.deinterlace == "bwdif"
        else partial(decode_segment, nvdec=context.settings.nvdec)
    )
    with context.source(unit.asset) as reader:
        frames = decode(
            reader,
            unit.asset.key,
            making.info,
            making.timeline,
            unit.start_pts,
            unit.end_pts,
            lookahead=lookahead_frames(unit.options),
            tally=making.tally,
            repeat=context.settings.repeat_damaged,
        )
        yield from record_luma(frames, unit.frame_count, making.spec.pix_fmt, making.tally)


def _seen(frames: Iterator[Frame], pictures: ShotPictures) -> Iterator[Frame]:
    for index, frame in enumerate(frames):
        pictures.see(index, frame)
        yield frame


def _colorizers(making: _Making) -> Callable[[int], TimedColorizer]:
    """Return what gives each frame the colorizer of its adjustments."""
    unit, timeline = making.unit, making.timeline
    times = FilmTimes(int(timeline.pts[0]), timeline.time_base)
    pts = timeline.between(unit.start_pts, unit.end_pts)

    def colorizer_at(index: int) -> TimedColorizer:
        # Frames behind the end count for what the shot of the last one looks like.
        time = times.milliseconds(int(pts[min(index, len(pts) - 1)]))
        settings = model_settings_at(unit.options, time)
        return TimedColorizer(making.context.colorizer(settings), making.timer)

    return colorizer_at


def _shots_seen(making: _Making, pictures: list[int]) -> tuple[tuple[Start, ...], tuple[int, ...]]:
    """Return the shot starts and the timestamps of the shots that have a picture.

    The last shot may begin with the next segment.
    """
    timeline = making.timeline
    pts = timeline.pts[timeline.pts.searchsorted(making.unit.start_pts) :]
    starts = tuple(
        Start(
            int(pts[start.index]),
            int(pts[min(start.index + start.frames, len(pts) - 1)]),
            start.transition,
        )
        for start in making.shot_log
    )
    return starts, tuple(int(pts[index]) for index in pictures)


def _write_part(
    making: _Making, record: Record, frames: Generator[Frame]
) -> tuple[Record, PartFacts]:
    """Encode the frames, put the part under its attempt's key, and return the record with it."""
    context, unit, timer = making.context, making.unit, making.timer
    extension = f".{making.spec.part_container}"
    with context.temporary(extension) as path:
        facts = _encode(making, record.thumbnail_key, path, frames)
        if making.spec.lossless and context.settings.verify_parts:
            with timer.phase("verify"):
                verify_part_luma(path, unit.asset.key, making.tally)
        with timer.phase("write"):
            sha256 = sha256_of_file(path)
            key = attempt_key(unit.unit_id, extension)
            stored = context.destination.put_file(key, path)
    part = replace(
        record, attempt_key=key, etag=stored.etag, size_bytes=stored.size_bytes, sha256=sha256
    )
    return part, facts


def _encode(making: _Making, thumbnail: str, path: Path, frames: Generator[Frame]) -> PartFacts:
    context, unit, spec = making.context, making.unit, making.spec
    refused = encoder_errors(spec.codec, unit.asset.key, context.worker)
    with refused, PartWriter(path, spec, making.info, making.timeline) as part:
        for index, frame in enumerate(frames):
            if index == unit.frame_count // 2:
                context.destination.put(thumbnail, film_thumbnail(frame, making.info))
            with making.timer.phase("encode"):
                part.encode(frame)
    return part.facts
