"""`restore` and its relatives: run a plan, estimate it, list and forget its failures."""

from contextlib import nullcontext
from functools import partial
from pathlib import Path

from colorworker import job
from colorworker.api.interruption import stop_on_interrupt
from colorworker.api.jobs import DryRun, ShowProgress, dry_run_of
from colorworker.api.keywords import PathLike, options_from
from colorworker.domain.schedule import RestorationPlan
from colorworker.schedule.failures import PlanFailure, forget_failures, list_failures
from colorworker.schedule.planfile import read_plan
from colorworker.schedule.run import PlanEnd, collection_request
from colorworker.schedule.run import restore as run_plan
from colorworker.settings import ExecutorName, Settings, load_settings
from colorworker.store.openstore import open_store


def restore(
    plan: PathLike,
    *,
    executor: ExecutorName | None = None,
    workers: int | None = None,
    progress: ShowProgress | None = None,
) -> PlanEnd:
    """Run a plan once, within its window and budget. Call it as often as you like.

    Args:
        plan: Path of the plan file; see `docs/restore.md`.
        executor: Where units run; the settings' by default.
        workers: Maximum number of units at a time.
        progress: Called with the progress of the current collection.

    Returns:
        How the run ended, with a tally and a report for each collection. Collections that could not
        be run have an `error`.

    Raises:
        UsageError: If the plan is wrong.
        ColorworkerError: If the first destination cannot be reached.
    """
    settings = load_settings()
    with stop_on_interrupt() as interrupted:
        return run_plan(
            _plan(plan, settings),
            settings,
            executor=executor or settings.run.executor,
            workers=workers or settings.run.workers,
            interrupted=interrupted,
            display=lambda: nullcontext(progress or (lambda _: None)),
        )


def dry_run_plan(plan: PathLike, *, calibrate: bool | None = None) -> dict[str, DryRun]:
    """Return what `restore` would do with this plan, by the names of its collections.

    Raises:
        UsageError: If the plan is wrong, or a collection could not start.
    """
    settings = load_settings()
    found = {}
    for collection in _plan(plan, settings).collections:
        request = collection_request(collection, settings.run.executor, settings.run.workers)
        with job.planned_job(request, settings) as planned:
            found[collection.name] = dry_run_of(request, settings, planned, calibrate)
    return found


def plan_failures(plan: PathLike) -> tuple[PlanFailure, ...]:
    """Return the failed sources of a plan, each waiting or parked."""
    settings = load_settings()
    return tuple(
        list_failures(
            _plan(plan, settings), partial(open_store, options=job.store_options(settings))
        )
    )


def unpark(plan: PathLike, pattern: str) -> tuple[PlanFailure, ...]:
    """Forget the failures of the keys that match, so that the next run retries them; return them.

    Raises:
        UsageError: If no failure matches.
    """
    settings = load_settings()
    return tuple(
        forget_failures(
            _plan(plan, settings), partial(open_store, options=job.store_options(settings)), pattern
        )
    )


def _plan(path: PathLike, settings: Settings) -> RestorationPlan:
    choice = settings.chosen_model()
    return read_plan(Path(path), options_from(settings, {}, model=choice), choice)
