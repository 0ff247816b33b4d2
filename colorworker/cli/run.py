"""The composition root of a job: from paths and settings to stores, executor and report."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from colorworker.cli.interrupt import INTERRUPTED, StopFlag, leave
from colorworker.cli.progress import display
from colorworker.cli.shown import shown_folder
from colorworker.cluster.inprocess import InProcessExecutor
from colorworker.cluster.worker import WorkerSpec, open_workshop
from colorworker.driver import Executor, Job, Progress, run_job
from colorworker.errors import DependencyMissing, UsageError
from colorworker.keeping.page import fresh_page
from colorworker.keeping.runs import RunKeeper, both
from colorworker.listing import OpenSource, plan_entries
from colorworker.model.weights import load, resolve
from colorworker.planning.plan import Plan, freeze, manifest_key, put_manifest
from colorworker.report.page import JobFacts
from colorworker.report.writer import ReportWriter
from colorworker.settings import (
    ExecutorName,
    Settings,
    apply_environment,
    tensorflow_environment,
)
from colorworker.store.base import ObjectStore
from colorworker.store.opening import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.sources import parse_source, refuse_overlap
from colorworker.work.job import ModelRef, Options

SOME_FAILED = 3
"""Exit code of a job that ended with failed items."""


@dataclass(frozen=True)
class Request:
    """One command line, understood."""

    sources: tuple[str, ...]
    destination: str
    options: Options
    model: str
    executor: ExecutorName
    workers: int | None
    dry_run: bool
    quiet: bool


def run(request: Request, settings: Settings) -> int:
    """Do what was asked for and return the exit code.

    Raises:
        UsageError: If the job cannot start: bad paths, bad weights, nothing to do.
    """
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    opened = partial(open_store, options=stores)
    model = resolve(request.model, opened)
    # Refused here, weights are one error; in the workers they would be one an item.
    load(model, opened)
    with _plan(request, model, stores) as plan:
        if request.dry_run:
            _print_plan(plan)
            return 0
        with closing(open_store(request.destination, stores)) as destination:
            put_manifest(destination, plan)
            end, page, stopped = _run_job(request, settings, plan, model, stores, destination)
            folder = shown_folder(destination, request.destination)
    _print_end(end, f"{folder}/{page}")
    if end.units_running:
        leave()
    if stopped:
        return INTERRUPTED
    return SOME_FAILED if end.items_failed else 0


def _run_job(
    request: Request,
    settings: Settings,
    plan: Plan,
    model: ModelRef,
    stores: StoreOptions,
    destination: ObjectStore,
) -> tuple[Progress, str, bool]:
    """Run the plan; return its end, the report page's key, and whether it was stopped before."""
    run = settings.run
    options = request.options
    job = Job(plan.job_id, plan, options, model, run.batch_stills, run.max_attempts, plan.counts)
    spec = WorkerSpec(
        destination_uri=destination.uri,
        model=model,
        options=options,
        max_pixels=settings.media.max_pixels,
        scratch=run.scratch,
        keep_parts=run.keep_parts,
        stores=stores,
        landmark=manifest_key(plan.job_id),
    )
    facts = _facts(request, settings, plan, model)
    with (
        # Ray's listener prints to stdout when a worker dies; stdout is for results only.
        redirect_stdout(sys.stderr),
        StopFlag() as stopping,
        fresh_page(destination, shown_folder(destination, request.destination)),
        RunKeeper(
            destination,
            plan.job_id,
            request.sources,
            heartbeat_seconds=run.heartbeat_seconds,
        ) as kept,
        ReportWriter(destination, facts, kept.run_id) as report,
        closing(_executor(request, spec, settings)) as executor,
    ):
        with display(quiet=request.quiet) as show:
            end = run_job(
                job,
                executor,
                line=both(report.add, kept.add),
                progress=both(show, kept.show),
                stopping=stopping,
                stop_seconds=run.stop_seconds,
            )
        stopped = stopping()
        if stopped:
            kept.interrupted()
        return end, report.finish(interrupted=stopped), stopped


@contextmanager
def _plan(request: Request, model: ModelRef, stores: StoreOptions) -> Iterator[Plan]:
    """Give the job's plan, which lies in a scratch folder until the job's end."""
    destination = Path(request.destination)
    if destination.exists() and not destination.is_dir():
        raise UsageError(request.destination, "is a file", "Give a folder as the destination")
    if stores.scratch:
        stores.scratch.mkdir(parents=True, exist_ok=True)
    opened = partial(open_store, options=stores)
    # Not the destination's scratch folder: a dry run writes nothing there.
    with TemporaryDirectory(prefix="colorworker-plan-", dir=stores.scratch) as folder:
        with ExitStack() as stack:
            sources = []
            for text in request.sources:
                source = parse_source(text, opened)
                refuse_overlap(text, source, request.destination)
                store = stack.enter_context(closing(opened(source.root)))
                sources.append(OpenSource(source, store))
            scratch = Path(folder)
            entries = plan_entries(sources, request.options.profile, scratch)
            plan = freeze(entries, request.options, model, scratch / "manifest.jsonl")
        with plan:
            if not plan.counts.items:
                raise UsageError(
                    ", ".join(request.sources),
                    "nothing matched",
                    "Check the paths and the patterns",
                )
            yield plan


def _facts(request: Request, settings: Settings, plan: Plan, model: ModelRef) -> JobFacts:
    return JobFacts(
        plan.job_id,
        request.sources,
        request.destination,
        _executor_name(request, settings),
        request.options,
        model,
        started_at="",
        wall_seconds=0.0,
        settings=_shown_settings(settings),
    )


def _executor_name(request: Request, settings: Settings) -> ExecutorName:
    if request.executor != "auto":
        return request.executor
    return "ray" if settings.ray_address else "inprocess"


def _executor(request: Request, spec: WorkerSpec, settings: Settings) -> Executor:
    if _executor_name(request, settings) == "inprocess":
        apply_environment(tensorflow_environment())
        return InProcessExecutor(open_workshop(spec), request.workers or _default_workers())
    try:
        from colorworker.cluster.actors import RayExecutor
        from colorworker.cluster.crew import Crew
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            "ray", "is not installed", "Install it: pip install 'colorworker[ray]'"
        ) from error
    crew = Crew(
        settings.run.cpus_per_worker,
        settings.run.gpus_per_worker,
        settings.run.min_workers,
        request.workers,
    )
    return RayExecutor(
        spec,
        crew,
        address=settings.ray_address,
        environment=tensorflow_environment(crew.cpus),
        start_seconds=settings.run.start_seconds,
    )


def _default_workers() -> int:
    return max(1, (os.cpu_count() or 1) // 2)


def _shown_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that are worth a line on the report; none of them is a secret."""
    return {
        f"{group}.{name}": str(value)
        for group in ("media", "run")
        for name, value in getattr(settings, group).model_dump().items()
    }


def _print_end(end: Progress, page: str) -> None:
    done = end.items_done - end.items_failed
    print(f"{done} of {end.items_total} items done or skipped, {end.items_failed} failed")
    print(f"report: {page}")


def _print_plan(plan: Plan) -> None:
    for entry in plan:
        said = entry.output_key or f"{entry.outcome}: {entry.error}"
        print(f"{entry.kind or 'other':<6} {entry.size_bytes:>12} {entry.key} -> {said}")
    counts = plan.counts
    print(
        f"job {plan.job_id}: {counts.stills} stills, {counts.films} films,"
        f" {counts.size_bytes} bytes; {counts.items - counts.stills - counts.films} not to be done."
        " Nothing was written."
    )
