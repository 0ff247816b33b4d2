"""`colorworker restore PLAN.toml`."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from colorworker.cli.colorize import LogLevel, refuse_relative
from colorworker.cli.dryrun import dry_run, refuse_calibrating
from colorworker.cli.exitcodes import (
    INTERRUPTED,
    NOT_STARTED,
    OTHER_RUN,
    SOME_FAILED,
    WORK_LEFT,
)
from colorworker.cli.interrupt import StopFlag, leave
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
        Path, typer.Argument(metavar="PLAN.toml", help="What is to be done.", show_default=False)
    ],
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where units run. By default ray if RAY_ADDRESS is set, else inprocess."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Units worked on at a time.")] = None,
    unpark: Annotated[
        str | None,
        typer.Option(
            metavar="GLOB", help="Only forget the failures of these keys, so they are tried anew."
        ),
    ] = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Only list what waits or is parked, and why.")
    ] = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be done, and what that would take."),
    ] = False,
    calibrate: Annotated[
        bool | None,
        typer.Option(
            help="With --dry-run: measure anew how fast this machine is, or do not measure it.",
            show_default=False,
        ),
    ] = None,
    detailed_exit_code: Annotated[
        bool, typer.Option(help="Tell runs that ended early by codes 4 and 5 instead of 0.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="No progress on stderr.")] = False,
    on_cluster: Annotated[
        bool, typer.Option("--on-cluster", hidden=True, help="Refuse paths that are relative.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Of the log on stderr.")] = "warning",
) -> None:
    """Run a restoration plan once; to be started again and again by a timer.

    Only what is new, changed or not done yet is done, within the plan's window and budget. Failed
    items are tried again in later runs, ever later, and then parked.

    Exit codes: 0 nothing that is due is left, or window or budget ended the run, or another run of
    the plan is going on (--detailed-exit-code makes these 4 and 5); 2 the plan is wrong or a
    collection could not be run, 3 some items failed, 130 interrupted.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    if log_level != "debug":
        logging.getLogger("pyvips").setLevel(logging.ERROR)
    if on_cluster:
        refuse_relative([str(plan_file)])
    settings = load_settings()
    plan = read_plan(plan_file, settings.options(), settings.model.name)
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
    for said in _words(plan_file, plan, end):
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
    """Run the plan; what its state cannot be kept on is named by its line in the file."""

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
    """Print what each collection would do and take, then the sum; return the exit code."""
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
        print(f"plan {plan.name}: {', '.join(_budget_words(plan, seconds))}", flush=True)
    return code


def _budget_words(plan: RestorationPlan, seconds: float) -> Iterator[str]:
    """Yield what the plan's expected time means for its budget."""
    budget = plan.budget
    yield duration(seconds)
    if budget.price_per_hour is not None:
        yield f"{seconds / 3600 * budget.price_per_hour:.2f} at {budget.price_per_hour:g} an hour"
    runs = budget.runs(seconds)
    if runs > 1:
        yield f"so {runs} runs by its budget"


def _code(end: PlanEnd, *, detailed: bool) -> int:
    if end.standing == "interrupted":
        return INTERRUPTED
    if any(item.error for item in end.collections):
        return NOT_STARTED
    if any(item.tally.failed for item in end.collections):
        return SOME_FAILED
    early = {"stopped": WORK_LEFT, "closed": WORK_LEFT, "overlapping": OTHER_RUN}
    return early.get(end.standing, 0) if detailed else 0


def _words(plan_file: Path, plan: RestorationPlan, end: PlanEnd) -> Iterator[str]:
    """Yield what a person wants to know of a run."""
    for number, item in enumerate(end.collections):
        if item.error:
            where = visible(line_of_collection(plan_file, number))
            yield f"{item.name} ({where}): {visible(item.error)}"
        else:
            yield from _collection_words(item)
    name = f"plan {plan.name}"
    if end.standing == "done" and any(item.error for item in end.collections):
        yield f"{name}: nothing that is due is left but what could not be run"
    elif end.standing == "done":
        yield f"{name}: nothing that is due is left"
    elif end.standing in {"closed", "overlapping"}:
        yield f"{name} not begun: {end.reason}"
    else:
        yield f"{name} stopped: {end.reason}; the next run goes on"


def _collection_words(item: CollectionEnd) -> Iterator[str]:
    tally = item.tally
    parts = [f"{tally.done} done ({tally.resumed} before)", f"{tally.failed} failed"]
    parts += [
        f"{number} {word}"
        for number, word in (
            (tally.skipped, "skipped"),
            (tally.waiting, "waiting after failures"),
            (tally.parked, "parked"),
            (tally.gone, "gone from the sources, their outputs kept"),
        )
        if number
    ]
    yield f"{item.name}: {', '.join(parts)}"
    if tally.newly_parked:
        yield f"{item.name}: parked now: {', '.join(map(visible, tally.newly_parked))}"
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
