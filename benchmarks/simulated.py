"""Units whose pixels are replaced by stated latencies, for `scale.py`; everything else is real.

An item's key begins with its workload, such as `heavy-1.0-20`: how latencies vary, their mean in
seconds, and the segments of a film. `run_unit` waits that long instead of decoding, predicting and
encoding, and puts bytes without meaning. Records, attempts, commits and publications go through
`colorworker.state` and the worker's store, in the order of `pipeline`; `tests/unit/test_scale.py`
compares the calls with those of real pictures and films. Sources are not read.
"""

import hashlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from statistics import NormalDist

import numpy as np

from colorworker.domain.records import (
    FilmInfo,
    PartFacts,
    Record,
    ScanInfo,
    SegmentInfo,
    StillInfo,
    UnitResult,
    info_of,
)
from colorworker.domain.timeline import Timeline, timeline_to_bytes
from colorworker.domain.units import (
    Assembly,
    Cut,
    ImageBatch,
    Scan,
    Segment,
    Still,
    WorkUnit,
    cut_timeline,
)
from colorworker.domain.videoinfo import VideoInfo
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.framelist import finished_frames
from colorworker.pipeline.outcome import success
from colorworker.pipeline.scan import read_scan, scan_of_film
from colorworker.state import (
    attempt_key,
    check_name,
    commit,
    contact_key,
    finished,
    now,
    read_record,
    refuse_foreign,
    store_output,
    thumbnail_key,
)
from colorworker.store.objectstore import ObjectStore

OUTPUT_BYTES, THUMBNAIL_BYTES = 16 << 10, 4 << 10
STRAGGLERS, STRAGGLING = 0.01, 20.0
"""Share of stragglers, and how many times as long as the others they take."""
SIGMA = 1.0
"""Of the logarithm of heavy-tailed latencies: one in 100 is six times the mean, or longer."""
THREADS = 4
"""Pictures of a batch that wait for the store at a time, as in `pipeline/stillbatch.py`."""
FRAMES_PER_SEGMENT = 480
PHASES = dict.fromkeys(("read", "decode", "predict", "encode", "verify", "write"), 0.1)
CALLS = ("list", "head", "get", "open", "put", "put_file", "create", "publish", "delete")
STORED = ("attempt_key", "etag", "size_bytes", "sha256")
VIDEO = VideoInfo(
    "matroska,webm", "ffv1", 720, 576, "yuv420p", Fraction(25), None, 1, 5, 5, 6
)  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """What the units of an item cost."""

    shape: str
    """`constant`, `heavy` (lognormal) or `stragglers`."""
    seconds: float
    """Mean latency of a unit."""
    segments: int = 0
    """Segments of a film; 0 for pictures."""

    @property
    def folder(self) -> str:
        return f"{self.shape}-{self.seconds:g}-{self.segments}"

    def latency(self, unit_id: str) -> float:
        """Return the unit's latency, which is the same in every run."""
        share = (int(hashlib.sha256(unit_id.encode()).hexdigest()[:12], 16) + 0.5) / 16**12
        if self.shape == "heavy":
            return self.seconds * math.exp(SIGMA * NormalDist().inv_cdf(share) - SIGMA**2 / 2)
        if self.shape == "stragglers":
            usual = self.seconds / (1 + STRAGGLERS * (STRAGGLING - 1))
            return usual * (STRAGGLING if share < STRAGGLERS else 1.0)
        return self.seconds


def workload_of(key: str) -> Workload:
    """Return the workload that an item's key begins with."""
    shape, seconds, segments = key.partition("/")[0].split("-")
    return Workload(shape, float(seconds), int(segments))


class Counted:
    """A store that counts its calls, and the bytes that are put and got."""

    def __init__(self, inner: ObjectStore) -> None:
        self.inner, self.calls, self.bytes = inner, Counter[str](), Counter[str]()

    def __getattr__(self, name: str):
        call = getattr(self.inner, name)
        if name not in CALLS:
            return call

        def counted(*arguments, **options):
            self.calls[name] += 1
            if name == "put":
                self.bytes["written"] += len(arguments[1])
            elif name in {"put_file", "create"}:
                self.bytes["written"] += arguments[1].stat().st_size
            found = call(*arguments, **options)
            if name == "get":
                self.bytes["read"] += len(found)
            return found

        return counted


