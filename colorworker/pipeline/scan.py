"""Scan one film: its properties, the time of every frame, and the cut list of its segments."""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import BinaryIO

import numpy as np

from colorworker import __version__
from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.color.tone import is_color
from colorworker.domain.excerpt import Excerpt, clip_cuts, clip_timeline
from colorworker.domain.notes import split_notes
from colorworker.domain.options import Options
from colorworker.domain.records import Record, ScanInfo, info_of
from colorworker.domain.timeline import Timeline, timeline_from_bytes, timeline_to_bytes
from colorworker.domain.units import Cut, Scan, cut_timeline
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing, SourceTooLarge
from colorworker.media.containers.capacity import check_times
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.probe import scan
from colorworker.media.containers.readhints import hint_read_all, hint_read_end
from colorworker.media.framefiles import output_spec
from colorworker.media.planes import color_spec
from colorworker.media.repack import small_rgb
from colorworker.media.sampleframes import sample_frames
from colorworker.pipeline.beforeafter import thumbnail_shape
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.framelist import finished_frames, refuse_foreign_frames
from colorworker.pipeline.hashing import HashingReader
from colorworker.pipeline.sequenceframes import (
    frame_converter,
    frame_inspector,
    gap_notes,
    holds_density,
)
from colorworker.state import (
    attempt_key,
    commit,
    finished,
    now,
    read_record,
    refuse_foreign,
)
from colorworker.store.objectstore import ObjectStore

_COLOR_SAMPLES = 7
"""Number of sampled keyframes; if most of them are in color, so is the film."""


def scan_film(context: WorkerContext, unit: Scan, attempt: int) -> tuple[Record, bool]:
    """Scan a film; return the record and whether it existed already.

    If the film is finished, its record is returned instead. The `info` of a scan's record is a
    ScanInfo, and the object that the record points to is the timeline.

    Raises:
        OutputCollision: If the destination has a file of the film's name that no job wrote.
        SourceDamaged: If the film does not demux completely.
        SourceTooLarge: If a frame has more pixels than decoders may produce.
        SourceUnsupported: If the pixel format is not supported, an excerpt is not in the film, or
            the output cannot hold the film.
    """
    store = context.destination
    if found := finished_frames(store, unit):
        return found, True
    recorded = finished(store, unit.unit_id)
    if not (recorded or unit.options.preview):
        refuse_foreign(store, unit.output_key)
        if unit.options.frames_out:
            refuse_foreign_frames(store, unit.output_key, unit.asset.key)
    record = recorded or _scan(context, unit, attempt)
    _check_film(context, unit, record)
    return record, recorded is not None


def _scan(context: WorkerContext, unit: Scan, attempt: int) -> Record:
    """Read a film, store its timeline, and return the scan's record."""
    store = context.destination
    timer, tally = context.timer(unit.unit_id), ScanTally()
    key = unit.asset.key
    damaged: list[str] = []
    inspect = frame_inspector(unit.asset, damaged, repeat=context.settings.repeat_damaged)
    convert = frame_converter(key, unit.asset.version, context.temporary)
    with timer.phase("read"), context.source(unit.asset, inspect, convert) as reader:
        hint_read_all(reader)
        hashing = HashingReader(reader)
        info, timeline = read_packets(
            hashing.as_file(), key, context.settings.max_pixels, tally, unit.options.video_stream
        )
        source_sha256 = hashing.sha256()
        light = convert.notes(key) if convert else []
        if holds_density(context.open_source(unit.asset.root), unit.asset, unit.options):
            info = replace(info, is_log=True)
        hint_read_end(reader, 0)
        in_color = is_in_color(reader, key, info, timeline, scale=unit.options.scales)
    gaps = gap_notes(context.open_source(unit.asset.root), unit.asset)
    part, cuts = make_cut_list(timeline, unit.options, key)
    result_key = attempt_key(unit.unit_id, ".npz")
    stored = store.put(result_key, timeline_to_bytes(timeline))
    record = Record(
        unit.unit_id,
        "scan",
        "succeeded",
        key,
        unit.asset.etag,
        result_key,
        etag=stored.etag,
        size_bytes=stored.size_bytes,
        attempt=attempt,
        worker=context.worker,
        source_root=unit.asset.root,
        software=__version__,
        created_at=now(),
        seconds=timer.rounded(),
        info=ScanInfo(
            source_sha256,
            info,
            in_color,
            int(timeline.pts[0]),
            timeline.time_base,
            len(part.pts),
            round(part.seconds, 3),
            tuple(cuts),
            *split_notes((*tally.warnings(), *damaged, *gaps, *light)),
        ),
    )
    return commit(store, record)


