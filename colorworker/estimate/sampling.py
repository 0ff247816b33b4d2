"""Measure the work in an archive: sources in groups, with a sample of headers from each."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from colorworker.domain.costs import CostClass, SourceGroup, SourceSample
from colorworker.domain.entries import Entry, EntryCounts
from colorworker.domain.excerpt import Excerpt
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import output_identity
from colorworker.errors import ColorworkerError
from colorworker.media.containers.headers import film_header
from colorworker.media.filetypes import extension_of
from colorworker.media.stills.vips import open_still
from colorworker.pipeline.sequenceframes import open_asset
from colorworker.state import STATE
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

MOST_SAMPLES = 200
"""Maximum number of headers read, for pictures and for films; each takes a few requests."""
_READERS = 8
_DIGITS = 16
"""Hex digits of a unit's ID that are stored: 8 bytes each, 8 MB for a million."""


@dataclass(frozen=True)
class Volume:
    """The work to do, in numbers."""

    groups: tuple[SourceGroup, ...]
    items_done: int
    """Items with a done-record on the destination; they are not in the groups."""
    items: int
    """Number of items in the groups."""
    size_bytes: int
    """Total size of those items."""


class Recorded:
    """The units with a done-record on a destination, from one listing; no record is read."""

    def __init__(self, store: ObjectStore | None = None) -> None:
        """List a destination's records. None: no records."""
        prefix = f"{STATE}/units/"
        listed = store.list(prefix) if store else ()
        names = (info.key.removeprefix(prefix)[:_DIGITS] for info in listed)
        numbers = np.fromiter((_number(name) for name in names), np.uint64)
        self._sorted: npt.NDArray[np.uint64] = np.sort(numbers)

    def __len__(self) -> int:
        return len(self._sorted)

    def __contains__(self, unit_id: str) -> bool:
        number = np.uint64(_number(unit_id[:_DIGITS]))
        place = int(np.searchsorted(self._sorted, number))
        return place < len(self._sorted) and bool(self._sorted[place] == number)


def _number(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        return 0


@dataclass
class _Counting:
    items: int = 0
    size_bytes: int = 0
    samples: list[Future[SourceSample | None]] = field(default_factory=list)


def survey(
    entries: Iterable[Entry],
    counts: EntryCounts,
    options: Options,
    model: ModelRef,
    opened: Callable[[str], ObjectStore],
    recorded: Recorded | None = None,
    *,
    most_samples: int = MOST_SAMPLES,
) -> Volume:
    """Return the work to do; memory grows with the samples, not with the entries.

    Samples are evenly spaced in the order of the entries, so that all folders are represented. A
    source whose header cannot be read is ignored here; the job reports it.

    Args:
        entries: Entries of the job; read once.
        counts: Counts of the entries.
        options: Options of the job.
        model: Weights of the job.
        opened: Opens the store at a source's root.
        recorded: Units with a done-record on the destination.
        most_samples: Maximum number of headers to read, for each kind.
    """
    steps = {
        "still": -(-counts.stills // most_samples) or 1,
        "film": -(-counts.films // most_samples) or 1,
    }
    seen = {"still": 0, "film": 0}
    found: dict[tuple[str, str], _Counting] = {}
    done = 0
    with ExitStack() as stack, ThreadPoolExecutor(_READERS) as pool:
        store_of = lru_cache(maxsize=64)(lambda root: stack.enter_context(closing(opened(root))))
        for entry in entries:
            if entry.outcome or entry.kind is None:
                continue
            seen[entry.kind] += 1
            own = entry.options(options)
            if recorded and output_identity(entry, options, model) in recorded:
                done += 1
                continue
            group = found.setdefault((entry.kind, extension_of(entry.key)), _Counting())
            group.items += 1
            group.size_bytes += entry.size_bytes
            if seen[entry.kind] % steps[entry.kind] == 0 or not group.samples:
                store = store_of(entry.root)
                group.samples.append(pool.submit(_sample, entry, store, own))
        groups = tuple(_groups(found))
    items = sum(group.items for group in groups)
    return Volume(groups, done, items, sum(group.size_bytes for group in groups))


def _groups(found: dict[tuple[str, str], _Counting]) -> Iterator[SourceGroup]:
    for (kind, _), group in found.items():
        samples = tuple(said for future in group.samples if (said := future.result()))
        yield SourceGroup(
            "film" if kind == "film" else "still", group.items, group.size_bytes, samples
        )


def _sample(entry: Entry, store: ObjectStore, options: Options) -> SourceSample | None:
    try:
        with open_asset(store, entry.key, etag=entry.etag, version=entry.version) as reader:
            if entry.kind == "still":
                with open_still(reader, entry.key, max_pixels=1 << 40) as picture:
                    info = picture.info
                    cost_class = CostClass(
                        "still", info.loader, str(info.bit_depth), options.profile
                    )
                    megapixels, size_bytes = info.width * info.height / 1e6, entry.size_bytes
                    return SourceSample(
                        cost_class, size_bytes, 1, megapixels, picture_bytes=size_bytes
                    )
            header = film_header(reader, entry.key)
    except ColorworkerError:
        return None
    except Exception:  # a bug that one source brings out must not keep the job from starting
        logger.warning("%s: not estimated", entry.key, exc_info=True)
        return None
    part = _share_of_excerpt(options, header.seconds)
    frames = round(header.frames * part)
    other_bytes = min(header.other_bit_rate * header.seconds / 8, entry.size_bytes) * part
    return SourceSample(
        CostClass("film", header.codec, header.pix_fmt, options.profile),
        entry.size_bytes,
        frames,
        header.width * header.height / 1e6,
        header.seconds * part,
        max(1, frames // options.segment_frames),
        entry.size_bytes * part - other_bytes,
        other_bytes,
    )


def _share_of_excerpt(options: Options, seconds: float) -> float:
    if options.excerpt is None or not seconds:
        return 1.0
    excerpt = Excerpt(*options.excerpt)
    end = seconds if excerpt.end_ms is None else min(seconds, excerpt.end_ms / 1000)
    return max(0.0, end - excerpt.start_ms / 1000) / seconds
