"""A pass of checks over a destination: what it has done so far, and its report.

    verify/<pass id>/begun.json   how the pass was asked for; put first, deleted last
    verify/<pass id>/<unit>.json  the tally of a unit, put by its worker
    verify/<pass id>.jsonl        the findings, one line each; put at the end

An interrupted pass is continued by the next command with the same choices: records that a tally
names are not checked again. Once the report is there, the tallies are deleted.
"""

import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from colorworker.domain.fixity import FixityTally, FixityTotals, finding_line, tally_from_json
from colorworker.errors import ColorworkerError, KeyMissing
from colorworker.state import STATE, now
from colorworker.store.objectstore import ObjectStore

logger = logging.getLogger(__name__)

VERIFY = f"{STATE}/verify/"
"""Prefix of everything that is stored about passes."""
_BEGUN = "/begun.json"


@dataclass(frozen=True)
class Choices:
    """What a pass checks besides the outputs."""

    sources: bool = False
    source_root: str = ""


@dataclass(frozen=True)
class VerifyPass:
    """A pass that has begun."""

    pass_id: str
    begun_at: str
    """UTC, ISO 8601."""
    is_resumable: bool = True
    """False if the destination accepts no objects from us; then nothing is put there."""

    @property
    def folder(self) -> str:
        """Prefix of the tallies' keys; empty if none are put."""
        return f"{VERIFY}{self.pass_id}/" if self.is_resumable else ""


def continued_pass(store: ObjectStore, choices: Choices) -> VerifyPass | None:
    """Return the newest unfinished pass with the same choices; None if there is none."""
    begun = sorted(info.key for info in store.list(VERIFY) if info.key.endswith(_BEGUN))
    for key in reversed(begun):
        try:
            values = json.loads(store.get(key))
        except (KeyMissing, ValueError):
            continue
        if values.get("choices") == asdict(choices):
            pass_id = key.removeprefix(VERIFY).removesuffix(_BEGUN)
            return VerifyPass(pass_id, str(values.get("begun_at", "")))
    return None


def new_pass(store: ObjectStore, choices: Choices) -> VerifyPass:
    """Begin a pass. On a destination that is read-only for us, it works but cannot be resumed."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    begun = VerifyPass(f"{stamp}-{uuid.uuid4().hex[:6]}", now())
    values = {"begun_at": begun.begun_at, "choices": asdict(choices)}
    try:
        store.put(f"{begun.folder}begun.json", json.dumps(values).encode())
    except ColorworkerError as error:
        logger.warning("this check cannot be resumed if it is interrupted: %s", error)
        return VerifyPass(begun.pass_id, begun.begun_at, is_resumable=False)
    return begun


def discard_pass(store: ObjectStore, old: VerifyPass) -> None:
    """Delete the tallies of a pass, and last the object that says that it has begun."""
    begun = f"{old.folder}begun.json"
    for info in list(store.list(old.folder)):
        if info.key != begun:
            store.delete(info.key)
    store.delete(begun)


def tallies(store: ObjectStore, current: VerifyPass) -> Iterator[FixityTally]:
    """Yield the tallies of a pass; damaged ones are left out, so their units are done again."""
    for info in store.list(current.folder) if current.folder else ():
        if not info.key.endswith(_BEGUN):
            try:
                yield tally_from_json(store.get(info.key))
            except (KeyMissing, ValueError):
                continue


def end_pass(store: ObjectStore, current: VerifyPass, totals: FixityTotals) -> str:
    """Put the report of a finished pass, delete its tallies, and return the report's key.

    The key is empty if nothing can be put.
    """
    if not current.is_resumable:
        return ""
    summary = {
        "begun_at": current.begun_at,
        "ended_at": now(),
        "outputs": totals.outputs,
        "size_bytes": totals.size_bytes,
        "findings": len(totals.findings),
    }
    key = f"{VERIFY}{current.pass_id}.jsonl"
    lines = [json.dumps(summary).encode() + b"\n", *map(finding_line, totals.findings)]
    store.put(key, b"".join(lines))
    discard_pass(store, current)
    return key
