"""Done-records and results: what a finished unit leaves behind, and what crosses the wire."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

Outcome = Literal["succeeded", "failed", "skipped", "lost"]
"""`lost`: the place failed, so nothing is known about the unit."""


@dataclass(frozen=True)
class Record:
    """The winner of a unit, as its done-record names it. Small, and JSON all through."""

    unit_id: str
    kind: str
    outcome: Outcome
    source_key: str
    source_etag: str
    attempt_key: str = ""
    """Where the winner was first put; parts stay there, outputs are published from there."""
    output_key: str = ""
    """Final key; empty for what is never published (scans, parts)."""
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
    info: Mapping[str, Any] = field(default_factory=dict)
    """What later units and the report need: sizes, frames, cuts, warnings, the error of a skip."""

    @property
    def result_key(self) -> str:
        """Key that must exist for this record to count."""
        return self.output_key or self.attempt_key


def record_to_json(record: Record) -> bytes:
    """Return the record as UTF-8 JSON."""
    return json.dumps(asdict(record), sort_keys=True, indent=1).encode()


def record_from_json(data: bytes) -> Record:
    """Return the record; unknown fields of newer versions are left out.

    Raises:
        ValueError: If the bytes are not the JSON object of a record.
    """
    values = json.loads(data)
    if not isinstance(values, dict) or "unit_id" not in values:
        raise ValueError("not a done-record")
    known = Record.__dataclass_fields__
    return Record(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True)
class UnitResult:
    """What a worker says about one unit; for an ImageBatch, about each of its stills."""

    unit_id: str
    outcome: Outcome
    record: Record | None = None
    resumed: bool = False
    """The unit was found done; nothing was computed."""
    error_code: str = ""
    error: str = ""
    retryable: bool = False
    attempt: int = 1
    worker: str = ""
    stills: tuple["UnitResult", ...] = ()

    def at_attempt(self, attempt: int) -> "UnitResult":
        """Return the same result, said of another attempt."""
        return replace(self, attempt=attempt)
