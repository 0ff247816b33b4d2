"""Compare what a destination holds with its done-records, byte by byte.

A unit reads the records itself and reads every result once. Films are demuxed while they are
hashed, so that a changed film also says which of its frames is damaged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from colorworker.domain.fixity import Finding, FindingCode, FixityCheck, FixityTally, tally_to_json
from colorworker.domain.framelists import LIST_EXTENSION, listed_frames
from colorworker.domain.provenance import SidecarFile
from colorworker.domain.records import (
    FilmInfo,
    Record,
    SegmentInfo,
    StillInfo,
    UnitResult,
    record_from_json,
)
from colorworker.domain.sequences import version_of_etag
from colorworker.errors import ColorworkerError, ItemError, KeyMissing, SourceUnreadable, StoreError
from colorworker.media.containers.filmcheck import FilmCheck, check_film
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.hashing import HashingReader, sha256_of
from colorworker.pipeline.outcome import failure
from colorworker.pipeline.provenance.bag import bag_findings
from colorworker.pipeline.provenance.credentials import manifest_defect, sidecar_key
from colorworker.pipeline.provenance.sidecars import read_sidecars
from colorworker.pipeline.sequenceframes import open_asset
from colorworker.pipeline.unitprogress import WatchedReader
from colorworker.state import is_recorded, record_key
from colorworker.store.objectstore import ObjectStore

_LARGE_BYTES = 64 << 20
"""Larger results are checked in a unit of their own."""


def check_fixity(context: WorkerContext, unit: FixityCheck, attempt: int) -> UnitResult:
    """Check the results of some units and put the tally.

    Raises:
        UsageError: If this machine is at fault.
    """
    check = _Check(context, unit)
    try:
        for unit_id in unit.record_ids:
            check.check_record(unit_id)
        if unit.bag:
            check.findings += bag_findings(context)
        tally = check.tally()
        if unit.tally_key:
            context.destination.put(unit.tally_key, tally_to_json(tally))
    except ColorworkerError as error:
        return failure(context, unit.unit_id, attempt, error)
    return UnitResult(
        unit.unit_id, "succeeded", attempt=attempt, worker=context.worker, fixity=tally
    )


@dataclass
class _Check:
    """One unit of checks, while it runs."""

    context: WorkerContext
    unit: FixityCheck
    done: list[str] = field(default_factory=list)
    deferred: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    outputs: int = 0
    size_bytes: int = 0

    @property
    def store(self) -> ObjectStore:
        return self.context.destination

    def tally(self) -> FixityTally:
        return FixityTally(
            tuple(self.done),
            self.outputs,
            self.size_bytes,
            tuple(self.findings),
            tuple(self.deferred),
        )

    def find(self, key: str, code: FindingCode, text: str) -> None:
        self.findings.append(Finding(key, code, text))

    def check_record(self, unit_id: str) -> None:
        """Check everything that one record names."""
        record = self._read_record(unit_id)
        if record is None:
            self.done.append(unit_id)
            return
        if len(self.unit.record_ids) > 1 and _bytes_to_read(record, self.unit) > _LARGE_BYTES:
            self.deferred.append(unit_id)
            return
        if record.output_key:
            self._check_output(record)
        elif record.kind == "segment" and record.attempt_key:
            self._check_part(record)
        if self.unit.sources and isinstance(record.info, StillInfo | FilmInfo):
            self._check_source(record, record.info.source_sha256)
        self.done.append(unit_id)

    def _read_record(self, unit_id: str) -> Record | None:
        key = record_key(unit_id)
        try:
            record = record_from_json(self.store.get(key))
        except KeyMissing:  # deleted since it was listed
            return None
        except ValueError as error:
            text = f"this done-record is damaged ({error}); run its job again to make it anew"
            self.find(key, "record", text)
            return None
        if record.unit_id != unit_id:
            self.find(key, "record", f"this is the done-record of another unit, {record.unit_id}")
            return None
        return record

    def _check_output(self, record: Record) -> None:
        is_list = record.output_key.endswith(LIST_EXTENSION)
        is_film = isinstance(record.info, FilmInfo) and not is_list
        seen = self._read(record.output_key, is_film=is_film)
        if seen is None:
            self.find(record.output_key, "missing", self._why_missing(record))
            return
        text = _difference(record, seen)
        if text and is_recorded(self.store, record.output_key, seen.sha256):
            # A later job with other options wrote this one; its record counts it.
            self._find_stale_sidecars(record)
            return
        self.outputs += 1
        self._check_sidecars(record)
        if is_list and not text:
            self._check_frames(record.output_key)
        damage = _damage(seen.film, record.info.frames) if isinstance(record.info, FilmInfo) else ""
        if text or damage:
            code: FindingCode = "damaged" if damage else "changed"
            self.find(record.output_key, code, "; ".join(filter(None, (text, damage))))

    def _check_frames(self, list_key: str) -> None:
        """Compare the frames of an image sequence with the SHA-256 in their list."""
        for key, sha256 in listed_frames(list_key, self.store.get(list_key)):
            seen = self._read(key, is_film=False)
            if seen is None:
                self.find(key, "missing", "it is missing; run its job again to make it anew")
            elif seen.sha256 != sha256:
                why = seen.error or f"its SHA-256 is {seen.sha256}, listed is {sha256}"
                self.find(key, "changed", f"{why} in {list_key}")

    def _check_sidecars(self, record: Record) -> None:
        sidecars = read_sidecars(self.store, record.unit_id)
        self._check_manifest(record, sidecars.files if sidecars else ())
        for file in sidecars.files if sidecars else ():
            seen = self._read(file.key, is_film=False)
            if seen is None:
                text = f"its sidecar {file.key} is missing; run its job again with --sidecar"
                self.find(record.output_key, "sidecar", text)
            elif seen.sha256 != file.sha256:
                why = seen.error or f"its SHA-256 is {seen.sha256}, recorded is {file.sha256}"
                text = f"its sidecar {file.key} is not the one that was written ({why})"
                self.find(record.output_key, "sidecar", text)

    def _check_manifest(self, record: Record, sidecars: tuple[SidecarFile, ...]) -> None:
        """Let C2PA's own reader check the manifest in an output or beside it, if there is one."""
        beside = sidecar_key(record.output_key)
        manifest = None
        if not record.signed:
            if all(file.key != beside for file in sidecars):
                return
            try:
                manifest = self.store.get(beside)
            except KeyMissing:  # found among the sidecars
                return
        with self._watched(self.store.open(record.output_key)) as reader:
            defect = manifest_defect(reader, record.output_key, manifest)
        if defect:
            self.find(record.output_key, "sidecar", f"its C2PA manifest is damaged: {defect}")

    def _find_stale_sidecars(self, record: Record) -> None:
        """Find sidecars of an output that was replaced, if they were not replaced with it."""
        sidecars = read_sidecars(self.store, record.unit_id)
        for file in sidecars.files if sidecars else ():
            seen = self._read(file.key, is_film=False)
            if seen is not None and seen.sha256 == file.sha256:
                text = f"its sidecar {file.key} describes an output that has been replaced since"
                self.find(record.output_key, "sidecar", text)

    def _check_part(self, record: Record) -> None:
        """Check the part of a film, unless it was joined and deleted; a missing one is redone."""
        seen = self._read(record.attempt_key, is_film=True)
        if seen is None or not (text := _difference(record, seen)):
            return
        facts = record.info.part if isinstance(record.info, SegmentInfo) else None
        damage = _damage(seen.film, facts.frame_count) if facts else ""
        whose = f"this part of the film {record.source_key} is not as it was written: "
        self.find(record.attempt_key, "damaged", "; ".join(filter(None, (whose + text, damage))))

    def _check_source(self, record: Record, sha256: str) -> None:
        key = record.output_key or record.source_key
        root = self.unit.source_root or record.source_root
        if not root:
            self.find(key, "source", "its record does not say where the source was; name its root")
            return
        place = f"the source {root.rstrip('/')}/{record.source_key}"
        store = self.context.open_source(root)
        try:
            version = version_of_etag(record.source_etag)
            opened = open_asset(store, record.source_key, etag=None, version=version)
            with self._watched(opened) as reader:
                seen = sha256_of(reader)
                self.size_bytes += reader.tell()
        except KeyMissing:
            self.find(key, "source", f"{place} is missing")
            return
        except (ItemError, OSError) as error:
            why = error.seen if isinstance(error, ItemError) else error.strerror
            self.find(key, "source", f"{place} cannot be read ({why})")
            return
        if seen != sha256:
            self.find(
                key, "source", f"{place} has changed: its SHA-256 is {seen}, recorded {sha256}"
            )

    def _why_missing(self, record: Record) -> str:
        try:
            self.store.head(record.attempt_key)
        except (StoreError, ItemError):
            return "it is missing; run its job again to make it anew"
        return "it was not published yet; run its job again to publish it"

    def _read(self, key: str, *, is_film: bool) -> "_Seen | None":
        """Hash an object, and look at its packets if it is a film; None if it is missing."""
        try:
            with self._watched(self.store.open(key)) as reader:
                hashing = HashingReader(reader)
                film = check_film(hashing.as_file(), key) if is_film else None
                sha256 = hashing.sha256()
                size_bytes = hashing.tell()
        except KeyMissing:
            return None
        except SourceUnreadable as error:
            return _Seen("", 0, None, error.seen)
        except OSError as error:  # a disk or network share that fails while it is read
            return _Seen("", 0, None, error.strerror or type(error).__name__)
        self.size_bytes += size_bytes
        return _Seen(sha256, size_bytes, film)

    def _watched(self, reader: BinaryIO) -> "_Closing":
        return _Closing(reader, self.context.progress.step)


