"""One work unit: read -> decode -> predict -> encode -> write. Read this first.

A unit that is done already is only looked up; one that fails comes back as a value. What was made
is put under a key of its own attempt, committed by a done-record, and then published.
"""

from functools import partial

from colorworker.pipeline.assembly import join_film
from colorworker.pipeline.batch import colour_batch
from colorworker.pipeline.memory import give_back
from colorworker.pipeline.outcome import outcome_of
from colorworker.pipeline.scan import scan_film
from colorworker.pipeline.segment import colour_segment
from colorworker.pipeline.workshop import Workshop
from colorworker.work.ledger import Record, UnitResult
from colorworker.work.plan import Assembly, ImageBatch, Scan, Segment, WorkUnit


def run_unit(workshop: Workshop, unit: WorkUnit, attempt: int) -> UnitResult:
    """Do one unit, or find it done, and say how it went; errors of items come back as values."""
    if isinstance(unit, ImageBatch):
        stills = colour_batch(workshop, unit.stills, attempt)
        return UnitResult(
            unit.unit_id, "succeeded", attempt=attempt, worker=workshop.worker, stills=stills
        )
    try:
        return outcome_of(workshop, unit.unit_id, attempt, partial(_do, workshop, unit, attempt))
    finally:
        give_back()


def _do(workshop: Workshop, unit: Scan | Segment | Assembly, attempt: int) -> tuple[Record, bool]:
    if isinstance(unit, Scan):
        return scan_film(workshop, unit, attempt)
    if isinstance(unit, Segment):
        return colour_segment(workshop, unit, attempt)
    return join_film(workshop, unit, attempt)
