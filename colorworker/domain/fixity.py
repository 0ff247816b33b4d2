"""Checks of a destination's content against its done-records: units, and what they find."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from colorworker.domain.jsonvalues import from_json, to_json

FindingCode = Literal[
    "missing", "changed", "damaged", "record", "sidecar", "bag", "source", "unchecked"
]
"""missing: not there. changed: other bytes than recorded. damaged: changed, and the film itself
shows where. record: a done-record that is not valid. sidecar: a sidecar or an embedded manifest
that does not belong to the output. bag: a manifest of a bag that does not fit the files. source: a
changed, missing or unknown source. unchecked: the store or the worker failed at every attempt."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was recorded."""

    key: str
    """Key of the output; of the done-record if that is damaged; of the source if there is no
    output."""
    code: FindingCode
    text: str
    """What was seen, as a clause."""

    def __str__(self) -> str:
        return f"{self.key}: {self.text}."


@dataclass(frozen=True)
class FixityTally:
    """What some checks covered and found."""

    records: tuple[str, ...] = ()
    """Ids of the units whose records were checked."""
    outputs: int = 0
    """Outputs that were read and hashed."""
    size_bytes: int = 0
    """Bytes that were read and hashed, sources included."""
    findings: tuple[Finding, ...] = ()
    deferred: tuple[str, ...] = ()
    """Ids of units whose output is so large that it deserves a worker of its own."""


@dataclass(frozen=True)
class FixityCheck:
    """Check the results that some done-records name."""

    unit_id: str
    record_ids: tuple[str, ...]
    tally_key: str
    """Where the tally is put for a check that is resumed; empty for nowhere."""
    sources: bool = False
    """Hash the sources as well."""
    bag: bool = False
    """Check the manifests of the destination, which is a BagIt bag."""
    source_root: str = ""
    """Store in which the sources are looked for; empty for the recorded one."""


@dataclass(frozen=True)
class BagUpdate:
    """Write the manifests of a destination that is a BagIt bag."""

    unit_id: str


@dataclass
class FixityTotals:
    """Sums over all checks of a destination; holds the findings, nothing else grows."""

    outputs: int = 0
    size_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    _seen: set[Finding] = field(default_factory=set)

    def add(self, tally: FixityTally) -> list[Finding]:
        """Add a tally; return its findings that are new.

        Several records may name one output, if jobs with different options wrote it.
        """
        self.outputs += tally.outputs
        self.size_bytes += tally.size_bytes
        new = [found for found in tally.findings if found not in self._seen]
        self._seen.update(new)
        self.findings += new
        return new


def tally_to_json(tally: FixityTally) -> bytes:
    """Return a tally as one JSON object."""
    return json.dumps(to_json(tally)).encode()


def tally_from_json(data: bytes) -> FixityTally:
    """Return the tally that `tally_to_json` wrote.

    Raises:
        ValueError: If the bytes are not one.
    """
    return from_json(FixityTally, _object(data))


def finding_line(finding: Finding) -> bytes:
    """Return a finding as one line of ASCII JSON with its newline."""
    return json.dumps(to_json(finding)).encode() + b"\n"


def _object(data: bytes) -> dict[str, Any]:
    values = json.loads(data)
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    return values
