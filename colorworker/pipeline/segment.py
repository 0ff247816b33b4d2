"""Color one segment of a film and encode it as a part."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from colorworker import __version__
from colorworker.color.colorizerprotocol import Colorizer
from colorworker.domain.adjustments import FilmTimes, prediction_settings_at
from colorworker.domain.notes import split_notes
from colorworker.domain.records import PartFacts, Record, SegmentInfo
from colorworker.domain.shots import RecordedStart
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Segment
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.broadcastgamut import limit_to_broadcast_gamut
from colorworker.media.burnin import film_notice
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.ffv1 import luma_only_header
from colorworker.media.codecs.nvenc import encoder_errors, require_encoder
from colorworker.media.codecs.profiles import EncoderSpec
from colorworker.media.deinterlace import deinterlace_segment
from colorworker.media.filetypes import film_output_extension
from colorworker.media.framefiles import output_spec
from colorworker.media.planes import Frame
from colorworker.pipeline.beforeafter import film_thumbnail
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.filmhints import load_hints
from colorworker.pipeline.filmluma import FilmLuma
from colorworker.pipeline.framelist import has_part_frames
from colorworker.pipeline.frameparts import FramePart
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
from colorworker.pipeline.propagation.carrying import KnownInTurn, KnownOfSequence
from colorworker.pipeline.propagation.propagate import color_frames, lookahead_frames
from colorworker.pipeline.propagation.shotboundaries import ShotStart
from colorworker.pipeline.references import load_references
from colorworker.pipeline.scan import scan_of_film
from colorworker.pipeline.shotsheets import ShotPictures
from colorworker.state import attempt_key, commit, finished, now, record_key, thumbnail_key

_FRAMES_AHEAD = 4
"""Frames that may wait between two threads: enough to even out the cost of anchors, yet little
memory."""


@dataclass(frozen=True)
class _SegmentWork:
    """A segment in progress: its inputs, and the counts and pictures collected so far."""

    context: WorkerContext
    unit: Segment
    info: VideoInfo
    timeline: Timeline
    spec: EncoderSpec
    pictures: ShotPictures
    shot_log: list[ShotStart]
    timer: PhaseTimer
    given_warnings: list[str] = field(default_factory=list)
    tally: SegmentTally = field(default_factory=SegmentTally)


def color_segment(context: WorkerContext, unit: Segment, attempt: int) -> tuple[Record, bool]:
    """Color a segment and store its part; return the record and whether it existed already.

    A preview colors one frame per shot and stores nothing but their thumbnails.

    Raises:
        SourceDamaged: If the decoded frames differ from those of the timeline.
        SourceUnsupported: If the profile cannot preserve the luma.
        HardwareMissing: If this worker lacks the hardware encoder of the film.
    """
    store = context.destination
    found = finished(store, unit.unit_id)
    if found and unit.options.frames_out and not has_part_frames(store, found):
        store.delete(record_key(unit.unit_id))
        found = None
    if found:
        return found, True
    work = _start(context, unit)
    record = Record(
        unit.unit_id,
        "segment",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        weights_sha256=context.model.hashes,
        attempt=attempt,
        worker=context.worker,
        source_root=unit.asset.root,
        software=__version__,
    )
    if unit.options.preview:
        seen = _preview(work)
    else:
        require_encoder(work.spec.codec, work.spec.layout or work.spec.pix_fmt, context.worker)
        if unit.is_shown:
            record = replace(record, thumbnail_key=thumbnail_key(unit.unit_id))
        record, seen = _color_part(work, record)
    record = replace(record, created_at=now(), seconds=work.timer.rounded(), info=seen)
    return commit(store, record), False


def _start(context: WorkerContext, unit: Segment) -> _SegmentWork:
    info, timeline = scan_of_film(context, unit.scan_id)
    options, key = unit.options, unit.asset.key
    extension = film_output_extension(PurePosixPath(key).suffix, options.profile, options.codec)
    shot_log: list[ShotStart] = []
    return _SegmentWork(
        context,
        unit,
        info,
        timeline,
        output_spec(key, info, options, extension),
        ShotPictures(info, unit.frame_count, shot_log),
        shot_log,
        context.timer(unit.unit_id),
    )


def _preview(work: _SegmentWork) -> SegmentInfo:
    unit = work.unit
    keys = preview_stretch(
        work.context, unit, work.info, work.timeline, work.spec.pix_fmt, work.timer
    )
    return SegmentInfo(unit.start_pts, thumbnail_keys=tuple(keys))


def _color_part(work: _SegmentWork, record: Record) -> tuple[Record, SegmentInfo]:
    """Color and store the part; return the record that points to it, and the record's info."""
    with closing(_color_segment_frames(work)) as frames:
        if work.unit.options.frames_out:
            part = FramePart(
                work.context, work.unit, work.info, work.timeline, work.timer, work.tally
            )
            record, facts = part.write(record, frames)
        else:
            record, facts = _write_part(work, record, frames)
    tally, store = work.tally, work.context.destination
    warnings, notes = split_notes((*tally.warnings(), *work.given_warnings))
    starts, pictures = _shots_of_record(work, work.pictures.put(store, work.unit.unit_id))
    return record, SegmentInfo(
        work.unit.start_pts,
        facts,
        starts,
        pictures,
        tally.gamut.pixels,
        tally.gamut.beyond,
        tally.corrupt_frames,
        tally.nvdec_frames,
        warnings=warnings,
        notes=notes,
    )


