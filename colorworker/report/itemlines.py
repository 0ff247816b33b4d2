"""The outcome of each item: a line of report.jsonl, and the source of the report page."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colorworker.domain.entries import Entry
from colorworker.domain.jsonvalues import from_json, to_json
from colorworker.domain.records import (
    FilmInfo,
    Record,
    ScanInfo,
    SegmentInfo,
    StillInfo,
    UnitResult,
)
from colorworker.domain.shots import Shot, ShotSheet
from colorworker.domain.streamfate import StreamFate

SHEET_COLUMNS = 10
"""Pictures per row of a `ShotSheet`; must be the same in `media.stills.contactsheet`."""


@dataclass(frozen=True)
class ItemLine:
    """The outcome of one source."""

    root: str
    """URI of the store the source lies in."""
    key: str
    kind: str
    """`still`, `film`, or empty if the source is neither."""
    outcome: str
    """`succeeded` (also if an earlier run did it), `failed` or `skipped`."""
    error_code: str = ""
    error: str = ""
    """Message for people: why it failed or was skipped."""
    output_key: str = ""
    source_sha256: str = ""
    output_sha256: str = ""
    output_bytes: int | None = None
    """Size of the output; None if there is none."""
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    """1 for a picture; None if unknown."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, summed over the item's units, including those of earlier runs."""
    attempts: int = 0
    """Attempts of the unit with the most attempts; 0 if nothing was attempted."""
    worker: str = ""
    resumed: bool = False
    """Done by an earlier run; this run computed nothing for it."""
    warnings: tuple[str, ...] = ()
    """Sentences about lost or altered material."""
    notes: tuple[str, ...] = ()
    """Sentences about what is harmless."""
    streams: tuple[StreamFate, ...] = ()
    """What happened to each stream of a film's source."""
    thumbnail_keys: tuple[str, ...] = ()
    """Keys of its before/after pictures on the destination; several for a film."""
    shots: tuple[Shot, ...] = ()
    """Shots of a joined film."""
    shot_sheet: ShotSheet | None = None
    version: str = ""
    """Requested version of the source, in a store that keeps several; empty for the latest."""
    own_options: Mapping[str, Any] = field(default_factory=dict)
    """Options that differ from the job's."""
    certainty: float | None = None
    """How certain the network is of a picture's colors, from 0 to 1; None if not measured."""


def line_of_entry(entry: Entry) -> ItemLine:
    """Return the line of a source that was skipped or failed when it was listed."""
    return ItemLine(
        entry.root,
        entry.key,
        entry.kind or "",
        entry.outcome,
        entry.error_code,
        entry.error,
        version=entry.version,
        own_options=dict(entry.own_options),
    )


def line_of_still(entry: Entry, result: UnitResult) -> ItemLine:
    """Return the line of a picture."""
    return _line(entry, result, [result], _Size(frames=1))


def line_of_film(
    entry: Entry, result: UnitResult, scanned: Record | None, results: Iterable[UnitResult]
) -> ItemLine:
    """Return the line of a film.

    Args:
        entry: The source.
        result: The final result: of the assembly, or of the unit that failed.
        scanned: The record of the scan, if there is one.
        results: Results of all its units in this run.
    """
    size = _Size()
    if scanned is not None and isinstance(scanned.info, ScanInfo):
        video = scanned.info.video
        size = _Size(video.width, video.height, scanned.info.frames)
    return _line(entry, result, [*results, result], size)


@dataclass(frozen=True)
class _Size:
    """Width, height and number of frames of an item; None if unknown."""

    width: int | None = None
    height: int | None = None
    frames: int | None = None


