"""Write sidecars beside an output, and remember their hashes.

A sidecar depends on the done-record and the options only. So a finished archive gets its sidecars
without coloring anything again, and they are only put if they differ from those that are there.
"""

import hashlib
import json
from typing import TypeAlias

from colorworker.domain.jsonvalues import to_json
from colorworker.domain.provenance import (
    SIDECAR_SUFFIXES,
    Provenance,
    SidecarFile,
    SidecarRecord,
    provenance_of,
    sidecars_from_json,
    sidecars_to_json,
)
from colorworker.domain.records import FilmInfo, Record, StillInfo
from colorworker.domain.units import Assembly, Scan, Segment, ShotSearch, Still
from colorworker.errors import KeyMissing
from colorworker.pipeline.beside import is_there, put_beside
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.provenance.credentials import detached_manifest, embeds, sidecar_key
from colorworker.pipeline.provenance.premis import premis_xml
from colorworker.state import sidecars_key
from colorworker.store.objectstore import ObjectStore

_FORMAT = "colorworker provenance 1"
"""Name and version of the JSON sidecar."""


Unit: TypeAlias = Scan | ShotSearch | Segment | Assembly | Still


def write_sidecars(context: WorkerContext, unit: Unit, record: Record) -> None:
    """Write the sidecars that the options ask for, unless they are there already.

    That includes the C2PA manifest of an output that cannot hold it.

    Raises:
        OutputCollision: If a file of that name is there which no job wrote.
        UsageError: If a manifest is asked for and this machine cannot sign.
    """
    info = record.info
    if not isinstance(info, StillInfo | FilmInfo) or not record.output_key:
        return
    before = read_sidecars(context.destination, record.unit_id) if _is_asked(unit) else None
    known = before.files if before else ()
    rendered = _rendered(context, unit, record)
    if unit.options.c2pa and not embeds(record.output_key):
        # Signatures differ each time, so a manifest that is there stays.
        key = sidecar_key(record.output_key)
        is_new = all(file.key != key for file in known) or not is_there(context.destination, key)
        if is_new:
            rendered[key] = detached_manifest(
                context, unit.asset, unit.options, info.source_sha256, record.output_key
            )
    if rendered:
        _put(context.destination, record.unit_id, rendered, known)


def _is_asked(unit: Unit) -> bool:
    return bool(unit.options.sidecar_kinds) or unit.options.c2pa


def _rendered(context: WorkerContext, unit: Unit, record: Record) -> dict[str, bytes]:
    """Return the sidecars that the options ask for, except a C2PA manifest, by key."""
    if not unit.options.sidecar_kinds:
        return {}
    facts = provenance_of(record, unit.asset, unit.options, context.model)
    return {
        record.output_key + SIDECAR_SUFFIXES[kind]: _render(kind, facts)
        for kind in unit.options.sidecar_kinds
    }


def _put(
    store: ObjectStore, unit_id: str, rendered: dict[str, bytes], known: tuple[SidecarFile, ...]
) -> None:
    """Put the sidecars that are not there yet, and the record of all of them."""
    files = tuple(
        SidecarFile(key, hashlib.sha256(data).hexdigest(), len(data))
        for key, data in rendered.items()
    )
    for file in files:
        if file not in known or not is_there(store, file.key):
            put_beside(store, file.key, rendered[file.key])
    # Sidecars of kinds that are not asked for now stay, and stay recorded.
    kept = tuple(each for each in known if each.key not in rendered)
    if (*kept, *files) != known:
        data = sidecars_to_json(SidecarRecord(unit_id, (*kept, *files)))
        store.put(sidecars_key(unit_id), data)


def read_sidecars(store: ObjectStore, unit_id: str) -> SidecarRecord | None:
    """Return the record of a unit's sidecars; None if there is none or it is damaged."""
    try:
        return sidecars_from_json(store.get(sidecars_key(unit_id)))
    except (KeyMissing, ValueError):
        return None


def _render(kind: str, facts: Provenance) -> bytes:
    return premis_xml(facts) if kind == "premis" else _json(facts)


def _json(facts: Provenance) -> bytes:
    values = {"format": _FORMAT, **to_json(facts)}
    for name in ("output", "source"):
        values[name] = getattr(facts, name)._asdict()
    values["models"] = [model._asdict() for model in facts.models]
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    # Bytes of a name that are not UTF-8 are lone surrogates here, which JSON can escape.
    return text.encode(errors="backslashreplace")