def _color_segment_frames(work: _SegmentWork) -> Generator[Frame]:
    """Yield the segment's frames in color.

    One thread decodes and another one colors, while the caller encodes.
    """
    unit, options, timer, tally = work.unit, work.unit.options, work.timer, work.tally
    colorizer = TimedColorizer(colorizer_for(work.context, options), timer)
    known = _known_colors(work, colorizer) if options.gives_frames else None
    with closing(
        prefetch(timer.time_each("decode", _decode(work)), _FRAMES_AHEAD, "decode")
    ) as decoded:
        frames = color_frames(
            timer.time_each(None, decoded),
            unit.frame_count,
            work.info,
            colorizer,
            options,
            work.spec.pix_fmt,
            work.shot_log,
            _colorizer_of_frame(work) if options.adjustments else None,
            known,
        )
        if options.broadcast_gamut:
            frames = limit_to_broadcast_gamut(frames, work.info, work.spec.pix_fmt, tally.gamut)
        frames = check_luma(frames, unit.asset.key, tally)
        if options.label == "burn":
            frames = burn_notice(frames, film_notice(unit.asset.key, work.info), tally)
        # In the thread that also writes the shot log: how far the log is ahead of the frames would
        # otherwise depend on thread scheduling, and with it the pictures of shots.
        coloring = timer.time_each("color", _collect_shot_pictures(frames, work.pictures))
        with closing(prefetch(coloring, _FRAMES_AHEAD, "color")) as colored:
            yield from colored


def _known_colors(work: _SegmentWork, colorizer: Colorizer) -> KnownOfSequence:
    """Return the colors of the segment's references, and its hints, which correct them."""
    working = colorizer.working_shape(work.info.height, work.info.width)
    film = FilmLuma(work.context, work.unit, work.info, work.timeline, working)
    return KnownInTurn(
        (
            load_references(film, work.given_warnings),
            load_hints(film, colorizer, work.given_warnings),
        )
    )


def _decode(work: _SegmentWork) -> Iterator[Frame]:
    """Yield the frames that the segment's colors depend on. The source stays open until the end."""
    context, unit = work.context, work.unit
    decode = (
        deinterlace_segment
        if unit.options.deinterlace == "bwdif"
        else partial(decode_segment, nvdec=context.settings.nvdec)
    )
    with context.source(unit.asset) as reader:
        frames = decode(
            reader,
            unit.asset.key,
            work.info,
            work.timeline,
            unit.start_pts,
            unit.end_pts,
            lookahead=lookahead_frames(unit.options),
            tally=work.tally,
            repeat=context.settings.repeat_damaged,
            scale=unit.options.scales,
        )
        yield from record_luma(frames, unit.frame_count, work.spec.pix_fmt, work.tally)


def _collect_shot_pictures(frames: Iterator[Frame], pictures: ShotPictures) -> Iterator[Frame]:
    for index, frame in enumerate(frames):
        pictures.see(index, frame)
        yield frame


def _colorizer_of_frame(work: _SegmentWork) -> Callable[[int], TimedColorizer]:
    """Return a function from the index of a frame to the colorizer with its shot's adjustments."""
    unit, timeline = work.unit, work.timeline
    times = FilmTimes(int(timeline.pts[0]), timeline.time_base)
    pts = timeline.between(unit.start_pts, unit.end_pts)

    def colorizer_at(index: int) -> TimedColorizer:
        # Look-ahead frames are colored like the segment's last frame.
        time = times.milliseconds(int(pts[min(index, len(pts) - 1)]))
        settings = prediction_settings_at(unit.options, time)
        return TimedColorizer(colorizer_for(work.context, unit.options, settings), work.timer)

    return colorizer_at


def _shots_of_record(
    work: _SegmentWork, pictures: list[int]
) -> tuple[tuple[RecordedStart, ...], tuple[int, ...]]:
    """Return the shot starts and the timestamps of the shots that have a picture.

    The last shot may begin with the next segment.
    """
    timeline = work.timeline
    pts = timeline.pts[timeline.pts.searchsorted(work.unit.start_pts) :]
    starts = tuple(
        RecordedStart(
            int(pts[start.index]),
            int(pts[min(start.index + start.frames, len(pts) - 1)]),
            start.transition,
        )
        for start in work.shot_log
    )
    return starts, tuple(int(pts[index]) for index in pictures)


def _write_part(
    work: _SegmentWork, record: Record, frames: Generator[Frame]
) -> tuple[Record, PartFacts]:
    """Encode the frames and store the part under its attempt's key; return the record and facts."""
    context, unit, timer = work.context, work.unit, work.timer
    extension = f".{work.spec.part_container}"
    with context.temporary(extension) as path:
        facts = _encode(work, record.thumbnail_key, path, frames)
        if work.spec.lossless and context.settings.verify_parts:
            with timer.phase("verify"):
                _verify_part(work, path)
        with timer.phase("write"):
            sha256 = sha256_of_file(path)
            key = attempt_key(unit.unit_id, extension)
            stored = context.destination.put_file(key, path)
    part = replace(
        record, attempt_key=key, etag=stored.etag, size_bytes=stored.size_bytes, sha256=sha256
    )
    return part, facts


def _verify_part(work: _SegmentWork, path: Path) -> None:
    spec, info = work.spec, work.info
    luma_header = luma_only_header(spec.pix_fmt, info.width, info.height, spec.options)
    verify_part_luma(path, work.unit.asset.key, work.tally, luma_header)


def _encode(work: _SegmentWork, thumbnail: str, path: Path, frames: Generator[Frame]) -> PartFacts:
    context, unit, spec = work.context, work.unit, work.spec
    refused = encoder_errors(spec.codec, unit.asset.key, context.worker)
    with refused, PartWriter(path, spec, work.info, work.timeline) as part:
        for index, frame in enumerate(frames):
            if thumbnail and index == unit.frame_count // 2:
                context.destination.put(thumbnail, film_thumbnail(frame, work.info))
            with work.timer.phase("encode"):
                part.encode(frame)
    return part.facts
