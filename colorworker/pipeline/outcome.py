"""How a unit went, as a value: errors of items never leave the worker as exceptions."""

from collections.abc import Callable

from colorworker.domain.records import Record, UnitResult
from colorworker.errors import ColorworkerError, ItemSkipped
from colorworker.pipeline.context import Workshop


def outcome_of(
    workshop: Workshop, unit_id: str, attempt: int, work: Callable[[], tuple[Record, bool]]
) -> UnitResult:
    """Do the work, which returns a record and whether it was found, and say how it went."""
    try:
        record, resumed = work()
    except ColorworkerError as error:
        return failure(workshop, unit_id, attempt, error)
    return success(workshop, unit_id, attempt, record, resumed=resumed)


def success(
    workshop: Workshop, unit_id: str, attempt: int, record: Record, *, resumed: bool
) -> UnitResult:
    """Return the result of a unit that left a record, be it that of a skip."""
    return UnitResult(
        unit_id,
        record.outcome,
        record,
        resumed,
        error_code=str(record.info.get("error_code", "")),
        error=str(record.info.get("error", "")),
        attempt=attempt,
        worker=workshop.worker,
    )


def failure(workshop: Workshop, unit_id: str, attempt: int, error: ColorworkerError) -> UnitResult:
    """Return the result of a unit that left none."""
    return UnitResult(
        unit_id,
        "skipped" if isinstance(error, ItemSkipped) else "failed",
        error_code=error.code,
        error=str(error),
        retryable=error.retryable,
        attempt=attempt,
        worker=workshop.worker,
    )
