"""One job from start to finish: check, plan, run the units, write the report.

The command line, `jobs/`, the scheduler and the Python API all call `run`. Nothing is printed and
no signal is handled here: `Control` says how a caller follows a job and stops it.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from colorworker.domain.adjustments import ShotAdjustment, apply_adjustments
from colorworker.domain.entries import Entry, EntryCounts
from colorworker.domain.excerpt import Excerpt, excerpt_entries
from colorworker.domain.models import ModelChoice, ModelRef, refuse_choices
from colorworker.domain.options import Options
from colorworker.domain.outputkeys import folded
from colorworker.driver import Executor, Job, Progress, run_job
from colorworker.errors import UsageError
from colorworker.estimate.estimator import Estimator
from colorworker.executors.cores import usable_cores
from colorworker.executors.instruments import instruments
from colorworker.executors.metered import MeteredExecutor
from colorworker.executors.preflight import (
    any_unfinished,
    film_encoders,
    is_local,
    make_scratch,
)
from colorworker.executors.start import checked_place
from colorworker.executors.worker import WorkerSpec
from colorworker.inputs.hintsfiles import HintsIndex, apply_exemplars, apply_hints
from colorworker.inputs.jobplan import JobPlan, freeze_job_plan, job_plan_key, put_job_plan
from colorworker.inputs.listing import open_sources, plan_entries
from colorworker.inputs.referencefolders import apply_references
from colorworker.media.codecs.profiles import encoder_names
from colorworker.model.networks import check_model, resolve_model
from colorworker.report.completion import CompletionReport
from colorworker.report.itemlines import ItemLine
from colorworker.report.jobpage import JobFacts
from colorworker.report.recordedshots import recorded_shots
from colorworker.report.text import destination_label
from colorworker.report.writer import ReportWriter
from colorworker.runs.bag import check_bag, in_bag, mark_as_bag, update_manifests
from colorworker.runs.heartbeat import Heartbeat, call_both
from colorworker.runs.jobspage import refreshing_jobs_page
from colorworker.runs.review.applying import apply_reviews
from colorworker.runs.stateversion import check_state, write_state_version
from colorworker.settings import ExecutorName, Settings
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.scratchfiles import own_folder


@dataclass(frozen=True)
class JobRequest:
    """A job as a caller requests it; nothing is checked yet."""

    sources: tuple[str, ...]
    destination: str
    options: Options
    model: ModelChoice
    executor: ExecutorName = "auto"
    workers: int | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    completion_report: str = ""
    """Prefix for a report in the format of S3 Batch Operations; empty for none."""
    shot_adjustments: tuple[ShotAdjustment, ...] = ()
    """Vividness or temperature of single shots."""

    def executor_name(self, settings: Settings) -> ExecutorName:
        """Return where units run: `local` or `ray`."""
        if self.executor != "auto":
            return self.executor
        return "ray" if settings.ray_address else "local"

    def concurrent_units(self, settings: Settings) -> int | None:
        """Return how many units run at a time; None if the cluster decides."""
        if self.workers or self.executor_name(settings) == "ray":
            return self.workers
        # With one unit, a quarter of two cores idles: it waits for its own decoder or encoder.
        return -(-3 * usable_cores() // 4)


@dataclass(frozen=True)
class PlannedJob:
    """A job whose sources are listed and whose weights are checked."""

    plan: JobPlan
    model: ModelRef
    stores: StoreOptions
    scratch: Path
    """Folder of this job only; removed when the job ends."""


@dataclass(frozen=True)
class Selection:
    """The entries that a job hands to the driver."""

    entries: Iterable[Entry]
    counts: EntryCounts


@contextmanager
def whole_plan(planned: PlannedJob, _: ObjectStore) -> Iterator[Selection]:
    """Select every entry of the plan."""
    yield Selection(planned.plan, planned.plan.counts)


def silence() -> AbstractContextManager[Callable[[Progress], None]]:
    """Return a display that shows nothing."""
    return nullcontext(lambda _: None)


@dataclass(frozen=True)
class Control:
    """How a caller follows a job and limits it. By default it runs to its end in silence."""

    stop_flag: Callable[[], AbstractContextManager[Callable[[], bool]]] = lambda: nullcontext(
        lambda: False
    )
    """Entered before the first unit. Once the function it gives returns True, no unit starts."""
    display: Callable[[], AbstractContextManager[Callable[[Progress], None]]] = silence
    """Entered while units run; gives the function that shows progress."""
    item: Callable[[ItemLine], None] = lambda _: None
    """Called once per item, when its outcome is known."""
    select: Callable[[PlannedJob, ObjectStore], AbstractContextManager[Selection]] = whole_plan
    """Chooses what to run; gets the planned job and its open destination."""
    room: Callable[[], int | None] = lambda: None
    """How many more items may be worked on, running ones included; None for no limit."""
    may_be_empty: bool = False
    """Accept sources in which nothing matches."""


@dataclass(frozen=True)
class JobEnd:
    """How a job ended."""

    progress: Progress
    page: str
    """Path or URI of the report's page, as shown to people."""
    stopped: bool
    """True if the job was stopped before all items were done."""
    completion_report: str = ""
    """URI of the completion report's manifest; empty if there is none."""
    job_id: str = ""
    run_id: str = ""