class _Closing(WatchedReader):
    """A watched reader that closes what it reads at the end of a block."""

    def __init__(self, reader: BinaryIO, step: Callable[[], None]) -> None:
        super().__init__(reader, step)
        self._opened = reader

    def __enter__(self) -> BinaryIO:
        return cast(BinaryIO, self)

    def __exit__(self, *_: object) -> None:
        self._opened.close()


@dataclass(frozen=True)
class _Seen:
    """What was read of a result."""

    sha256: str
    size_bytes: int
    film: FilmCheck | None
    error: str = ""


def _bytes_to_read(record: Record, unit: FixityCheck) -> int:
    # Sources of films are often larger than the copy; their size is not recorded.
    return record.size_bytes * (2 if unit.sources else 1)


def _difference(record: Record, seen: _Seen) -> str:
    """Return how a result differs from its record, as a clause; empty if it does not."""
    if seen.error:
        return f"it cannot be read ({seen.error})"
    if seen.size_bytes != record.size_bytes:
        return f"it has {seen.size_bytes} bytes, recorded are {record.size_bytes}"
    if seen.sha256 != record.sha256:
        return f"its SHA-256 is {seen.sha256}, recorded is {record.sha256}"
    return ""


def _damage(film: FilmCheck | None, frames: int) -> str:
    """Return what the packets of a changed film show, as a clause; empty if they show nothing."""
    return "; ".join(_defects(film, frames)) if film else ""


def _defects(film: FilmCheck, frames: int) -> Iterator[str]:
    if film.error:
        yield f"it does not read to its end ({film.error})"
    if film.frames != frames:
        yield f"{film.frames} of {frames} frames are there"
    if film.wrong_checksums:
        first = f"frame {film.first_wrong} at {film.first_wrong_seconds:.3f} s"
        if film.wrong_checksums == 1:
            yield f"a slice of {first} has a wrong checksum"
        else:
            yield f"{film.wrong_checksums} frames have wrong checksums, the first is {first}"