@dataclass
class _Measured:
    """One unit on its actor."""

    begun: float
    cpu: float
    work: float = 0.0

    def wait(self, workload: Workload, unit_id: str) -> None:
        """Wait instead of computing."""
        before = time.monotonic()
        time.sleep(workload.latency(unit_id))
        self.work += time.monotonic() - before


def run_unit(context: WorkerContext, unit: WorkUnit, attempt: int) -> UnitResult:
    """Do a simulated unit; in its result, `software` of the record is JSON of times and calls."""
    measured = _Measured(time.monotonic(), time.process_time())
    store = Counted(context.destination)
    result = _result(replace(context, destination=store), unit, attempt, measured)
    found = {
        "begun": measured.begun,
        "ended": time.monotonic(),
        "work": measured.work,
        "cpu": time.process_time() - measured.cpu,
        "calls": store.calls.total(),
        "bytes": store.bytes.total(),
    }
    if not result.stills:
        return _telling(result, found)
    first, *others = result.stills
    return replace(result, stills=(_telling(first, found), *others))


def _telling(result: UnitResult, found: dict[str, float]) -> UnitResult:
    return replace(result, record=replace(result.record, software=json.dumps(found)))


def _result(
    context: WorkerContext, unit: WorkUnit, attempt: int, measured: _Measured
) -> UnitResult:
    if isinstance(unit, ImageBatch):
        stills = _stills(context, unit, attempt, measured)
        return UnitResult(
            unit.unit_id, "succeeded", attempt=attempt, worker=context.worker, stills=stills
        )
    work: Callable[..., Record] = {Scan: _scan, Segment: _segment, Assembly: _assembly}[type(unit)]
    joined = finished_frames(context.destination, unit) if isinstance(unit, Scan) else None
    found = joined or finished(context.destination, unit.unit_id)
    record = found or work(context, unit, attempt, measured)
    if record.kind == "scan":
        context.destination.get(record.attempt_key, etag=record.etag)
    return success(context, unit, attempt, record, resumed=found is not None)


def _stills(
    context: WorkerContext, batch: ImageBatch, attempt: int, measured: _Measured
) -> tuple[UnitResult, ...]:
    def begin(still: Still) -> Record | None:
        found = finished(context.destination, still.unit_id)
        if not found:
            check_name(context.destination, still.output_key)
        return found

    def finish(still: Still) -> Record:
        store, key = context.destination, still.output_key
        record = still_record(context, still, attempt)
        store.put(record.thumbnail_key, bytes(THUMBNAIL_BYTES))
        with _content(context, key) as (path, sha256):
            stored = store_output(store, still.unit_id, key, path, sha256)
        put = {name: getattr(stored, name) for name in STORED}
        return commit(store, replace(record, **put), is_published=stored.is_published)

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(begin, batch.stills))
        if not all(found):
            measured.wait(workload_of(batch.stills[0].asset.key), batch.unit_id)
        pairs = zip(batch.stills, found, strict=True)
        records = list(pool.map(lambda pair: pair[1] or finish(pair[0]), pairs))
    return tuple(
        success(context, still, attempt, record, resumed=old is not None)
        for still, record, old in zip(batch.stills, records, found, strict=True)
    )


def still_record(context: WorkerContext, still: Still, attempt: int) -> Record:
    """Return the record of a picture, without what tells its output."""
    return Record(
        still.unit_id,
        "still",
        "succeeded",
        still.asset.key,
        still.asset.etag,
        output_key=still.output_key,
        thumbnail_key=thumbnail_key(still.unit_id),
        created_at=now(),
        info=StillInfo(2000, 1500, "0" * 64, certainty=0.5),
        **_common(context, attempt, still.asset.root),
    )


