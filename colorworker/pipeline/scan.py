"""Scan one film: what it is, when each frame is shown, where to cut."""

from typing import BinaryIO

import numpy as np

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.color.tone import is_color
from colorworker.domain.excerpt import Excerpt, clipped, within
from colorworker.domain.options import Options
from colorworker.domain.records import Record, ScanInfo, info_of
from colorworker.domain.timeline import Timeline, timeline_from_bytes, timeline_to_bytes
from colorworker.domain.units import Cut, Scan, cut
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import KeyMissing, SourceTooLarge
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.probe import scan
from colorworker.media.containers.readhints import hint_read_all, hint_read_end
from colorworker.media.repack import small_rgb
from colorworker.media.sampleframes import sample_frames
from colorworker.pipeline.beforeafter import thumbnail_shape
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.hashing import HashingReader
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.state import attempt_key, commit, finished, now, read_record
from colorworker.store.objectstore import ObjectStore

_COLOR_SAMPLES = 7
"""Keyframes looked at to tell whether a film is in color; the majority decides."""


def scan_film(context: WorkerContext, unit: Scan, attempt: int) -> tuple[Record, bool]:
    """Return the scan's record and whether it was found; the finished film's, where there is one.

    The record's `info` holds `source_sha256`, `video`, `cuts` and `in_color`; its result is the
    timeline.

    Raises:
        SourceDamaged: If the film does not demux whole.
        SourceTooLarge: If a frame has more pixels than the bound on decoders.
        SourceUnsupported: If its pixels are of a form we do not color.
    """
    store = context.destination
    for identity in (unit.assembly_id, unit.unit_id):
        if found := finished(store, identity):
            return found, True
    timer, tally = PhaseTimer(), ScanTally()
    key = unit.asset.key
    with timer.phase("read"), context.source(unit.asset) as reader:
        hint_read_all(reader)
        hashing = HashingReader(reader)
        info, timeline = read_packets(hashing.as_file(), key, context.settings.max_pixels, tally)
        source_sha256 = hashing.sha256()
        hint_read_end(reader, 0)
        in_color = is_in_color(reader, key, info, timeline)
    result_key = attempt_key(unit.unit_id, ".npz")
    stored = store.put(result_key, timeline_to_bytes(timeline))
    part, cuts = cut_film(timeline, unit.options, key)
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
            tuple(tally.warnings()),
        ),
    )
    return commit(store, record), False


def read_packets(
    reader: BinaryIO, key: str, max_pixels: int, tally: ScanTally
) -> tuple[VideoInfo, Timeline]:
    """Return what a film is and when its frames are shown; all of it is read.

    Raises:
        SourceDamaged: If the film does not demux whole.
        SourceTooLarge: If a frame has more than `max_pixels` pixels.
        SourceUnsupported: If its pixels are of a form we do not color.
    """
    info, timeline = scan(reader, key, tally=tally)
    if info.width * info.height > max_pixels:
        raise SourceTooLarge(
            key,
            f"its frames have {info.width} x {info.height} pixels, more than {max_pixels}",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if the film is what it says",
        )
    return info, timeline


def cut_film(timeline: Timeline, options: Options, key: str) -> tuple[Timeline, list[Cut]]:
    """Return what of a film is to be colored, and its segments.

    Raises:
        UsageError: If the film does not have the excerpt that the options ask for.
    """
    cuts = cut(timeline, options.segment_frames)
    if not options.excerpt:
        return timeline, cuts
    part = within(timeline, Excerpt(*options.excerpt), key)
    return part, clipped(cuts, part, timeline)


def is_in_color(reader: BinaryIO, key: str, info: VideoInfo, timeline: Timeline) -> bool:
    """Return whether most of a few frames hold more than a tone; title cards do not decide.

    Raises:
        SourceDamaged: If one of them does not decode.
    """
    frames = sample_frames(reader, key, info, timeline, _COLOR_SAMPLES)
    votes = 0
    for frame in frames:
        if not frame.format.name.startswith("gray"):
            rgb = small_rgb(frame, *thumbnail_shape(frame.height, frame.width))
            linear = srgb_to_linear(rgb.astype(np.float32) / np.float32(255))
            votes += is_color(lab_from_linear_rgb(linear))
    return votes > len(frames) / 2


def film_of(store: ObjectStore, scan_id: str) -> tuple[VideoInfo, Timeline]:
    """Return what the scan found.

    Raises:
        KeyMissing: If there is no record of the scan.
    """
    record = read_record(store, scan_id)
    if record is None:
        raise KeyMissing(scan_id, "the record of this scan is gone", "Run the job again")
    timeline = timeline_from_bytes(store.get(record.attempt_key, etag=record.etag))
    return info_of(record, ScanInfo).video, timeline
