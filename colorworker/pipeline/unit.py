"""One work unit: read -> decode -> predict -> encode -> write. Read this first.

A unit that is done already is only looked up; one that fails comes back as a value. What was made
is put under a key of its own attempt, committed by a done-record, and then published.
"""

from colorworker.errors import ColorworkerError, ItemSkipped
from colorworker.pipeline.assembly import join_film
from colorworker.pipeline.scan import scan_film
from colorworker.pipeline.segment import colour_segment
from colorworker.pipeline.still import colour_still
from colorworker.pipeline.workshop import Workshop
from colorworker.work.ledger import Record, UnitResult
from colorworker.work.plan import Assembly, ImageBatch, Scan, Segment, Still, WorkUnit


def run_unit(workshop: Workshop, unit: WorkUnit, attempt: int) -> UnitResult:
    """Do one unit, or find it done, and say how it went; errors of items come back as values."""
    if isinstance(unit, ImageBatch):
        stills = tuple(_attempt(workshop, item, attempt) for item in unit.stills)
        return UnitResult(
            unit.unit_id, "succeeded", attempt=attempt, worker=workshop.worker, stills=stills
        )
    return _attempt(workshop, unit, attempt)


def _attempt(
    workshop: Workshop, unit: Scan | Segment | Assembly | Still, attempt: int
) -> UnitResult:
    try:
        record, resumed = _do(workshop, unit, attempt)
    except ColorworkerError as error:
        return UnitResult(
            unit.unit_id,
            "skipped" if isinstance(error, ItemSkipped) else "failed",
            error_code=error.code,
            error=str(error),
            retryable=error.retryable,
            attempt=attempt,
            worker=workshop.worker,
        )
    return UnitResult(
        unit.unit_id,
        record.outcome,
        record,
        resumed,
        error_code=str(record.info.get("error_code", "")),
        error=str(record.info.get("error", "")),
        attempt=attempt,
        worker=workshop.worker,
    )


def _do(
    workshop: Workshop, unit: Scan | Segment | Assembly | Still, attempt: int
) -> tuple[Record, bool]:
    if isinstance(unit, Still):
        return colour_still(workshop, unit, attempt)
    if isinstance(unit, Scan):
        return scan_film(workshop, unit, attempt)
    if isinstance(unit, Segment):
        return colour_segment(workshop, unit, attempt)
    return join_film(workshop, unit, attempt)
