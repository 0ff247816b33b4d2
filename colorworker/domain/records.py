"""Done-records of finished units, and the results that workers send back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from colorworker.domain.fixity import FixityTally
from colorworker.domain.jsonvalues import from_json, to_json
from colorworker.domain.references import ShotsFound
from colorworker.domain.shots import RecordedStart, Shot, ShotSheet
from colorworker.domain.streamfate import StreamFate
from colorworker.domain.units import Cut
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import Quarantined

Outcome = Literal["succeeded", "failed", "skipped", "lost"]
"""`lost`: the worker failed, so nothing is known about the unit."""

Phase = tuple[float, float, float]
"""First begin and last end of a phase (POSIX seconds, by the clock of its machine), and the seconds
spent in it. Phases that alternate, such as decoding and encoding, overlap."""

UnitKind = Literal["scan", "shots", "segment", "assembly", "still"]


@dataclass(frozen=True)
class ScanInfo:
    """Facts about a film, from its scan."""

    source_sha256: str
    video: VideoInfo
    in_color: bool
    """Whether most of a few sample frames are in color."""
    origin_pts: int
    """Timestamp of the film's first frame, in ticks of `time_base`."""
    time_base: Fraction
    """Seconds per tick."""
    frames: int
    """Number of frames to color; for an excerpt, only those inside it."""
    film_seconds: float
    """Duration of these frames."""
    cuts: tuple[Cut, ...]
    warnings: tuple[str, ...] = ()
    """Sentences about lost or altered material; see `domain.notes`."""
    notes: tuple[str, ...] = ()
    """Sentences about what is harmless."""


@dataclass(frozen=True)
class ShotsInfo:
    """The shots that begin in a stretch of a film."""

    found: ShotsFound
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartFacts:
    """Facts about a part that the assembly needs before it opens the part."""

    frame_count: int
    reorder_depth: int
    """Maximum number of packets by which a frame is stored ahead of its turn to be shown."""
    extradata_sha256: str
    """SHA-256 of the codec's global header. Parts with different headers cannot be joined."""
    frame_data: Mapping[str, int] = field(default_factory=dict)
    """Number of frames with each kind of side data, by the names in `FRAME_DATA`."""
    captions: str = ""
    """Captions that the encoder cannot store, from `captions.pack_captions`."""


@dataclass(frozen=True)
class SegmentInfo:
    """Facts about a segment; for a preview, only its start and its pictures."""

    start_pts: int
    part: PartFacts | None = None
    """None in a preview, which writes no part."""
    shot_starts: tuple[RecordedStart, ...] = ()
    shot_pictures: tuple[int, ...] = ()
    """Timestamps of the shots in the segment's contact sheet, in its order."""
    pixels: int = 0
    """Pixels that were checked against EBU R 103; 0 if none were."""
    pixels_beyond_gamut: int = 0
    """Pixels whose luma alone is outside EBU R 103."""
    damaged_frames: int = 0
    """Frames in which the decoder concealed errors."""
    nvdec_frames: int = 0
    """Frames that NVDEC decoded."""
    thumbnail_keys: tuple[str, ...] = ()
    """Pictures of a preview."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilmInfo:
    """Facts about a joined film."""

    source_sha256: str
    width: int
    height: int
    frames: int
    film_seconds: float
    thumbnail_keys: tuple[str, ...] = ()
    """Before/after pictures of some segments."""
    joined: tuple[str, ...] = ()
    """Segments whose parts are no longer needed; the sweep removes leftovers."""
    shots: tuple[Shot, ...] = ()
    shot_sheet: ShotSheet | None = None
    streams: tuple[StreamFate, ...] = ()
    """What happened to each stream of the source."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StillInfo:
    """Facts about a picture."""

    width: int
    height: int
    source_sha256: str
    error_code: str = ""
    """Why it was skipped; empty if it was not."""
    error: str = ""
    """The same as a sentence."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    certainty: float | None = None
    """How certain the network is of its colors, from 0 to 1, as a mean over the picture; None if it
    was not measured."""


Info = ScanInfo | ShotsInfo | SegmentInfo | FilmInfo | StillInfo
InfoType = TypeVar("InfoType", ScanInfo, ShotsInfo, SegmentInfo, FilmInfo, StillInfo)
_INFO_TYPES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "scan": ScanInfo,
        "shots": ShotsInfo,
        "segment": SegmentInfo,
        "assembly": FilmInfo,
        "still": StillInfo,
    }
)
"""By the kind of the record."""


@dataclass(frozen=True)
class Record:
    """The done-record of a unit: names the attempt that counts, with facts for later units."""

    unit_id: str
    kind: UnitKind
    outcome: Outcome
    source_key: str
    source_etag: str
    attempt_key: str = ""
    """Where the attempt's result was put. Parts stay there; outputs are published from there."""
    output_key: str = ""
    """Final key; empty for results that are never published (scans, parts)."""
    etag: str = ""
    size_bytes: int = 0
    sha256: str = ""
    thumbnail_key: str = ""
    weights_sha256: str = ""
    attempt: int = 1
    worker: str = ""
    created_at: str = ""
    """UTC, ISO 8601."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall seconds by phase: read, decode, predict, color, encode, verify, assemble, write."""
    source_root: str = ""
    """URI of the store in which the source lay; empty in records of early versions."""
    software: str = ""
    """Version of colorworker that made the result."""
    signed: bool = False
    """Whether the output holds a C2PA manifest."""
    info: Info | None = None
    """What later units and the report need; its type depends on `kind`."""

    @property
    def result_key(self) -> str:
        """Key that must exist for this record to count; empty if it needs none."""
        return self.output_key or self.attempt_key

    @property
    def all_thumbnail_keys(self) -> tuple[str, ...]:
        """Keys of its before/after pictures: those in its info, else its own."""
        own = (self.thumbnail_key,) if self.thumbnail_key else ()
        if isinstance(self.info, FilmInfo | SegmentInfo):
            return self.info.thumbnail_keys or own
        return own

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about lost or altered material that did not prevent the coloring."""
        return self.info.warnings if self.info else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what is harmless."""
        return self.info.notes if self.info else ()


