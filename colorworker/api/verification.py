"""`verify`: check everything in a destination against its records."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial

from colorworker import job
from colorworker.api.interruption import stop_on_interrupt
from colorworker.api.keywords import PathLike, path_text
from colorworker.domain.fixity import Finding
from colorworker.domain.models import ModelRef
from colorworker.driver import Progress
from colorworker.errors import UsageError
from colorworker.executors.cores import usable_cores
from colorworker.executors.start import checked_place
from colorworker.report.text import destination_label
from colorworker.runs.fixity.checking import Checking
from colorworker.runs.fixity.passes import (
    Choices,
    VerifyPass,
    continued_pass,
    discard_pass,
    end_pass,
    new_pass,
)
from colorworker.runs.stateversion import check_state
from colorworker.settings import ExecutorName, Settings, load_settings
from colorworker.state import UNITS
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

ShowProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class VerifyReport:
    """What a check of a destination found."""

    destination: str
    """Path or URI of the destination."""
    records: int
    """Done-records that were checked."""
    outputs: int
    """Outputs that were read and hashed."""
    size_bytes: int
    """Bytes that were read and hashed, sources included."""
    findings: tuple[Finding, ...]
    """Everything that is not as it was recorded; empty if all is well."""
    stopped: bool = False
    """True if the check was interrupted; the next one continues it."""
    page: str = ""
    """Path or URI of the list of findings; empty if the destination accepts no files."""

    @property
    def ok(self) -> bool:
        """Whether everything was checked and is as it was recorded."""
        return not self.findings and not self.stopped


@dataclass(frozen=True)
class VerifyRequest:
    """A check as a caller requests it."""

    destination: str
    choices: Choices
    executor: ExecutorName = "auto"
    workers: int | None = None
    restart: bool = False


@dataclass(frozen=True)
class VerifyControl:
    """How a caller follows a check and stops it."""

    stop_flag: Callable[[], AbstractContextManager[Callable[[], bool]]] = lambda: nullcontext(
        lambda: False
    )
    display: Callable[[], AbstractContextManager[ShowProgress]] = lambda: nullcontext(
        lambda _: None
    )
    each: Callable[[Finding], None] = lambda _: None
    continued: Callable[[str], None] = lambda _: None
    """Called with the time at which the pass began, if one is continued."""


def verify(
    destination: PathLike,
    *,
    sources: bool = False,
    source_root: PathLike = "",
    executor: ExecutorName | None = None,
    workers: int | None = None,
    restart: bool = False,
    each: Callable[[Finding], None] | None = None,
    progress: ShowProgress | None = None,
) -> VerifyReport:
    """Read every output of a destination and compare it with its done-record; call again to resume.

    Ctrl-C lets running checks finish and then raises KeyboardInterrupt.

    Args:
        destination: Folder or `s3://` URI that jobs write to.
        sources: Read the sources too, and compare them with the recorded SHA-256.
        source_root: Folder or URI in which the sources lie now; implies `sources`. Default: where
            they were when they were colored.
        executor: `local` or `ray`.
        workers: Maximum number of processes.
        restart: Start anew, even if an interrupted check could be continued.
        each: Called with each finding, when it is known.
        progress: Called with the progress; items are done-records.

    Raises:
        UsageError: If no job has written to the destination.
        StoreUnavailable: If the destination does not answer.
    """
    settings = load_settings()
    root = path_text("source_root", source_root)
    request = VerifyRequest(
        path_text("destination", destination),
        Choices(sources or bool(root), root),
        executor or settings.run.executor,
        workers or settings.run.workers,
        restart,
    )
    with stop_on_interrupt() as stopping:
        return run_verification(
            request,
            settings,
            VerifyControl(
                stop_flag=lambda: nullcontext(stopping),
                display=lambda: nullcontext(progress or (lambda _: None)),
                each=each or (lambda _: None),
            ),
        )


def run_verification(
    request: VerifyRequest, settings: Settings, control: VerifyControl
) -> VerifyReport:
    """Check a destination; see `verify`."""
    stores = job.store_options(settings)
    with closing(open_store(request.destination, stores)) as store:
        check_state(store, request.destination)
        label = destination_label(store, request.destination)
        if next(iter(store.list(UNITS)), None) is None:
            raise UsageError(
                label, "no job has written to it", "Check the path, or the bucket and its prefix"
            )
        current = _pass(store, request, control)
        spec = job.worker_spec(settings, ModelRef("", ""), stores, store.uri)
        name = request.executor
        if name == "auto":
            name = "ray" if settings.ray_address else "local"
        workers = request.workers or (None if name == "ray" else usable_cores())
        # `unfinished` is False: no check needs the network, encoders or space.
        place = checked_place(name, spec, workers, settings, store, lambda: False)
        with (
            place as start,
            control.stop_flag() as stopping,
            control.display() as show,
            closing(start()) as executor,
        ):
            checking = Checking(
                store,
                executor,
                current,
                request.choices,
                settings.run.max_attempts,
                control.each,
                show,
            )
            is_whole = checking.run(stopping)
        totals = checking.totals
        report = end_pass(store, current, totals) if is_whole else ""
        return VerifyReport(
            label,
            checking.records_done,
            totals.outputs,
            totals.size_bytes,
            tuple(totals.findings),
            not is_whole,
            f"{label}/{report}" if report else "",
        )


def _pass(store: ObjectStore, request: VerifyRequest, control: VerifyControl) -> VerifyPass:
    find = partial(continued_pass, store, request.choices)
    found = find()
    while found and request.restart:
        discard_pass(store, found)
        found = find()
    if found is None:
        return new_pass(store, request.choices)
    control.continued(found.begun_at)
    return found
