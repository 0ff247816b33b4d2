"""Scan one film: what it is, when each frame is shown, where to cut."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.color.tone import is_colour
from colorworker.errors import KeyMissing, SourceTooLarge
from colorworker.media.damage import ScanTally
from colorworker.media.foretell import foretell, foretell_all
from colorworker.media.planes import Frame
from colorworker.media.probe import scan
from colorworker.media.samples import sample_frames
from colorworker.pipeline.hashing import HashingReader
from colorworker.pipeline.thumbnail import thumbnail_shape
from colorworker.pipeline.workshop import Clock, Workshop
from colorworker.provenance.record import attempt_key, commit, finished, now, read_record
from colorworker.store.base import ObjectStore
from colorworker.work.excerpt import Excerpt, clipped, within
from colorworker.work.film import VideoInfo, video_info_from_json, video_info_to_json
from colorworker.work.ledger import Record
from colorworker.work.plan import Cut, Scan, cut
from colorworker.work.timeline import Timeline, timeline_from_bytes, timeline_to_bytes

_COLOUR_SAMPLES = 7
"""Keyframes looked at to tell whether a film is in colour; the majority decides."""


def scan_film(workshop: Workshop, unit: Scan, attempt: int) -> tuple[Record, bool]:
    """Return the scan's record and whether it was found; the finished film's, where there is one.

    The record's `info` holds `source_sha256`, `video`, `cuts` and `in_colour`; its result is the
    timeline.

    Raises:
        SourceDamaged: If the film does not demux whole.
        SourceTooLarge: If a frame has more pixels than the bound on decoders.
        SourceUnsupported: If its pixels are of a form we do not colour.
    """
    store = workshop.destination
    for identity in (unit.assembly_id, unit.unit_id):
        if found := finished(store, identity):
            return found, True
    clock, tally = Clock(), ScanTally()
    with clock.phase("read"), workshop.source(unit.asset) as reader:
        foretell_all(reader)
        hashing = HashingReader(reader)
        info, timeline = scan(hashing.as_file(), unit.asset.key, tally=tally)
        if info.width * info.height > workshop.max_pixels:
            raise SourceTooLarge(
                unit.asset.key,
                f"its frames have {info.width} x {info.height} pixels, more than"
                f" {workshop.max_pixels}",
                "Raise COLORWORKER_MEDIA__MAX_PIXELS if the film is what it says",
            )
        source_sha256 = hashing.sha256()
        foretell(reader, 0)
        in_colour = _in_colour(
            sample_frames(reader, unit.asset.key, info, timeline, _COLOUR_SAMPLES)
        )
    key = attempt_key(unit.unit_id, ".npz")
    stored = store.put(key, timeline_to_bytes(timeline))
    cuts = cut(timeline, unit.options.segment_frames)
    excerpt = unit.options.excerpt
    part = within(timeline, excerpt and Excerpt(*excerpt), unit.asset.key)
    if excerpt:
        cuts = clipped(cuts, part, timeline)
    record = Record(
        unit.unit_id,
        "scan",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        key,
        etag=stored.etag,
        size_bytes=stored.size_bytes,
        attempt=attempt,
        worker=workshop.worker,
        created_at=now(),
        seconds=clock.rounded(),
        info={
            "source_sha256": source_sha256,
            "video": video_info_to_json(info),
            "in_colour": in_colour,
            "origin_pts": int(timeline.pts[0]),
            "time_base": str(timeline.time_base),
            "frames": len(part.pts),
            "film_seconds": round(part.seconds, 3),
            "cuts": [asdict(item) for item in cuts],
            "warnings": tally.warnings(),
        },
    )
    return commit(store, record), False


def _in_colour(frames: Sequence[Frame]) -> bool:
    """Return whether most frames hold more than a tone; title cards in colour do not decide."""
    votes = 0
    for frame in frames:
        if not frame.format.name.startswith("gray"):
            height, width = thumbnail_shape(frame.height, frame.width)
            rgb = frame.reformat(width, height, "rgb24").to_ndarray().astype(
                np.float32
            ) / np.float32(255)
            votes += is_colour(lab_from_linear_rgb(srgb_to_linear(rgb)))
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
    return video_info_from_json(dict(record.info["video"])), timeline


def cuts_of(record: Record) -> list[Cut]:
    """Return the cuts that a scan's record holds."""
    return [Cut(**item) for item in record.info["cuts"]]
