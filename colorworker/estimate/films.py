"""Films of a dry run with their cut lists, from the scan's record, the packets or the header.

A scanned film is described by its record, without reading it. For other films the packets are read
as the scan reads them, so cuts and errors are those of the job. That takes as long as reading the
file, so the total is limited; films beyond the limit are described by their headers.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import BinaryIO

from colorworker.domain.entries import Entry
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.records import ScanInfo, info_of, record_from_json
from colorworker.domain.segmentlist import FilmOutline, group_cuts
from colorworker.domain.timeline import Timeline, timeline_from_bytes
from colorworker.domain.units import Cut, Scan, scan
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import ColorworkerError
from colorworker.estimate.sampling import Recorded
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.headers import film_header
from colorworker.media.containers.readhints import hint_read_all, hint_read_end
from colorworker.pipeline.scan import check_output, is_in_color, make_cut_list, read_packets
from colorworker.pipeline.sequenceframes import frames_named, open_asset
from colorworker.state import record_key
from colorworker.store.objectstore import ObjectStore

MOST_FILMS = 200
"""Maximum number of films to examine; each takes a few requests and lines of output."""
MOST_READ_BYTES = 1 << 30
"""Maximum bytes of films whose packets are read; a single film is read whatever its size."""
_READERS = 4
_AHEAD = 16
"""Films examined ahead of the one being printed."""


@dataclass(frozen=True)
class InspectionContext:
    """The facts about a job that are needed to inspect its films."""

    options: Options
    """Options of the job."""
    model: ModelRef
    max_pixels: int
    destination: ObjectStore
    """The destination; only records are read."""
    recorded: Recorded
    """Units that have a done-record on the destination."""


def outline_films(
    entries: Iterable[Entry],
    films: int,
    context: InspectionContext,
    opened: Callable[[str], ObjectStore],
    slow: Callable[[Entry], None] = lambda _: None,
) -> Iterator[tuple[Entry, FilmOutline | None]]:
    """Yield every entry in order, with the outline of each of the first films.

    Args:
        entries: Entries of a job; read once.
        films: Number of films to colorize among them.
        context: Facts about the job.
        opened: Opens the store at a source's root.
        slow: Called with a film before waiting for its packets to be read.
    """
    waiting: deque[tuple[Entry, Future[FilmOutline] | None]] = deque()
    seen, left = 0, MOST_READ_BYTES

    def next_outline() -> tuple[Entry, FilmOutline | None]:
        entry, future = waiting.popleft()
        if future and not future.done():
            slow(entry)
        return entry, future.result() if future else None

    with ExitStack() as stack, ThreadPoolExecutor(_READERS) as pool:
        store_of = lru_cache(maxsize=64)(lambda root: stack.enter_context(closing(opened(root))))
        for entry in entries:
            future = None
            if entry.kind == "film" and not entry.outcome and seen < MOST_FILMS:
                seen += 1
                unit = _scan(entry, context)
                is_read = unit.unit_id not in context.recorded and (
                    films == 1 or entry.size_bytes <= left
                )
                left -= entry.size_bytes if is_read else 0
                store = store_of(entry.root)
                future = pool.submit(outline, unit, store, context, reads_all=is_read)
            waiting.append((entry, future))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield next_outline()
        while waiting:
            yield next_outline()


def _scan(entry: Entry, context: InspectionContext) -> Scan:
    options = entry.options(context.options)
    return scan(entry.asset(), entry.output_key, options, context.model)


def outline(
    unit: Scan, store: ObjectStore, context: InspectionContext, *, reads_all: bool
) -> FilmOutline:
    """Return a film's properties and cut list; errors become part of the outline.

    Args:
        unit: The scan as the job would run it.
        store: Store of the source.
        context: Facts about the job.
        reads_all: Read the packets unless the film has been scanned. False: read the header only.
    """
    found = _of_record(unit, context) if unit.unit_id in context.recorded else None
    if found is None:
        asset = unit.asset
        try:
            with (
                frames_named(store, asset),
                open_asset(store, asset.key, etag=asset.etag, version=asset.version) as reader,
            ):
                if reads_all:
                    found = _of_packets(reader, unit, context.max_pixels)
                else:
                    found = _of_header(reader, unit)
        except ColorworkerError as error:
            found = FilmOutline(error=str(error))
    if unit.assembly_id not in context.recorded:
        return found
    warnings = _warnings_of(unit.assembly_id, context) if unit.options.strict else ()
    return replace(found, is_done=True, warnings=(*found.warnings, *warnings))


def _warnings_of(unit_id: str, context: InspectionContext) -> tuple[str, ...]:
    """Return the warnings in a unit's record; none if the record is missing or damaged."""
    try:
        return record_from_json(context.destination.get(record_key(unit_id))).warnings
    except (ColorworkerError, ValueError):
        return ()


def _of_record(unit: Scan, context: InspectionContext) -> FilmOutline | None:
    """Return the outline from a scan's record; None if the record is missing or damaged."""
    try:
        # Not `read_record`, which deletes damaged records: a dry run writes nothing.
        record = record_from_json(context.destination.get(record_key(unit.unit_id)))
        info = info_of(record, ScanInfo)
        timeline = timeline_from_bytes(context.destination.get(record.attempt_key))
        found = _of_cuts(info.video, info.cuts, info.origin_pts, info.time_base)
        found = replace(found, error=_refusal(unit, info.video, timeline))
    except (ColorworkerError, ValueError):
        return None
    return replace(found, seconds=info.film_seconds, in_color=info.in_color, warnings=info.warnings)


def _of_packets(reader: BinaryIO, unit: Scan, max_pixels: int) -> FilmOutline:
    key, tally = unit.asset.key, ScanTally()
    hint_read_all(reader)
    info, timeline = read_packets(reader, key, max_pixels, tally, unit.options.video_stream)
    hint_read_end(reader, 0)
    in_color = is_in_color(reader, key, info, timeline, scale=unit.options.scales)
    part, cuts = make_cut_list(timeline, unit.options, key)
    found = _of_cuts(info, cuts, int(timeline.pts[0]), timeline.time_base)
    return replace(
        found,
        seconds=part.seconds,
        in_color=in_color,
        error=_refusal(unit, info, timeline),
        warnings=tally.warnings(),
    )


def _of_cuts(
    info: VideoInfo, cuts: Sequence[Cut], origin_pts: int, time_base: Fraction
) -> FilmOutline:
    return FilmOutline(
        info.codec,
        info.rgb_format or info.pix_fmt,
        info.width,
        info.height,
        info.frame_rate,
        sum(cut.frame_count for cut in cuts),
        segments=len(cuts),
        cuts=group_cuts(cuts, origin_pts, time_base),
    )


def _refusal(unit: Scan, info: VideoInfo, timeline: Timeline) -> str:
    """Return why the profile refuses such a film; empty if it does not."""
    try:
        check_output(unit, info, timeline)
    except ColorworkerError as error:
        return str(error)
    return ""


def _of_header(reader: BinaryIO, unit: Scan) -> FilmOutline:
    header = film_header(reader, unit.asset.key)
    return FilmOutline(
        header.codec,
        header.pix_fmt,
        header.width,
        header.height,
        header.rate,
        header.frames,
        header.seconds,
        max(1, header.frames // unit.options.segment_frames),
    )
