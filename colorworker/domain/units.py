"""Work units, their identities, and how films are cut into segments.

Units carry their options, because items of one job may have different ones. That takes 230 bytes
per unit on the wire, and is sent once for the stills of a batch that share them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from colorworker.domain.fixity import BagUpdate, FixityCheck
from colorworker.domain.hints import InputFile
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Adjustment, Asset, Label, Options, non_default
from colorworker.domain.references import ReferenceFrame
from colorworker.domain.scanoptions import ScanOptions
from colorworker.domain.timeline import Timeline

RECIPE = 8
"""Raise this when the same inputs give different colors or bytes. Earlier outputs are then redone.
"""

_BESIDE_PICTURES: dict[str, Any] = {"variants": 0, "confidence": False}
_SHOWN_SEGMENTS = 6
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, default=str)
_OF_SCANS = {field.name: field.default for field in fields(ScanOptions)}


@dataclass(frozen=True)
class Scan:
    """Read a film's packets to get its properties, the time of every frame, and the cut list.

    Contains the identity of the assembly, so that one request tells whether the film is done.
    """

    unit_id: str
    asset: Asset
    assembly_id: str
    output_key: str
    options: Options


@dataclass(frozen=True)
class ShotSearch:
    """Find the shots among the frames with start_pts <= pts < end_pts.

    Only films with references or hints need this before they are colored.
    """

    unit_id: str
    asset: Asset
    start_pts: int
    end_pts: int | None
    """Exclusive; None for the end of the film."""
    frame_count: int
    scan_id: str
    options: Options


@dataclass(frozen=True)
class Segment:
    """Color the frames with start_pts <= pts < end_pts into one part."""

    unit_id: str
    asset: Asset
    index: int
    start_pts: int
    end_pts: int | None
    """Exclusive; None for the last segment."""
    frame_count: int
    scan_id: str
    """The scan that has the film's properties and timeline."""
    options: Options
    is_shown: bool = True
    """Whether a before/after picture of it is kept for the report."""


@dataclass(frozen=True)
class Assembly:
    """Join a film's parts with all other streams of the source, and verify the result."""

    unit_id: str
    asset: Asset
    output_key: str
    scan_id: str
    segment_ids: tuple[str, ...]
    options: Options


@dataclass(frozen=True)
class Still:
    """Color one picture."""

    unit_id: str
    asset: Asset
    output_key: str
    options: Options


@dataclass(frozen=True)
class ImageBatch:
    """Several pictures, sent to a worker together; each has its own identity and outcome."""

    unit_id: str
    stills: tuple[Still, ...]


ItemUnit = Scan | ShotSearch | Segment | Assembly | ImageBatch
"""Units that color items."""
WorkUnit = ItemUnit | FixityCheck | BagUpdate


@dataclass(frozen=True)
class Cut:
    """The range of one segment: start_pts <= pts < end_pts."""

    start_pts: int
    end_pts: int | None
    frame_count: int


