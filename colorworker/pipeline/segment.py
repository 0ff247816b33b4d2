"""Colour one segment of a film into a part."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from colorworker.media.broadcast import within_broadcast
from colorworker.media.burn import film_notice
from colorworker.media.decode import decode_segment
from colorworker.media.deinterlace import deinterlaced_segment
from colorworker.media.encode import PartFacts, PartWriter
from colorworker.media.kinds import film_output_extension
from colorworker.media.nvenc import encoder_errors, refuse_missing
from colorworker.media.planes import Frame
from colorworker.media.profiles import EncoderSpec, encoder_for
from colorworker.pipeline.ahead import ahead
from colorworker.pipeline.contact import ShotPictures
from colorworker.pipeline.film import colour_frames, lookahead_frames
from colorworker.pipeline.lawful import SegmentTally, burned, noted, prove_part, proven
from colorworker.pipeline.preview import preview_stretch
from colorworker.pipeline.scan import film_of
from colorworker.pipeline.thumbnail import film_thumbnail
from colorworker.pipeline.watch import ShotStart
from colorworker.pipeline.workshop import Clock, TimedColorizer, Workshop, sha256_of_file
from colorworker.provenance.record import attempt_key, commit, finished, now, thumbnail_key
from colorworker.work.adjust import FilmTimes, look_at
from colorworker.work.film import VideoInfo
from colorworker.work.ledger import Record
from colorworker.work.plan import Segment
from colorworker.work.shotlist import Start
from colorworker.work.timeline import Timeline

_FRAMES_AHEAD = 4
"""Frames that may wait between two threads: enough for the rhythm of anchors, and little memory."""


def colour_segment(workshop: Workshop, unit: Segment, attempt: int) -> tuple[Record, bool]:
    """Return the part's record and whether it was found.

    In a preview a frame a shot is coloured, and nothing but their pictures is kept.

    Raises:
        SourceDamaged: If the frames that decode are not those of the timeline.
        SourceUnsupported: If the profile cannot keep the luma as it is.
        HardwareMissing: If the encoder is an engine that this worker does not have.
    """
    store = workshop.destination
    if found := finished(store, unit.unit_id):
        return found, True
    info, timeline = film_of(store, unit.scan_id)
    extension = PurePosixPath(unit.asset.key).suffix
    spec = encoder_for(
        unit.asset.key,
        info,
        unit.options,
        film_output_extension(extension, unit.options.profile, unit.options.codec),
    )
    clock, tally, shot_log = Clock(), SegmentTally(), list[ShotStart]()
    pictures = ShotPictures(info, unit.frame_count, shot_log)
    record = Record(
        unit.unit_id,
        "segment",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        thumbnail_key=thumbnail_key(unit.unit_id),
        weights_sha256=workshop.model.sha256,
        attempt=attempt,
        worker=workshop.worker,
    )
    if unit.options.preview:
        keys = preview_stretch(workshop, unit, info, timeline, spec.pix_fmt, clock)
        seen = {"start_pts": unit.start_pts, "thumbnail_keys": keys}
        record = replace(record, thumbnail_key="", created_at=now(), seconds=clock.rounded())
        return commit(store, replace(record, info=seen)), False
    refuse_missing(spec.codec, spec.layout or spec.pix_fmt, workshop.worker)
    coloured = _coloured(workshop, unit, info, timeline, spec, clock, tally, shot_log, pictures)
    with closing(coloured) as frames:
        record = _write_part(workshop, unit, record, frames, info, timeline, spec, clock, tally)
    record = replace(
        record,
        created_at=now(),
        seconds=clock.rounded(),
        info={
            **record.info,
            "warnings": tally.warnings(),
            "gamut": vars(tally.gamut),
            "nvdec_frames": tally.nvdec_frames,
            **_shots_seen(unit, timeline, shot_log, pictures.put(store, unit.unit_id)),
        },
    )
    return commit(store, record), False


def part_facts(record: Record) -> PartFacts:
    """Return what the record of a segment says of its part."""
    return PartFacts(
        record.info["frame_count"],
        record.info["reorder_depth"],
        record.info["extradata_sha256"],
        record.info["frame_data"],
        record.info["captions"],
    )


def _coloured(
    workshop: Workshop,
    unit: Segment,
    info: VideoInfo,
    timeline: Timeline,
    spec: EncoderSpec,
    clock: Clock,
    tally: SegmentTally,
    shot_log: list[ShotStart],
    pictures: ShotPictures,
) -> Generator[Frame]:
    """Yield the segment's frames in colour.

    One thread decodes, another colours, and whoever takes the frames encodes them meanwhile.
    """
    decoding = clock.each("decode", _decoded(workshop, unit, info, timeline, spec, tally))
    with closing(ahead(decoding, _FRAMES_AHEAD, "decode")) as decoded:
        frames = colour_frames(
            clock.each(None, decoded),
            unit.frame_count,
            info,
            TimedColorizer(workshop.colorizer(unit.options.look), clock),
            unit.options,
            spec.pix_fmt,
            shot_log,
            _colorizers(workshop, unit, timeline, clock) if unit.options.adjustments else None,
        )
        if unit.options.broadcast_gamut:
            frames = within_broadcast(frames, info, spec.pix_fmt, tally.gamut)
        frames = proven(frames, unit.asset.key, tally)
        if unit.options.label == "burn":
            frames = burned(frames, film_notice(unit.asset.key, info), tally)
        # By the thread that also writes the log: how far that is ahead must not be chance.
        colouring = clock.each("colour", _seen(frames, pictures))
        with closing(ahead(colouring, _FRAMES_AHEAD, "colour")) as coloured:
            yield from coloured


def _decoded(
    workshop: Workshop,
    unit: Segment,
    info: VideoInfo,
    timeline: Timeline,
    spec: EncoderSpec,
    tally: SegmentTally,
) -> Iterator[Frame]:
    """Yield the frames that the segment's colours depend on; the source is open meanwhile."""
    decode = (
        deinterlaced_segment
        if unit.options.deinterlace == "bwdif"
        else partial(decode_segment, nvdec=workshop.nvdec)
    )
    with workshop.source(unit.asset) as reader:
        frames = decode(
            reader,
            unit.asset.key,
            info,
            timeline,
            unit.start_pts,
            unit.end_pts,
            lookahead=lookahead_frames(unit.options),
            tally=tally,
            repeat=workshop.repeat_damaged,
        )
        yield from noted(frames, unit.frame_count, spec.pix_fmt, tally)


