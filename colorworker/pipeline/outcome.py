"""The outcome of a unit as a value. Item errors become results; errors of the machine are raised.

An error that the worker's machine causes (no TensorFlow, unreadable weights, a full disk) would hit
every item, so it must not be recorded against the one that happened to meet it.
"""

import errno
import os
from collections.abc import Callable, Iterator

from colorworker.domain.records import Record, StillInfo, UnitResult
from colorworker.errors import (
    ColorworkerError,
    DependencyMissing,
    ItemSkipped,
    PlaceUnfit,
    UsageError,
)
from colorworker.pipeline.context import WorkerContext


def outcome_of(
    context: WorkerContext, unit_id: str, attempt: int, work: Callable[[], tuple[Record, bool]]
) -> UnitResult:
    """Do the work, which returns a record and whether it existed already; return its result.

    Raises:
        UsageError: If this machine is at fault, not the item.
    """
    try:
        record, resumed = work()
    except ColorworkerError as error:
        return failure(context, unit_id, attempt, error)
    return success(context, unit_id, attempt, record, resumed=resumed)


def success(
    context: WorkerContext, unit_id: str, attempt: int, record: Record, *, resumed: bool
) -> UnitResult:
    """Return the result of a unit that has a record, which may say that it was skipped."""
    still = record.info if isinstance(record.info, StillInfo) else None
    return UnitResult(
        unit_id,
        record.outcome,
        record,
        resumed,
        error_code=still.error_code if still else "",
        error=still.error if still else "",
        attempt=attempt,
        worker=context.worker,
    )


def failure(
    context: WorkerContext, unit_id: str, attempt: int, error: ColorworkerError
) -> UnitResult:
    """Return the result of a unit that has no record.

    Raises:
        UsageError: If this machine is at fault, not the item.
    """
    refuse_place_errors(context, error)
    return UnitResult(
        unit_id,
        "skipped" if isinstance(error, ItemSkipped) else "failed",
        error_code=error.code,
        error=str(error),
        retryable=error.retryable,
        attempt=attempt,
        worker=context.worker,
    )


def refuse_place_errors(context: WorkerContext, error: Exception) -> None:
    """Raise an error that this machine caused; return if the error is about the item.

    Raises:
        UsageError: The error itself if it is one; a DependencyMissing for an import that failed; a
            PlaceUnfit if a full disk caused it.
    """
    if isinstance(error, UsageError):
        raise error
    if isinstance(error, ImportError):
        raise DependencyMissing(
            error.name or "a library",
            f"does not load on worker {context.worker} ({error})",
            f"Reinstall it there: pip install --force-reinstall {error.name or 'colorworker'}",
        ) from error
    if any(_is_full_disk(link) for link in _chain(error)):
        folder = context.settings.scratch or context.destination.uri
        raise PlaceUnfit(
            f"worker {context.worker}",
            f"no space left on the disk of {folder}",
            "Free some space, then run the same command again to resume",
        ) from error


def _is_full_disk(error: BaseException) -> bool:
    # PyAV's errors have numbers too; libvips only repeats the system's words.
    number = getattr(error, "errno", None)
    return number in {errno.ENOSPC, errno.EDQUOT} or os.strerror(errno.ENOSPC) in str(error)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