def _line(entry: Entry, result: UnitResult, results: Sequence[UnitResult], size: _Size) -> ItemLine:
    """Return the line of a source from its units' results.

    Args:
        entry: The source.
        result: The final result.
        results: Results of all its units; may contain duplicates.
        size: Size to use if the record of `result` has none.
    """
    record = result.record if _has_output(result) else None
    records = {item.record.unit_id: item.record for item in results if item.record}.values()
    info = record.info if record else None
    if isinstance(info, FilmInfo):
        size = _Size(info.width, info.height, info.frames)
    elif isinstance(info, StillInfo):
        size = replace(size, width=info.width, height=info.height)
    film = info if isinstance(info, FilmInfo) else None
    # The record of a still or of a joined film covers all units. Otherwise use the units' records.
    whole = [record] if record and record.kind in {"still", "assembly"} else list(records)
    # The segments of a preview end in any order.
    whole.sort(key=_start_pts)
    workers = dict.fromkeys(
        [item.worker for item in records if item.worker] or [result.worker or ""]
    )
    return ItemLine(
        root=entry.root,
        key=entry.key,
        kind=entry.kind or "",
        outcome=result.outcome,
        error_code=result.error_code,
        error=result.error,
        output_key=record.output_key if record else "",
        source_sha256=info.source_sha256 if isinstance(info, FilmInfo | StillInfo) else "",
        output_sha256=record.sha256 if record else "",
        output_bytes=record.size_bytes if record else None,
        width=size.width,
        height=size.height,
        frames=size.frames,
        seconds=_summed([item.seconds for item in whole]),
        attempts=max(item.attempt for item in results),
        worker=", ".join(sorted(workers)),
        resumed=bool(results) and all(item.resumed for item in results),
        warnings=tuple(dict.fromkeys(text for item in whole for text in item.warnings)),
        notes=tuple(dict.fromkeys(text for item in whole for text in item.notes)),
        streams=film.streams if film else (),
        thumbnail_keys=tuple(key for item in whole for key in item.all_thumbnail_keys),
        shots=film.shots if film else (),
        shot_sheet=film.shot_sheet if film else None,
        version=entry.version,
        own_options=dict(entry.own_options),
        certainty=info.certainty if isinstance(info, StillInfo) else None,
    )


def _has_output(result: UnitResult) -> bool:
    """Return whether the item was colored, even if its warnings made it fail."""
    is_whole = result.record is not None and result.record.kind in {"still", "assembly"}
    return result.outcome == "succeeded" or (result.outcome == "failed" and is_whole)


def _start_pts(record: Record) -> int:
    return record.info.start_pts if isinstance(record.info, SegmentInfo) else 0


def line_to_json(line: ItemLine) -> bytes:
    """Return the line as one line of ASCII JSON with its newline.

    Bytes of a name that are not UTF-8 are kept as lone surrogates, which Python reads back.
    """
    return json.dumps(to_json(line), ensure_ascii=True).encode() + b"\n"


def line_from_json(data: bytes) -> ItemLine:
    """Return the item that `line_to_json` wrote; fields of newer versions are ignored.

    Raises:
        ValueError: If it is not the JSON object of an item.
    """
    values = json.loads(data)
    if not isinstance(values, dict) or not {"root", "key", "kind", "outcome"} <= values.keys():
        raise ValueError("not a line of a report")
    return from_json(ItemLine, values)


@dataclass(frozen=True)
class Totals:
    """Sums over all items of a job."""

    items: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    resumed: int = 0
    """Succeeded items that an earlier run had done."""
    stills: int = 0
    """Colored stills."""
    films: int = 0
    """Colored films."""
    frames: int = 0
    """Frames of the colored films."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, of all items."""


def totals_of(lines: Iterable[ItemLine]) -> Totals:
    """Return the sums over all lines; iterates once and keeps no line."""
    counts = {name: 0 for name in Totals.__dataclass_fields__ if name != "seconds"}
    seconds: dict[str, float] = {}
    for line in lines:
        colored = line.outcome == "succeeded"
        counts["items"] += 1
        counts[line.outcome] += 1
        counts["resumed"] += colored and line.resumed
        counts["stills"] += colored and line.kind == "still"
        counts["films"] += colored and line.kind == "film"
        counts["frames"] += (line.frames or 0) if colored and line.kind == "film" else 0
        seconds = _summed((seconds, line.seconds))
    return Totals(**counts, seconds=seconds)


def _summed(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the sum for each phase, rounded to milliseconds."""
    first, *others = parts or ({},)
    total = {phase: round(seconds, 3) for phase, seconds in first.items()}
    for part in others:
        for phase, seconds in part.items():
            total[phase] = round(total.get(phase, 0.0) + seconds, 3)
    return total
