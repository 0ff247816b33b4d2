"""The shots of films that have been coloured, as the destination knows them."""

from collections.abc import Sequence

from colorworker.provenance.record import read_record
from colorworker.store.base import ObjectStore
from colorworker.work.job import ModelRef, Options
from colorworker.work.manifest import Entry
from colorworker.work.plan import scan
from colorworker.work.shotlist import Shot


def kept_shots(
    store: ObjectStore, options: Options, model: ModelRef, entry: Entry
) -> Sequence[Shot] | None:
    """Return the shots of a film, from its record; None if it has not been coloured like that.

    Args:
        store: The destination.
        options: Of the job, without adjustments.
        model: Of the job.
        entry: The film.
    """
    unit = scan(entry.asset(), entry.output_key, entry.options(options), model)
    record = read_record(store, unit.assembly_id)
    if record is None or "shots" not in record.info:
        return None
    return [Shot(**shot) for shot in record.info["shots"]]
