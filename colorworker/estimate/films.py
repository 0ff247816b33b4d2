"""The films of a dry run, each with where it will be cut: by its record, its packets or its header.

A film that has been scanned is known by its scan's record, and nothing of it is read. Of others the
packets are read as the scan reads them, so that cuts and errors are those of the job; this takes as
long as reading the file does, so there is a bound on all of it. What is beyond is told by headers.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import PurePosixPath
from typing import BinaryIO

from colorworker.domain.entries import Entry
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.records import record_from_json
from colorworker.domain.segmentlist import Outline, stretches
from colorworker.domain.units import Cut, Scan, scan
from colorworker.domain.videoinfo import VideoInfo, video_info_from_json
from colorworker.errors import ColorworkerError
from colorworker.estimate.sampling import Recorded
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.containers.damage import ScanTally
from colorworker.media.containers.headers import film_header
from colorworker.media.containers.readhints import hint_read_all, hint_read_end
from colorworker.media.filetypes import film_output_extension
from colorworker.media.planes import color_spec
from colorworker.pipeline.scan import cut_film, cuts_of, is_in_color, read_packets
from colorworker.state import record_key
from colorworker.store.objectstore import ObjectStore

MOST_FILMS = 200
"""That are looked at; each takes a few requests, and lines on a screen."""
MOST_READ_BYTES = 1 << 30
"""Of all films whose packets are read; a job of one film reads it whatever its size."""
_READERS = 4
_AHEAD = 16
"""Films that may be looked at before the first of them has been said."""


@dataclass(frozen=True)
class Looking:
    """What films are looked at for."""

    options: Options
    """Of the job."""
    model: ModelRef
    max_pixels: int
    destination: ObjectStore
    """Of which only records are read."""
    recorded: Recorded
    """Units that it has records of."""


def outlined(
    entries: Iterable[Entry],
    films: int,
    looking: Looking,
    opened: Callable[[str], ObjectStore],
    slow: Callable[[Entry], None] = lambda _: None,
) -> Iterator[tuple[Entry, Outline | None]]:
    """Yield every entry in its order, and what of the first films will become.

    Args:
        entries: Of a job; seen once.
        films: How many of them are films to be done.
        looking: What for.
        opened: Opens a source's root.
        slow: Takes a film that is waited for because its packets are read.
    """
    waiting: deque[tuple[Entry, Future[Outline] | None]] = deque()
    seen, left = 0, MOST_READ_BYTES

    def said() -> tuple[Entry, Outline | None]:
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
                unit = _scan(entry, looking)
                is_read = unit.unit_id not in looking.recorded and (
                    films == 1 or entry.size_bytes <= left
                )
                left -= entry.size_bytes if is_read else 0
                store = store_of(entry.root)
                future = pool.submit(outline, unit, store, looking, reads_all=is_read)
            waiting.append((entry, future))
            while waiting and (waiting[0][1] is None or len(waiting) > _AHEAD):
                yield said()
        while waiting:
            yield said()


def _scan(entry: Entry, looking: Looking) -> Scan:
    options = entry.options(looking.options)
    return scan(entry.asset(), entry.output_key, options, looking.model)


def outline(unit: Scan, store: ObjectStore, looking: Looking, *, reads_all: bool) -> Outline:
    """Return what a film is and where it will be cut; an error is part of it.

    Args:
        unit: Its scan, as the job would do it.
        store: Of the source.
        looking: What for.
        reads_all: Its packets are read, unless they have been; else only its header.
    """
    found = _of_record(unit, looking) if unit.unit_id in looking.recorded else None
    if found is None:
        asset = unit.asset
        try:
            with store.open(asset.key, etag=asset.etag, version=asset.version) as reader:
                if reads_all:
                    found = _of_packets(reader, unit, looking.max_pixels)
                else:
                    found = _of_header(reader, unit)
        except ColorworkerError as error:
            found = Outline(error=str(error))
    return replace(found, is_done=unit.assembly_id in looking.recorded)


def _of_record(unit: Scan, looking: Looking) -> Outline | None:
    """Return what a scan has found before; None where its record is gone or damaged."""
    try:
        # Not `read_record`, which removes what is damaged: a dry run writes nothing.
        record = record_from_json(looking.destination.get(record_key(unit.unit_id)))
        facts = record.info
        found = _of_cuts(
            unit,
            video_info_from_json(dict(facts["video"])),
            cuts_of(record),
            facts["origin_pts"],
            Fraction(facts["time_base"]),
        )
        return replace(
            found,
            seconds=facts["film_seconds"],
            in_color=facts["in_color"],
            warnings=tuple(facts["warnings"]),
        )
    except (ColorworkerError, ValueError, TypeError, KeyError):
        return None


def _of_packets(reader: BinaryIO, unit: Scan, max_pixels: int) -> Outline:
    key, tally = unit.asset.key, ScanTally()
    hint_read_all(reader)
    info, timeline = read_packets(reader, key, max_pixels, tally)
    hint_read_end(reader, 0)
    in_color = is_in_color(reader, key, info, timeline)
    part, cuts = cut_film(timeline, unit.options, key)
    found = _of_cuts(unit, info, cuts, int(timeline.pts[0]), timeline.time_base)
    return replace(found, seconds=part.seconds, in_color=in_color, warnings=tally.warnings())


def _of_cuts(
    unit: Scan, info: VideoInfo, cuts: list[Cut], origin_pts: int, time_base: Fraction
) -> Outline:
    return Outline(
        info.codec,
        info.pix_fmt,
        info.width,
        info.height,
        info.frame_rate,
        sum(cut.frame_count for cut in cuts),
        segments=len(cuts),
        cuts=stretches(cuts, origin_pts, time_base),
        error=_refusal(unit, info),
    )


def _refusal(unit: Scan, info: VideoInfo) -> str:
    """Return why the profile cannot keep such a film; empty where it can."""
    key, options = unit.asset.key, unit.options
    extension = film_output_extension(PurePosixPath(key).suffix, options.profile, options.codec)
    try:
        color_spec(info)
        encoder_for(key, info, options, extension)
    except ColorworkerError as error:
        return str(error)
    return ""


def _of_header(reader: BinaryIO, unit: Scan) -> Outline:
    header = film_header(reader, unit.asset.key)
    return Outline(
        header.codec,
        header.pix_fmt,
        header.width,
        header.height,
        header.rate,
        header.frames,
        header.seconds,
        max(1, header.frames // unit.options.segment_frames),
    )
