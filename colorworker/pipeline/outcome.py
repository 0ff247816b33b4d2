"""The outcome of a unit as a value. Item errors become results; errors of the machine are raised.

An error that the worker's machine causes (no TensorFlow, unreadable weights, a full disk) would hit
every item, so it must not be recorded against the one that happened to meet it.
"""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from colorworker.domain.options import Options
from colorworker.domain.records import Record, ScanInfo, StillInfo, UnitResult
from colorworker.domain.units import Assembly, Scan, Segment, ShotSearch, Still
from colorworker.errors import (
    ColorworkerError,
    DependencyMissing,
    ItemSkipped,
    PlaceUnfit,
    StrictFailure,
    UsageError,
)
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.provenance.sidecars import write_sidecars

_SHOWN_WARNINGS = 5
"""Warnings in the error of an item that they make fail; its line in the report has all."""


def outcome_of(
    context: WorkerContext,
    unit: Scan | ShotSearch | Segment | Assembly | Still,
    attempt: int,
    work: Callable[[], tuple[Record, bool]],
) -> UnitResult:
    """Do the work, which returns a record and whether it existed already; return its result.

    The sidecars that the options ask for are written then, also if the output existed already.

    Raises:
        UsageError: If this machine is at fault, not the item.
    """
    try:
        record, resumed = work()
        write_sidecars(context, unit, record)
    except ColorworkerError as error:
        return failure(context, unit.unit_id, attempt, error)
    return success(context, unit, attempt, record, resumed=resumed)


def success(
    context: WorkerContext,
    unit: Scan | ShotSearch | Segment | Assembly | Still,
    attempt: int,
    record: Record,
    *,
    resumed: bool,
) -> UnitResult:
    """Return the result of a unit that has a record.

    The record may say that the unit was skipped. With the option `strict`, warnings make it fail;
    the record stays, so without the option nothing is done again.
    """
    if refused := _strict_failure(record, unit.options):
        failed = failure(context, unit.unit_id, attempt, refused)
        return replace(failed, record=record, resumed=resumed)
    still = record.info if isinstance(record.info, StillInfo) else None
    return UnitResult(
        unit.unit_id,
        record.outcome,
        record,
        resumed,
        error_code=still.error_code if still else "",
        error=still.error if still else "",
        attempt=attempt,
        worker=context.worker,
    )


def _strict_failure(record: Record, options: Options) -> StrictFailure | None:
    """Return the failure of a unit whose warnings its options do not accept, else None."""
    if not options.strict or not record.warnings or record.outcome != "succeeded":
        return None
    in_color = isinstance(record.info, ScanInfo) and record.info.in_color
    if in_color and options.color_sources == "skip":
        return None
    shown = "; ".join(record.warnings[:_SHOWN_WARNINGS])
    if len(record.warnings) > _SHOWN_WARNINGS:
        shown += f"; and {len(record.warnings) - _SHOWN_WARNINGS} more"
    next_step = "Leave out --strict to color it all the same"
    if record.output_key:
        next_step = f"The color copy {record.output_key} is kept; leave out --strict to accept it"
    return StrictFailure(record.source_key, f"refused by --strict: {shown}", next_step)


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