def run(request: JobRequest, settings: Settings, control: Control | None = None) -> JobEnd:
    """Run a job and write its report.

    Items that fail are counted and reported; they raise nothing.

    Raises:
        UsageError: If the job cannot start (bad paths, bad weights, nothing to do), or no worker
            can do its units.
        ColorworkerError: If a store fails before the first unit or while the report is written.
    """
    control = control or Control()
    with (
        planned_job(request, settings) as planned,
        closing(open_store(request.destination, planned.stores)) as destination,
    ):
        if not control.may_be_empty:
            refuse_empty_plan(request, planned.plan)
        check_bag(destination, request.destination, wanted=request.options.bag)
        spec = _spec_of_job(request, settings, planned, destination)
        unfinished = partial(
            any_unfinished, planned.plan, request.options, planned.model, destination
        )
        name, workers = request.executor_name(settings), request.concurrent_units(settings)
        with checked_place(name, spec, workers, settings, destination, unfinished) as start:
            write_state_version(destination, request.destination)
            put_job_plan(destination, planned.plan)
            with control.select(planned, destination) as selection:
                return _run_selection(
                    request, settings, planned, destination, selection, control, spec, start
                )


def prepare(request: JobRequest, settings: Settings) -> tuple[StoreOptions, ModelRef]:
    """Check everything that all items need; return the store options and the checked weights.

    Raises:
        UsageError: If the weights are refused, or this process lacks the requested encoder.
    """
    if request.executor_name(settings) == "local":
        film_encoders(encoder_names(request.options))
    stores = store_options(settings)
    opened = partial(open_store, options=stores)
    model = resolve_model(request.model, opened)
    refuse_choices(model, request.options)
    # A bad network is one error here; in the workers it would be one error per item.
    check_model(model, opened, run=request.executor_name(settings) == "local")
    return stores, model


def store_options(settings: Settings) -> StoreOptions:
    """Return the options of stores under these settings."""
    return StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)


def refuse_empty_plan(request: JobRequest, plan: JobPlan) -> None:
    """Refuse a job without sources.

    Raises:
        UsageError: If nothing matched.
    """
    if not plan.counts.items:
        raise UsageError(
            ", ".join(request.sources), "nothing matched", "Check the paths and the patterns"
        )


@contextmanager
def planned_job(request: JobRequest, settings: Settings) -> Iterator[PlannedJob]:
    """Check a job and list its sources. The plan lies in a scratch folder until the block ends.

    Nothing is written to the destination.

    Raises:
        UsageError: If the job cannot start.
    """
    stores, model = prepare(request, settings)
    destination = Path(request.destination)
    if destination.exists() and not destination.is_dir():
        raise UsageError(request.destination, "is a file", "Give a folder as the destination")
    if stores.scratch:
        make_scratch(stores.scratch)
    # Not in the destination's own scratch folder: a dry run must not write there.
    with own_folder(stores.scratch) as folder:
        plan = _frozen_plan(request, stores, model, folder, settings.media.max_pixels)
        with closing(plan):
            yield PlannedJob(plan, model, stores, folder)


def _frozen_plan(
    request: JobRequest, stores: StoreOptions, model: ModelRef, scratch: Path, max_pixels: int
) -> JobPlan:
    opened = partial(open_store, options=stores)
    with ExitStack() as stack:
        written = tuple(filter(None, (request.destination, request.completion_report)))
        sources = open_sources(
            stack, request.sources, written, request.include, request.exclude, opened
        )
        beside = HintsIndex()
        destination = stack.enter_context(closing(opened(request.destination)))
        check_state(destination, request.destination)
        # S3 tells all keys apart. What a folder tells apart may change with the machine it is on.
        alike = folded if is_local(destination) else str
        entries = plan_entries(sources, request.options, scratch, beside, alike)
        entries = in_bag(entries) if request.options.bag else entries
        entries = apply_hints(entries, request.options, beside, opened)
        entries = apply_exemplars(entries, request.options, opened)
        if request.options.excerpt:
            entries = excerpt_entries(entries, Excerpt(*request.options.excerpt))
        entries = apply_references(entries, request.options, opened, _check_reference, max_pixels)
        if request.shot_adjustments:
            entries = apply_adjustments(
                entries,
                request.shot_adjustments,
                partial(recorded_shots, destination, request.options, model),
            )
        entries = apply_reviews(entries, destination)
        return freeze_job_plan(entries, request.options, model, scratch / "plan.jsonl")