def info_of(record: Record, kind: type[InfoType]) -> InfoType:
    """Return the info of a record.

    Raises:
        ValueError: If the record has none of this kind.
    """
    if not isinstance(record.info, kind):
        raise ValueError(f"the record of unit {record.unit_id} has no {kind.__name__}")
    return record.info


def record_to_json(record: Record) -> bytes:
    """Return the record as UTF-8 JSON."""
    return json.dumps(to_json(record), sort_keys=True, indent=1).encode()


def record_from_json(data: bytes) -> Record:
    """Return the record; unknown fields of newer versions are ignored.

    Raises:
        ValueError: If the bytes are not the JSON object of a record.
    """
    values = json.loads(data)
    if not isinstance(values, dict) or "unit_id" not in values:
        raise ValueError("not a done-record")
    info = values.pop("info", None)
    record = from_json(Record, values)
    if info is None or record.kind not in _INFO_TYPES:
        return record
    return replace(record, info=from_json(_INFO_TYPES[record.kind], info))


@dataclass(frozen=True)
class UnitResult:
    """The outcome of a unit, as a worker reports it; for an ImageBatch, that of each still."""

    unit_id: str
    outcome: Outcome
    record: Record | None = None
    resumed: bool = False
    """The unit had been done before; nothing was computed."""
    error_code: str = ""
    error: str = ""
    """A sentence; if the unit was lost, what its worker did, such as `was killed by SIGSEGV`."""
    retryable: bool = False
    attempt: int = 1
    worker: str = ""
    stills: tuple["UnitResult", ...] = ()
    fixity: FixityTally | None = None
    """What a `FixityCheck` found; what a `BagUpdate` wrote manifests for."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """Requests to object stores that its attempt took, by operation."""
    model_batches: int = 0
    """Batches that its attempt gave to the network."""
    model_pictures: int = 0
    """Pictures and frames in them."""
    phases: Mapping[str, Phase] = field(default_factory=dict)
    """Phases of its attempt, also of one that failed; none if the unit was done before or lost."""

    def at_attempt(self, attempt: int) -> "UnitResult":
        """Return the same result for another attempt."""
        return self if attempt == self.attempt else replace(self, attempt=attempt)

    def given_up(self, source_key: str) -> "UnitResult":
        """Return the final result of a unit that failed at its last attempt."""
        failed = replace(self, outcome="failed", retryable=False)
        if self.outcome != "lost":
            return failed
        attempts = "its only attempt" if self.attempt == 1 else f"each of {self.attempt} attempts"
        error = Quarantined(
            source_key,
            f"its worker {self.error} in {attempts}",
            "Check the file and the machine's memory, then run the same command to try it again",
        )
        return replace(failed, error_code=error.code, error=str(error))