def read_packets(
    reader: BinaryIO,
    key: str,
    max_pixels: int,
    tally: ScanTally,
    video_stream: int | None = None,
) -> tuple[VideoInfo, Timeline]:
    """Read all packets of a film; return its properties and timeline.

    Raises:
        SourceDamaged: If the film does not demux completely.
        SourceTooLarge: If a frame has more than `max_pixels` pixels.
        SourceUnsupported: If the pixel format is not supported.
    """
    info, timeline = scan(reader, key, tally=tally, stream_index=video_stream)
    if info.width * info.height > max_pixels:
        raise SourceTooLarge(
            key,
            f"its frames have {info.width} x {info.height} pixels, more than {max_pixels}",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if this is correct",
        )
    return info, timeline


def make_cut_list(timeline: Timeline, options: Options, key: str) -> tuple[Timeline, list[Cut]]:
    """Return the part of a film's timeline to color, and the cut list: its segments in order.

    Raises:
        SourceUnsupported: If the excerpt of the options is not in the film.
    """
    cuts = cut_timeline(timeline, options.segment_frames)
    if not options.excerpt:
        return timeline, cuts
    part = clip_timeline(timeline, Excerpt(*options.excerpt), key)
    return part, clip_cuts(cuts, part, timeline)


def check_output(unit: Scan, info: VideoInfo, timeline: Timeline) -> None:
    """Check that a film's profile can write it, without reading it.

    Args:
        unit: The film's scan.
        info: Its properties.
        timeline: Its timeline.

    Raises:
        SourceUnsupported: If the profile cannot preserve the luma, or the container cannot hold the
            film's times.
    """
    key, options = unit.asset.key, unit.options
    color_spec(info)
    spec = output_spec(key, info, options, PurePosixPath(unit.output_key).suffix.lower())
    if not (options.preview or options.frames_out):
        part, _ = make_cut_list(timeline, options, key)
        check_times(key, part, spec.container)


def _check_film(context: WorkerContext, unit: Scan, record: Record) -> None:
    """Check that a scanned film can be written, so that no frame is colored in vain.

    The scan's identity does not depend on the profile, so this is done for recorded scans too.
    """
    info = info_of(record, ScanInfo)
    if info.in_color and unit.options.color_sources == "skip":
        return
    timeline = timeline_from_bytes(context.destination.get(record.attempt_key, etag=record.etag))
    check_output(unit, info.video, timeline)


def is_in_color(
    reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline, *, scale: bool = False
) -> bool:
    """Return whether most of a few sampled frames are in color; one title card is not enough.

    Raises:
        SourceDamaged: If a sampled frame does not decode.
        SourceUnsupported: If a sampled frame has another size, unless `scale` accepts that.
    """
    frames = sample_frames(
        reader, key, info, timeline, _COLOR_SAMPLES, as_decoded=True, scale=scale
    )
    votes = 0
    for frame in frames:
        if not frame.format.name.startswith("gray"):
            rgb = small_rgb(frame, *thumbnail_shape(frame.height, frame.width))
            linear = srgb_to_linear(rgb.astype(np.float32) / np.float32(255))
            votes += is_color(lab_from_linear_rgb(linear))
    return votes > len(frames) / 2


def read_scan(store: ObjectStore, scan_id: str) -> tuple[VideoInfo, Timeline]:
    """Return the properties and the timeline that a scan has stored.

    Raises:
        KeyMissing: If the record of the scan is gone.
    """
    record = read_record(store, scan_id)
    if record is None:
        raise KeyMissing(scan_id, "the record of this scan is gone", "Run the job again")
    timeline = timeline_from_bytes(store.get(record.attempt_key, etag=record.etag))
    return info_of(record, ScanInfo).video, timeline


def scan_of_film(context: WorkerContext, scan_id: str) -> tuple[VideoInfo, Timeline]:
    """Return what `read_scan` does; kept for the other segments of the film on this worker.

    Raises:
        KeyMissing: If the record of the scan is gone.
    """
    found = context.scans.get(scan_id)
    if found is None:
        found = read_scan(context.destination, scan_id)
        context.scans.clear()
        context.scans[scan_id] = found
    return found
