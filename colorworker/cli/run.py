"""The composition root of a job: from paths and settings to stores, executor and report."""

import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from colorworker.cli.interrupt import INTERRUPTED, StopFlag, leave
from colorworker.cli.progress import display
from colorworker.domain.adjustments import Wish, adjusted
from colorworker.domain.entries import Counts, Entry
from colorworker.domain.excerpt import Excerpt, only_excerpt
from colorworker.domain.options import ModelRef, Options
from colorworker.driver import Executor, Job, run_job
from colorworker.errors import DependencyMissing, UsageError
from colorworker.estimate.estimator import Expecting
from colorworker.executors.cores import usable_cores
from colorworker.executors.inprocess import InProcessExecutor
from colorworker.executors.worker import WorkerSpec, open_workshop
from colorworker.inputs.jobplan import Plan, freeze, manifest_key, put_manifest
from colorworker.inputs.listing import OpenSource, plan_entries
from colorworker.inputs.manifests import open_manifest
from colorworker.inputs.manifesturi import is_manifest
from colorworker.media.codecs import nvenc
from colorworker.model.weights import load, resolve
from colorworker.report.completion import CompletionReport
from colorworker.report.jobpage import JobFacts
from colorworker.report.recordedshots import kept_shots
from colorworker.report.text import shown_folder
from colorworker.report.writer import ReportWriter
from colorworker.runs.heartbeat import RunKeeper, both
from colorworker.runs.publishpage import fresh_page
from colorworker.schedule.run import JobEnd, Watch
from colorworker.settings import (
    ExecutorName,
    Settings,
    apply_environment,
    tensorflow_environment,
)
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.sources import Source, parse_source, refuse_overlap

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
    quiet: bool
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    calibrate: bool | None = None
    """In a dry run: measure this machine anew, or not at all; None: what is not known of it."""

    completion_report: str = ""
    """Where a report in the format of S3 Batch Operations goes; empty for none."""
    wishes: tuple[Wish, ...] = ()
    """Shots that are to have colors of their own."""

    def executor_name(self, settings: Settings) -> ExecutorName:
        """Return where units run."""
        if self.executor != "auto":
            return self.executor
        return "ray" if settings.ray_address else "inprocess"

    def workers_at_a_time(self, settings: Settings) -> int | None:
        """Return how many units are worked on at a time; None where a cluster decides."""
        if self.workers or self.executor_name(settings) == "ray":
            return self.workers
        # One leaves a quarter of two cores idle, waiting for its own decoder, model or encoder.
        return -(-3 * usable_cores() // 4)


def run(request: Request, settings: Settings) -> int:
    """Do what was asked for and return the exit code.

    Raises:
        UsageError: If the job cannot start: bad paths, bad weights, nothing to do.
    """
    stores, model = prepared(request, settings)
    with planned(request, model, stores) as plan:
        refuse_nothing(request, plan)
        with closing(open_store(request.destination, stores)) as destination:
            put_manifest(destination, plan)
            end = _run_job(request, settings, plan, model, stores, destination, None)
    _print_end(end)
    if end.progress.units_running:
        leave()
    if end.stopped:
        return INTERRUPTED
    return SOME_FAILED if end.progress.items_failed else 0


def prepared(request: Request, settings: Settings) -> tuple[StoreOptions, ModelRef]:
    """Return how stores are reached, and the weights, which are sound.

    Raises:
        UsageError: If the weights are not, or this process lacks the encoder that is asked for.
    """
    if request.executor_name(settings) == "inprocess":
        refuse_missing_encoder(request.options)
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    opened = partial(open_store, options=stores)
    model = resolve(request.model, opened)
    # Refused here, weights are one error; in the workers they would be one an item.
    load(model, opened)
    return stores, model


def refuse_missing_encoder(options: Options) -> None:
    """Refuse a job of this process whose films would all fail at their end.

    Raises:
        UsageError: If they are to be encoded by NVENC and it does not work here.
    """
    if options.encoder == "software" or options.preview:
        return
    name = nvenc.encoder_name(options.codec)
    if reason := nvenc.answer(name).reason:
        raise UsageError(
            f"--encoder {options.encoder}",
            f"{name} does not work on {platform.node()} ({reason})",
            "Leave it out, or run where `colorworker doctor` says that there is NVENC",
        )


def refuse_nothing(request: Request, plan: Plan) -> None:
    """Refuse a job without sources.

    Raises:
        UsageError: If nothing matched.
    """
    if not plan.counts.items:
        raise UsageError(
            ", ".join(request.sources), "nothing matched", "Check the paths and the patterns"
        )


def worker_spec(
    settings: Settings, model: ModelRef, stores: StoreOptions, destination: str
) -> WorkerSpec:
    """Return what workers must know to do the job's units into a destination."""
    return WorkerSpec(
        destination_uri=destination,
        model=model,
        settings=settings.of_workers(),
        stores=stores,
    )


def run_watched(request: Request, settings: Settings, watch: Watch) -> JobEnd:
    """Run the job of a plan's collection, of which there may be nothing left to do.

    Raises:
        ColorworkerError: If the job cannot start.
    """
    stores, model = prepared(request, settings)
    with (
        planned(request, model, stores) as plan,
        closing(open_store(request.destination, stores)) as destination,
    ):
        put_manifest(destination, plan)
        with watch.worklist(plan, model, destination, plan.path.parent) as worklist:
            counts = worklist.counts(plan.counts)
            watched = (watch, worklist, counts)
            return _run_job(request, settings, plan, model, stores, destination, watched)


def _run_job(
    request: Request,
    settings: Settings,
    plan: Plan,
    model: ModelRef,
    stores: StoreOptions,
    destination: ObjectStore,
    watched: tuple[Watch, Iterable[Entry], Counts] | None,
) -> JobEnd:
    """Run the plan, or what a watch has left of it, and return how that ended."""
    run = settings.run
    options = request.options
    watch, entries, counts = watched or (None, plan, plan.counts)
    job = Job(plan.job_id, entries, options, model, run.batch_stills, run.max_attempts, counts)
    if watch:
        job = replace(job, room=watch.room)
    spec = replace(
        worker_spec(settings, model, stores, destination.uri),
        landmark=manifest_key(plan.job_id),
    )
    expected = expecting(request, settings, spec).of_run(plan)
    facts = _facts(request, settings, plan, model)
    with (
        # Ray's listener prints to stdout when a worker dies; stdout is for results only.
        redirect_stdout(sys.stderr),
        nullcontext(watch.stopping) if watch else StopFlag(run.stop_seconds) as stopping,
        fresh_page(destination, shown_folder(destination, request.destination)),
        RunKeeper(
            destination,
            plan.job_id,
            request.sources,
            heartbeat_seconds=run.heartbeat_seconds,
            expected=expected,
        ) as kept,
        ReportWriter(destination, facts, kept.run_id) as report,
        _completion(request, stores, destination, plan.job_id, kept.run_id) as completion,
        closing(_executor(request, spec, settings)) as executor,
    ):
        with display(quiet=request.quiet) as show:
            line, progress = both(report.add, kept.add), both(show, kept.show)
            if completion:
                line = both(line, completion.add)
            end = run_job(
                job,
                executor,
                line=both(line, watch.line) if watch else line,
                progress=both(progress, watch.show) if watch else progress,
                stopping=stopping,
                stop_seconds=run.stop_seconds,
            )
        stopped = stopping() and end.items_done < end.items_total
        if stopped:
            kept.interrupted()
        folder = shown_folder(destination, request.destination)
        page = report.finish(interrupted=stopped, comparison=kept.comparison())
        reported = completion.finish() if completion else ""
        return JobEnd(end, f"{folder}/{page}", stopped, reported)


def expecting(request: Request, settings: Settings, spec: WorkerSpec) -> Expecting:
    """Return what estimates the job's time."""
    name = request.executor_name(settings)
    return Expecting(spec, request.options, name, request.workers_at_a_time(settings), settings)


@contextmanager
def _completion(
    request: Request, stores: StoreOptions, destination: ObjectStore, job_id: str, run_id: str
) -> Iterator[CompletionReport | None]:
    if not request.completion_report:
        yield None
        return
    with (
        closing(open_store(request.completion_report, stores)) as store,
        CompletionReport(store, destination.uri, job_id, run_id) as report,
    ):
        yield report


@contextmanager
def planned(request: Request, model: ModelRef, stores: StoreOptions) -> Iterator[Plan]:
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
                manifest = open_manifest(text, opened) if is_manifest(text) else None
                source = Source(manifest.root) if manifest else parse_source(text, opened)
                refuse_overlap(text, source, request.destination)
                if request.completion_report:
                    refuse_overlap(text, source, request.completion_report)
                source = replace(source, include=request.include, exclude=request.exclude)
                store = stack.enter_context(closing(opened(source.root)))
                sources.append(OpenSource(source, store, manifest))
            scratch = Path(folder)
            entries = plan_entries(sources, request.options, scratch)
            if request.options.excerpt:
                entries = only_excerpt(entries, Excerpt(*request.options.excerpt))
            if request.wishes:
                store = stack.enter_context(closing(opened(request.destination)))
                shots_of = partial(kept_shots, store, request.options, model)
                entries = adjusted(entries, request.wishes, shots_of)
            plan = freeze(entries, request.options, model, scratch / "manifest.jsonl")
        with closing(plan):
            yield plan


def _facts(request: Request, settings: Settings, plan: Plan, model: ModelRef) -> JobFacts:
    return JobFacts(
        plan.job_id,
        request.sources,
        request.destination,
        request.executor_name(settings),
        request.options,
        model,
        started_at="",
        wall_seconds=0.0,
        settings=_shown_settings(settings),
    )


def _executor(request: Request, spec: WorkerSpec, settings: Settings) -> Executor:
    if request.executor_name(settings) == "inprocess":
        apply_environment(tensorflow_environment())
        return InProcessExecutor(open_workshop(spec), request.workers_at_a_time(settings) or 1)
    try:
        from colorworker.executors.rayactors import RayExecutor
        from colorworker.executors.sizing import Crew
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


def _shown_settings(settings: Settings) -> dict[str, str]:
    """Return the settings that are worth a line on the report; none of them is a secret."""
    return {
        f"{group}.{name}": str(value)
        for group in ("media", "run")
        for name, value in getattr(settings, group).model_dump().items()
    }


def _print_end(end: JobEnd) -> None:
    seen = end.progress
    done = seen.items_done - seen.items_failed
    print(f"{done} of {seen.items_total} items done or skipped, {seen.items_failed} failed")
    if end.completion_report:
        print(f"completion report: {end.completion_report}")
    print(f"report: {end.page}")
