"""Write sidecars beside an output, and remember their hashes.

A sidecar depends on the done-record and the options only. So a finished archive gets its sidecars
without coloring anything again, and they are only put if they differ from those that are there.
"""

import hashlib
import json

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
from colorworker.pipeline.provenance.premis import premis_xml
from colorworker.state import sidecars_key
from colorworker.store.objectstore import ObjectStore

_FORMAT = "colorworker provenance 1"
"""Name and version of the JSON sidecar."""


def write_sidecars(
    context: WorkerContext, unit: Scan | ShotSearch | Segment | Assembly | Still, record: Record
) -> None:
    """Write the sidecars that the options ask for, unless they are there already.

    Raises:
        OutputCollision: If a file of that name is there which no job wrote.
    """
    kinds = unit.options.sidecar_kinds
    is_output = isinstance(record.info, StillInfo | FilmInfo) and record.output_key
    if not kinds or not is_output:
        return
    facts = provenance_of(record, unit.asset, unit.options, context.model)
    rendered = {record.output_key + SIDECAR_SUFFIXES[kind]: _render(kind, facts) for kind in kinds}
    files = tuple(
        SidecarFile(key, hashlib.sha256(data).hexdigest(), len(data))
        for key, data in rendered.items()
    )
    store = context.destination
    before = read_sidecars(store, record.unit_id)
    known = before.files if before else ()
    for file in files:
        if file not in known or not is_there(store, file.key):
            put_beside(store, file.key, rendered[file.key])
    # Sidecars of kinds that are not asked for now stay, and stay recorded.
    kept = tuple(each for each in known if each.key not in rendered)
    if (*kept, *files) != known:
        data = sidecars_to_json(SidecarRecord(record.unit_id, (*kept, *files)))
        store.put(sidecars_key(record.unit_id), data)


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