def _check_reference(reader: BinaryIO, key: str, max_pixels: int) -> None:
    # Jobs without references need no libvips in this process.
    from colorworker.media.stills.referencepicture import check_header

    check_header(reader, key, max_pixels)


def worker_spec(
    settings: Settings, model: ModelRef, stores: StoreOptions, destination: str
) -> WorkerSpec:
    """Return the setup of the job's workers, for writing to a destination."""
    return WorkerSpec(
        destination_uri=destination,
        model=model,
        settings=settings.worker_settings(),
        stores=stores,
    )


def _spec_of_job(
    request: JobRequest, settings: Settings, planned: PlannedJob, destination: ObjectStore
) -> WorkerSpec:
    has_films = planned.plan.counts.films > 0
    return replace(
        worker_spec(settings, planned.model, planned.stores, destination.uri),
        stores=replace(planned.stores, may_restore=True),
        shared_key=job_plan_key(planned.plan.job_id),
        encoders=encoder_names(request.options) if has_films else (),
        signs=request.options.c2pa,
    )


def estimator(request: JobRequest, settings: Settings, spec: WorkerSpec) -> Estimator:
    """Return an estimator of the job's time on this machine."""
    name = request.executor_name(settings)
    return Estimator(spec, request.options, name, request.concurrent_units(settings), settings)


def _run_selection(
    request: JobRequest,
    settings: Settings,
    planned: PlannedJob,
    destination: ObjectStore,
    selection: Selection,
    control: Control,
    spec: WorkerSpec,
    start_executor: Callable[[], Executor],
) -> JobEnd:
    run, plan = settings.run, planned.plan
    job = Job(
        plan.job_id,
        selection.entries,
        request.options,
        planned.model,
        run.batch_stills,
        run.max_attempts,
        selection.counts,
        control.room,
    )
    expected = estimator(request, settings, spec).estimate_run(plan)
    folder = destination_label(destination, request.destination)
    with (
        control.stop_flag() as stopping,
        refreshing_jobs_page(destination, folder),
        Heartbeat(
            destination,
            plan.job_id,
            request.sources,
            items=selection.counts.items,
            heartbeat_seconds=run.heartbeat_seconds,
            expected=expected,
        ) as heartbeat,
        ReportWriter(destination, _facts(request, settings, planned), heartbeat.run_id) as report,
        _completion(request, planned, destination, heartbeat.run_id) as completion,
        instruments(run.metrics_listen, request.executor_name(settings)) as measured,
        closing(MeteredExecutor(start_executor(), measured, plan.job_id)) as executor,
    ):
        executor.plan(selection.counts.items)
        item = call_both(call_both(report.add, heartbeat.add_item), control.item)
        item = call_both(item, executor.add_item)
        if completion:
            item = call_both(item, completion.add)
        with control.display() as show:
            end = run_job(
                job,
                executor,
                line=item,
                progress=call_both(show, heartbeat.update_progress),
                stopping=stopping,
                stop_seconds=run.stop_seconds,
            )
        stopped = stopping() and end.items_done < end.items_total
        if stopped:
            heartbeat.mark_interrupted()
        page = report.finish(interrupted=stopped, comparison=heartbeat.comparison())
        reported = completion.finish() if completion else ""
        if request.options.bag and not (request.options.preview or stopping()):
            mark_as_bag(destination)
            update_manifests(executor, plan.job_id, run.max_attempts)
        return JobEnd(end, f"{folder}/{page}", stopped, reported, plan.job_id, heartbeat.run_id)


@contextmanager
def _completion(
    request: JobRequest, planned: PlannedJob, destination: ObjectStore, run_id: str
) -> Iterator[CompletionReport | None]:
    if not request.completion_report:
        yield None
        return
    with (
        closing(open_store(request.completion_report, planned.stores)) as store,
        CompletionReport(store, destination.uri, planned.plan.job_id, run_id) as report,
    ):
        yield report


def _facts(request: JobRequest, settings: Settings, planned: PlannedJob) -> JobFacts:
    return JobFacts(
        planned.plan.job_id,
        request.sources,
        request.destination,
        request.executor_name(settings),
        request.options,
        planned.model,
        started_at="",
        wall_seconds=0.0,
        settings=settings.shown(),
    )