def _scan(context: WorkerContext, unit: Scan, attempt: int, measured: _Measured) -> Record:
    refuse_foreign(context.destination, unit.output_key)
    workload = workload_of(unit.asset.key)
    measured.wait(workload, unit.unit_id)
    count = FRAMES_PER_SEGMENT * workload.segments
    pts = np.arange(count, dtype=np.int64)
    timeline = Timeline(pts, np.ones_like(pts), pts[::FRAMES_PER_SEGMENT], Fraction(1, 25))
    key = attempt_key(unit.unit_id, ".npz")
    stored = context.destination.put(key, timeline_to_bytes(timeline))
    cuts: tuple[Cut, ...] = tuple(cut_timeline(timeline, FRAMES_PER_SEGMENT))
    info = ScanInfo("0" * 64, VIDEO, False, 0, Fraction(1, 25), count, count / 25, cuts)
    record = Record(
        unit.unit_id, "scan", "succeeded", unit.asset.key, unit.asset.etag, key,
        etag=stored.etag, size_bytes=stored.size_bytes, created_at=now(), info=info,
        **_common(context, attempt, unit.asset.root),
    )  # fmt: skip
    return commit(context.destination, record)


def _segment(context: WorkerContext, unit: Segment, attempt: int, measured: _Measured) -> Record:
    scan_of_film(context, unit.scan_id)
    measured.wait(workload_of(unit.asset.key), unit.unit_id)
    shown = thumbnail_key(unit.unit_id) if unit.is_shown else ""
    if shown:
        context.destination.put(shown, bytes(THUMBNAIL_BYTES))
    put = _put_attempt(context, unit.unit_id, "part.mkv")
    context.destination.put(contact_key(unit.unit_id), bytes(THUMBNAIL_BYTES))
    facts = PartFacts(unit.frame_count, 0, "0" * 64)
    record = Record(
        unit.unit_id, "segment", "succeeded", unit.asset.key, unit.asset.etag,
        thumbnail_key=shown, created_at=now(), info=SegmentInfo(unit.start_pts, facts),
        **_common(context, attempt, unit.asset.root), **put,
    )  # fmt: skip
    return commit(context.destination, record)


def _assembly(context: WorkerContext, unit: Assembly, attempt: int, measured: _Measured) -> Record:
    store = context.destination
    read_scan(store, unit.scan_id)
    scanned = read_record(store, unit.scan_id)
    with_parts = [read_record(store, identity) for identity in unit.segment_ids]
    for part in with_parts:
        store.open(part.attempt_key, etag=part.etag).close()
    measured.wait(workload_of(unit.asset.key), unit.unit_id)
    put = _put_attempt(context, unit.unit_id, unit.output_key)
    for part in with_parts:
        store.get(contact_key(part.unit_id))
    store.put(contact_key(unit.unit_id), bytes(THUMBNAIL_BYTES))
    info = info_of(scanned, ScanInfo)
    record = Record(
        unit.unit_id, "assembly", "succeeded", unit.asset.key, unit.asset.etag,
        output_key=unit.output_key, created_at=now(),
        info=FilmInfo("0" * 64, 720, 576, info.frames, info.film_seconds),
        **_common(context, attempt, unit.asset.root), **put,
    )  # fmt: skip
    winner = commit(store, record)
    for part in with_parts:
        store.delete(part.attempt_key)
    return winner


def _common(context: WorkerContext, attempt: int, root: str) -> dict[str, object]:
    return {
        "weights_sha256": context.model.hashes,
        "attempt": attempt,
        "worker": context.worker,
        "source_root": root,
        "software": "benchmark",
        "seconds": PHASES,
    }


@contextmanager
def _content(context: WorkerContext, name: str) -> Iterator[tuple[Path, str]]:
    """Provide a temporary file without meaning, and its SHA-256."""
    with context.temporary(PurePosixPath(name).suffix) as path:
        data = os.urandom(OUTPUT_BYTES)
        path.write_bytes(data)
        yield path, hashlib.sha256(data).hexdigest()


def _put_attempt(context: WorkerContext, unit_id: str, name: str) -> dict[str, object]:
    """Put a result under a key of its attempt; return fields of its record."""
    key = attempt_key(unit_id, PurePosixPath(name).suffix)
    with _content(context, name) as (path, sha256):
        stored = context.destination.put_file(key, path)
    size = stored.size_bytes
    return {"attempt_key": key, "etag": stored.etag, "size_bytes": size, "sha256": sha256}
