"""Do one work unit: read -> decode -> predict -> encode -> write. Read this first.

A unit that is already done is only looked up. A unit that fails returns its error as a value. The
result is stored under a key that is unique to the attempt, committed by a done-record, and then
published.
"""

from functools import partial

from colorworker.domain.fixity import BagUpdate, FixityCheck
from colorworker.domain.records import Record, UnitResult
from colorworker.domain.units import Assembly, ImageBatch, Scan, Segment, ShotSearch, WorkUnit
from colorworker.pipeline.assembly import join_film
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.fixity import check_fixity
from colorworker.pipeline.freedmemory import return_freed_memory
from colorworker.pipeline.outcome import outcome_of
from colorworker.pipeline.provenance.bag import update_bag
from colorworker.pipeline.scan import scan_film
from colorworker.pipeline.segment import color_segment
from colorworker.pipeline.shotsearch import search_shots
from colorworker.pipeline.stillbatch import color_batch


def run_unit(context: WorkerContext, unit: WorkUnit, attempt: int) -> UnitResult:
    """Do one unit, or find its record, and return the result. Item errors become results too.

    Raises:
        UsageError: If this machine is at fault, not the item.
    """
    if isinstance(unit, ImageBatch):
        stills = color_batch(context, unit.stills, attempt)
        return UnitResult(
            unit.unit_id, "succeeded", attempt=attempt, worker=context.worker, stills=stills
        )
    if isinstance(unit, FixityCheck):
        return check_fixity(context, unit, attempt)
    if isinstance(unit, BagUpdate):
        return update_bag(context, unit, attempt)
    try:
        return outcome_of(context, unit, attempt, partial(_do, context, unit, attempt))
    finally:
        return_freed_memory()


def _do(
    context: WorkerContext, unit: Scan | ShotSearch | Segment | Assembly, attempt: int
) -> tuple[Record, bool]:
    if isinstance(unit, Scan):
        return scan_film(context, unit, attempt)
    if isinstance(unit, ShotSearch):
        return search_shots(context, unit, attempt)
    if isinstance(unit, Segment):
        return color_segment(context, unit, attempt)
    return join_film(context, unit, attempt)
