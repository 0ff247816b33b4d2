"""`colorworker restore PLAN.toml`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from colorworker.cli.colorize import refuse_relative
from colorworker.cli.dryrun import dry_run, refuse_calibrating
from colorworker.cli.exitcodes import (
    INTERRUPTED,
    NOT_STARTED,
    OTHER_RUN,
    SOME_FAILED,
    WORK_LEFT,
)
from colorworker.cli.interrupt import StopFlag, leave
from colorworker.cli.logs import LogFormat, LogLevel, configure_logging
from colorworker.cli.progress import display
from colorworker.domain.schedule import Collection, RestorationPlan
from colorworker.errors import ColorworkerError, UsageError
from colorworker.job import JobRequest, store_options
from colorworker.report.text import duration, visible
from colorworker.schedule.failures import forget_failures, list_failures
from colorworker.schedule.planerrors import line_of_collection
from colorworker.schedule.planfile import read_plan
from colorworker.schedule.run import CollectionEnd, PlanEnd, collection_request
from colorworker.schedule.run import restore as run_plan
from colorworker.settings import ExecutorName, Settings, load_settings
from colorworker.store.openstore import open_store


def restore(
    plan_file: Annotated[
        Path, typer.Argument(metavar="PLAN.toml", help="Plan file.", show_default=False)
    ],
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where units run. Default: ray if RAY_ADDRESS is set, else local."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of units at a time.")
    ] = None,
    unpark: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB", help="Only forget the failures of matching keys, so they are retried."
        ),
    ] = None,
    failures: Annotated[
        bool,
        typer.Option("--failures", help="Only list waiting and parked items, and why they failed."),
    ] = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done and how long it would take."),
    ] = False,
    calibrate: Annotated[
        bool | None,
        typer.Option(
            help="With --dry-run: measure how fast this machine is again, or do not measure it.",
            show_default=False,
        ),
    ] = None,
    detailed_exit_code: Annotated[
        bool, typer.Option(help="Exit with 4 or 5 instead of 0 after a run that ended early.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress on stderr.")] = False,
    on_cluster: Annotated[
        bool, typer.Option("--on-cluster", hidden=True, help="Refuse relative paths.")
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(help="Lowest level of log messages on stderr.")
    ] = "warning",
    log_format: Annotated[
        LogFormat, typer.Option(help="Form of log messages: text, or one JSON object per line.")
    ] = "text",
) -> None:
    """Run a plan (sources, time window, budget). Safe to run from cron or a systemd timer.

    Each run colorizes what is new, changed or not done yet, within the plan's window and budget.
    Failed items are retried in later runs with increasing delays, then parked.

    Exit codes: 0 everything that is due is done, or window or budget ended the run, or another run
    of the plan is in progress (--detailed-exit-code makes these 4 and 5); 2 the plan is wrong or a
    collection could not run, 3 some items failed, 130 interrupted.
    """
    configure_logging(log_level, log_format)
    if on_cluster:
        refuse_relative([str(plan_file)])
    settings = load_settings()
    choice = settings.chosen_model()
    plan = read_plan(plan_file, settings.options(model=choice), choice)
    if unpark is not None or failures:
        _print_failures(plan, settings, unpark)
        return
    executor, workers = executor or settings.run.executor, workers or settings.run.workers
    if dry:
        requested = partial(collection_request, executor=executor, workers=workers)
        code = _dry_run(plan_file, plan, requested, settings, calibrate)
        if code:
            raise typer.Exit(code)
        return
    refuse_calibrating(calibrate)
    end = _run(plan_file, plan, settings, executor, workers, quiet=quiet)
    for said in _plan_text(plan_file, plan, end):
        print(said, flush=True)
    code = _code(end, detailed=detailed_exit_code)
    if end.units_running:
        leave(code)
    if code:
        raise typer.Exit(code)


def _run(
    plan_file: Path,
    plan: RestorationPlan,
    settings: Settings,
    executor: ExecutorName,
    workers: int | None,
    *,
    quiet: bool,
) -> PlanEnd:
    """Run the plan. If its first destination cannot be reached, the error names its line."""

    def unreachable(error: ColorworkerError) -> UsageError:
        where = f"{line_of_collection(plan_file, 0)}: collection[1].destination"
        return UsageError(where, f"{error.subject}: {error.seen}", error.next_step)

    with StopFlag(settings.run.stop_seconds) as interrupted, redirect_stdout(sys.stderr):
        return run_plan(
            plan,
            settings,
            executor=executor,
            workers=workers,
            interrupted=interrupted,
            display=partial(display, quiet=quiet),
            unreachable=unreachable,
        )


def _dry_run(
    plan_file: Path,
    plan: RestorationPlan,
    requested: Callable[[Collection], JobRequest],
    settings: Settings,
    calibrate: bool | None,
) -> int:
    """Print the work and estimate of each collection, then the total; return the exit code."""
    code, seconds = 0, 0.0
    for number, collection in enumerate(plan.collections):
        print(f"{collection.name}:")
        try:
            # A new measurement is made once, not once per collection.
            again = None if number and calibrate else calibrate
            expected = dry_run(requested(collection), settings, again, may_be_empty=True)
        except ColorworkerError as error:
            where = visible(line_of_collection(plan_file, number))
            print(f"{collection.name} ({where}): {visible(str(error))}", flush=True)
            code = NOT_STARTED
            continue
        seconds += expected.wall_seconds() if expected else 0.0
    if seconds:
        print(f"plan {plan.name}: {', '.join(_budget_text(plan, seconds))}", flush=True)
    return code


def _budget_text(plan: RestorationPlan, seconds: float) -> Iterator[str]:
    """Yield the expected time, its price, and the number of runs within the budget."""
    budget = plan.budget
    yield duration(seconds)
    if budget.price_per_hour is not None:
        yield f"{seconds / 3600 * budget.price_per_hour:.2f} at {budget.price_per_hour:g} an hour"
    runs = budget.runs(seconds)
    if runs > 1:
        yield f"{runs} runs within its budget"


def _code(end: PlanEnd, *, detailed: bool) -> int:
    if end.status == "interrupted":
        return INTERRUPTED
    if any(item.error for item in end.collections):
        return NOT_STARTED
    if any(item.tally.failed for item in end.collections):
        return SOME_FAILED
    early = {"stopped": WORK_LEFT, "closed": WORK_LEFT, "overlapping": OTHER_RUN}
    return early.get(end.status, 0) if detailed else 0


def _plan_text(plan_file: Path, plan: RestorationPlan, end: PlanEnd) -> Iterator[str]:
    """Yield lines on how the run ended."""
    for number, item in enumerate(end.collections):
        if item.error:
            where = visible(line_of_collection(plan_file, number))
            yield f"{item.name} ({where}): {visible(item.error)}"
        else:
            yield from _collection_text(item)
    name = f"plan {plan.name}"
    if end.status == "done" and any(item.error for item in end.collections):
        yield f"{name}: everything that is due is done, except the collections that could not run"
    elif end.status == "done":
        yield f"{name}: everything that is due is done"
    elif end.status in {"closed", "overlapping"}:
        yield f"{name} not started: {end.reason}"
    else:
        yield f"{name} stopped: {end.reason}; the next run continues"


def _collection_text(item: CollectionEnd) -> Iterator[str]:
    tally = item.tally
    parts = [f"{tally.done} done ({tally.resumed} already done)", f"{tally.failed} failed"]
    parts += [
        f"{number} {word}"
        for number, word in (
            (tally.skipped, "skipped"),
            (tally.waiting, "waiting after failures"),
            (tally.parked, "parked"),
            (tally.gone, "gone from the sources, outputs kept"),
        )
        if number
    ]
    yield f"{item.name}: {', '.join(parts)}"
    if tally.newly_parked:
        yield f"{item.name}: newly parked: {', '.join(map(visible, tally.newly_parked))}"
    if item.job and item.job.completion_report:
        yield f"completion report: {item.job.completion_report}"
    if item.job:
        yield f"report: {item.job.page}"


def _print_failures(plan: RestorationPlan, settings: Settings, unpark: str | None) -> None:
    """Print the failures of a plan; forget those of the keys that `unpark` matches."""
    opened = partial(open_store, options=store_options(settings))
    found = list_failures(plan, opened) if unpark is None else forget_failures(plan, opened, unpark)
    for each in found:
        failure = each.failure
        word = "parked" if each.parked else "waiting"
        if unpark is not None:
            word = "retried next"
        times = "once" if failure.failures == 1 else f"{failure.failures} times"
        print(
            f"{each.collection}: {visible(failure.key)}: {word}; failed {times}, last at"
            f" {failure.last_at}: {visible(failure.error)}"
        )
