"""The shots of films that have been colored, from their records on the destination."""

from collections.abc import Sequence

from colorworker.domain.entries import Entry
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.records import FilmInfo
from colorworker.domain.shots import Shot
from colorworker.domain.units import scan
from colorworker.state import read_record
from colorworker.store.objectstore import ObjectStore


def recorded_shots(
    store: ObjectStore, options: Options, model: ModelRef, entry: Entry
) -> Sequence[Shot] | None:
    """Return the shots of a film from its record; None if it was not colored with these options.

    Args:
        store: The destination.
        options: Options of the job, without adjustments.
        model: Weights of the job.
        entry: The film.
    """
    unit = scan(entry.asset(), entry.output_key, entry.options(options), model)
    record = read_record(store, unit.assembly_id)
    if record is None or not isinstance(record.info, FilmInfo):
        return None
    return record.info.shots