def merge_cuts(cuts: list[Cut], most: int) -> list[Cut]:
    """Return at most `most` cuts, by merging about equal numbers of consecutive ones."""
    each = -(-len(cuts) // most)
    groups = (cuts[place : place + each] for place in range(0, len(cuts), each))
    return [
        Cut(group[0].start_pts, group[-1].end_pts, sum(item.frame_count for item in group))
        for group in groups
    ]


def content_id(kind: str, *facts: object) -> str:
    """Return 32 hex digits that change when any fact changes (SHA-256 of canonical JSON)."""
    text = _CANONICAL.encode([RECIPE, kind, *facts])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@lru_cache(maxsize=256)
def _chosen(options: Options) -> dict[str, Any]:
    """Return `non_default` of options that many units share; it must not be changed."""
    return non_default(options)


def scan(asset: Asset, output_key: str, options: Options, model: ModelRef) -> Scan:
    """Return the unit that scans `asset`. The identity of the scan does not depend on colors."""
    chosen: tuple[object, ...] = () if options.video_stream is None else (options.video_stream,)
    if options.sequence_transfer != "auto":
        chosen += (options.sequence_transfer,)
    options = _of_film(options)
    return Scan(
        content_id("scan", asset.key, asset.etag, options.segment_frames, options.excerpt, *chosen),
        asset,
        content_id("assembly", asset.key, asset.etag, output_key, _chosen(options), model.identity),
        output_key,
        options,
    )


def _of_film(options: Options) -> Options:
    """Return the options without those that only matter to pictures."""
    own = {**_BESIDE_PICTURES, **_OF_SCANS}
    if all(getattr(options, name) == default for name, default in own.items()):
        return options
    return replace(options, **own)


def shot_searches(
    asset: Asset, cuts: list[Cut], scan_id: str, options: Options
) -> list[ShotSearch]:
    """Return one search per cut. Identities do not depend on colors or references."""
    options = replace(options, adjustments=(), reference_frames=(), hint_files=())
    found = []
    for cut in cuts:
        range_pts = cut.start_pts, cut.end_pts
        identity = content_id("shots", asset.key, asset.etag, range_pts, options.deinterlace)
        found.append(ShotSearch(identity, asset, *range_pts, cut.frame_count, scan_id, options))
    return found


def segments(
    asset: Asset,
    cuts: list[Cut],
    scan_id: str,
    options: Options,
    model: ModelRef,
    adjustments_of: Callable[[Cut], tuple[Adjustment, ...]] = lambda _: (),
    references_of: Callable[[int], tuple[ReferenceFrame, ...]] = lambda _: (),
    hints_of: Callable[[int], tuple[InputFile, ...]] = lambda _: (),
) -> list[Segment]:
    """Return one segment per cut. Identities contain the range, not the index or the job.

    Args:
        asset: The film.
        cuts: All cuts of the film.
        scan_id: Identity of its scan.
        options: Options of the film.
        model: The weights.
        adjustments_of: Returns the film's adjustments that apply to a cut; only these are part of
            the segment's identity.
        references_of: The same for references; gets the index of the cut.
        hints_of: The same for hints.
    """
    # A part has no metadata and no signature, and does not depend on where the film ends. Frames of
    # a sequence are parts that have metadata.
    untagged = options.label == "none" and not options.frames_out
    label: Label = "tag" if untagged else options.label
    options = replace(_of_film(options), label=label, excerpt=None, c2pa=False)
    found = []
    for index, cut in enumerate(cuts):
        own = replace(
            options,
            adjustments=adjustments_of(cut),
            reference_frames=references_of(index),
            hint_files=hints_of(index),
        )
        range_pts = cut.start_pts, cut.end_pts
        identity = content_id(
            "segment", asset.key, asset.etag, range_pts, _chosen(own), model.identity
        )
        is_shown = index in shown_segments(len(cuts))
        found.append(
            Segment(identity, asset, index, *range_pts, cut.frame_count, scan_id, own, is_shown)
        )
    return found


def shown_segments(count: int) -> range:
    """Return the indices of the segments of a film that the report shows pictures of: up to 6."""
    return range(0, count, -(-count // _SHOWN_SEGMENTS) or 1)


def assembly(scan_unit: Scan, segment_units: list[Segment]) -> Assembly:
    """Return the unit that joins all segments of the scanned film."""
    return Assembly(
        scan_unit.assembly_id,
        scan_unit.asset,
        scan_unit.output_key,
        scan_unit.unit_id,
        tuple(segment.unit_id for segment in segment_units),
        scan_unit.options,
    )


def still(asset: Asset, output_key: str, options: Options, model: ModelRef) -> Still:
    """Return the unit that colors the picture `asset` into `output_key`."""
    identity = content_id(
        "still", asset.key, asset.etag, output_key, _chosen(options), model.identity
    )
    return Still(identity, asset, output_key, options)


def image_batch(stills: tuple[Still, ...]) -> ImageBatch:
    """Return the stills as one unit."""
    return ImageBatch(content_id("batch", *(item.unit_id for item in stills)), stills)


def cut_timeline(timeline: Timeline, target_frames: int) -> list[Cut]:
    """Cut a film at each first keyframe that is at least target_frames after the previous cut.

    Every frame is in exactly one cut. A film that is not seekable is one cut.

    Raises:
        ValueError: If target_frames is not positive.
    """
    if target_frames <= 0:
        raise ValueError(f"target_frames must be positive, got {target_frames}")
    starts = [0]
    if timeline.seekable:
        for frame in timeline.pts.searchsorted(timeline.keyframes):
            if frame - starts[-1] >= target_frames:
                starts.append(int(frame))
    ends = [*starts[1:], len(timeline.pts)]
    return [
        Cut(
            int(timeline.pts[start]),
            int(timeline.pts[end]) if end < len(timeline.pts) else None,
            end - start,
        )
        for start, end in zip(starts, ends, strict=True)
    ]


def bag_update(job_id: str) -> BagUpdate:
    """Return the unit that writes the manifests of a bag at the end of a job."""
    return BagUpdate(content_id("bag", job_id))


def bag_check(folder: str) -> FixityCheck:
    """Return the unit that checks the manifests of a bag; `folder` is a prefix for its tally."""
    identity = content_id("fixity", "bag")
    return FixityCheck(identity, (), f"{folder}{identity}.json" if folder else "", bag=True)


def fixity_check(
    record_ids: tuple[str, ...], folder: str, *, sources: bool, source_root: str
) -> FixityCheck:
    """Return the unit that checks the results of these units.

    Args:
        record_ids: Ids of units that have records.
        folder: Prefix of keys for tallies; empty to put none.
        sources: Check the sources as well.
        source_root: See `FixityCheck`.
    """
    identity = content_id("fixity", *record_ids)
    key = f"{folder}{identity}.json" if folder else ""
    return FixityCheck(identity, record_ids, key, sources=sources, source_root=source_root)
