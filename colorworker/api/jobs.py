"""`colorize` and `dry_run`."""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from colorworker import job
from colorworker.api.interruption import stop_on_interrupt
from colorworker.api.keywords import PathLike, job_request
from colorworker.domain.costs import Estimate
from colorworker.domain.entries import EntryCounts
from colorworker.driver import Progress
from colorworker.estimate.sampling import Recorded
from colorworker.job import Control, JobRequest, PlannedJob
from colorworker.report.jobreport import ItemCounter, Report
from colorworker.report.text import destination_label
from colorworker.settings import Settings, load_settings
from colorworker.store.openstore import open_store

logger = logging.getLogger(__name__)

ShowProgress = Callable[[Progress], None]


def colorize(
    sources: PathLike | Iterable[PathLike],
    destination: PathLike,
    *,
    progress: ShowProgress | None = None,
    **options: Any,
) -> Report:
    """Colorize pictures and films; call it again to resume.

    Ctrl-C lets running units finish, writes the report and then raises KeyboardInterrupt.

    Args:
        sources: One or more files, folders, globs, `s3://` URIs or `manifest:` lists.
        destination: Folder or `s3://` URI for the color copies.
        progress: Called with the progress after every round of results.
        options: The options of `colorworker colorize`, with underscores: `profile="archive"`,
            `color_sources="recolor"`, `workers=2`, `include=["*.mkv"]`. `--from` and `--to` are
            `start` and `end`.

    Returns:
        The report. Failed items are in it and raise nothing.

    Raises:
        UsageError: If the job cannot start, or an option is unknown or invalid.
        ColorworkerError: If the destination fails before the first unit.
    """
    settings = load_settings()
    request = job_request(settings, sources, destination, options)
    counter = ItemCounter()
    with stop_on_interrupt() as stopping:
        end = job.run(
            request,
            settings,
            Control(
                stop_flag=lambda: nullcontext(stopping),
                display=lambda: nullcontext(progress or (lambda _: None)),
                item=counter.add,
            ),
        )
    stores = job.store_options(settings)
    with closing(open_store(request.destination, stores)) as store:
        label = destination_label(store, request.destination)
        # Its URI is absolute: the report can still be read after a change of folder.
        opened = partial(open_store, store.uri, stores)
    return Report(
        end.job_id,
        end.run_id,
        label,
        end.page,
        counter.counts(end.progress.items_total),
        end.completion_report,
        opened,
    )


@dataclass(frozen=True)
class DryRun:
    """Sources of a job, and how long it would take."""

    job_id: str
    counts: EntryCounts
    """Sources by kind, and their bytes."""
    items_done: int = 0
    """Items that are already done."""
    estimate: Estimate | None = None
    """Expected time and bytes; None if there is nothing to do or the machine is not measured."""


def dry_run(
    sources: PathLike | Iterable[PathLike],
    destination: PathLike,
    *,
    calibrate: bool | None = None,
    **options: Any,
) -> DryRun:
    """Return what `colorize` would do with these arguments; nothing is written to the destination.

    Args:
        sources: As for `colorize`.
        destination: As for `colorize`.
        calibrate: Measure this machine again (True), only missing rates (None, which can take a
            minute), or not at all (False).
        options: As for `colorize`.

    Raises:
        UsageError: If the job could not start.
    """
    settings = load_settings()
    request = job_request(settings, sources, destination, options)
    with job.planned_job(request, settings) as planned:
        job.refuse_empty_plan(request, planned.plan)
        return dry_run_of(request, settings, planned, calibrate)


def dry_run_of(
    request: JobRequest, settings: Settings, planned: PlannedJob, calibrate: bool | None
) -> DryRun:
    """Return the work of a planned job and its estimate; see `dry_run`."""
    plan = planned.plan
    if not plan.counts.stills + plan.counts.films:
        return DryRun(plan.job_id, plan.counts)
    spec = job.worker_spec(settings, planned.model, planned.stores, request.destination)
    with closing(open_store(request.destination, planned.stores)) as destination:
        volume, expected = job.estimator(request, settings, spec).estimate_dry_run(
            plan, Recorded(destination), calibrate, logger.info
        )
    return DryRun(plan.job_id, plan.counts, volume.items_done, expected)