def _seen(frames: Iterator[Frame], pictures: ShotPictures) -> Iterator[Frame]:
    for index, frame in enumerate(frames):
        pictures.see(index, frame)
        yield frame


def _colorizers(
    workshop: Workshop, unit: Segment, timeline: Timeline, clock: Clock
) -> Callable[[int], TimedColorizer]:
    """Return what gives each frame the colorizer of its adjustments."""
    times = FilmTimes(int(timeline.pts[0]), timeline.time_base)
    pts = timeline.between(unit.start_pts, unit.end_pts)

    def colorizer_at(index: int) -> TimedColorizer:
        # Frames behind the end count for what the shot of the last one looks like.
        time = times.milliseconds(int(pts[min(index, len(pts) - 1)]))
        return TimedColorizer(workshop.colorizer(look_at(unit.options, time)), clock)

    return colorizer_at


def _shots_seen(
    unit: Segment, timeline: Timeline, shot_log: list[ShotStart], pictures: list[int]
) -> dict[str, Any]:
    """Return what the record says of shots; the last may begin with the next segment."""
    pts = timeline.pts[timeline.pts.searchsorted(unit.start_pts) :]
    starts = [
        Start(
            int(pts[start.index]),
            int(pts[min(start.index + start.frames, len(pts) - 1)]),
            start.transition,
        )
        for start in shot_log
    ]
    return {
        "shot_starts": [asdict(start) for start in starts],
        "shot_pictures": [int(pts[index]) for index in pictures],
    }


def _write_part(
    workshop: Workshop,
    unit: Segment,
    record: Record,
    frames: Generator[Frame],
    info: VideoInfo,
    timeline: Timeline,
    spec: EncoderSpec,
    clock: Clock,
    tally: SegmentTally,
) -> Record:
    """Encode the frames, put the part under its attempt's key, and return the record with it."""
    store = workshop.destination
    extension = f".{spec.part_container}"
    with workshop.temporary(extension) as path:
        facts = _encode(workshop, unit, record, path, frames, info, timeline, spec, clock)
        if spec.lossless and workshop.verify_parts:
            with clock.phase("verify"):
                prove_part(path, unit.asset.key, tally)
        with clock.phase("write"):
            sha256 = sha256_of_file(path)
            key = attempt_key(unit.unit_id, extension)
            stored = store.put_file(key, path)
    return replace(
        record,
        attempt_key=key,
        etag=stored.etag,
        size_bytes=stored.size_bytes,
        sha256=sha256,
        info=vars(facts),
    )


def _encode(
    workshop: Workshop,
    unit: Segment,
    record: Record,
    path: Path,
    frames: Generator[Frame],
    info: VideoInfo,
    timeline: Timeline,
    spec: EncoderSpec,
    clock: Clock,
) -> PartFacts:
    refused = encoder_errors(spec.codec, unit.asset.key, workshop.worker)
    with refused, PartWriter(path, spec, info, timeline) as part:
        for index, frame in enumerate(frames):
            if index == unit.frame_count // 2:
                workshop.destination.put(record.thumbnail_key, film_thumbnail(frame, info))
            with clock.phase("encode"):
                part.encode(frame)
    return part.facts
