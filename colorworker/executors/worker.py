"""Shared by all executors: open a worker's context from its specification, and run one unit."""

import logging
import os
import platform
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution, variant_ab
from colorworker.color.colorizerprotocol import Colorizer, KnownOfBatch, NetworkColorizer
from colorworker.color.knowncolors import apply_known_colors
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Precision, PredictionSettings
from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import (
    ColorworkerError,
    KeyMissing,
    PlaceFailed,
    PlaceUnfit,
    StoreError,
    StoreUnavailable,
    UsageError,
    WeightsRefused,
)
from colorworker.executors.preflight import check_machine, free_space, is_local, writable
from colorworker.model.imported.files import Execution
from colorworker.model.networks import load_networks
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.outcome import refuse_place_errors
from colorworker.pipeline.unitprogress import UnitProgress
from colorworker.store.openstore import open_store
from colorworker.store.options import StoreOptions
from colorworker.store.requests import requests_since
from colorworker.store.scratchfiles import claim

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerSpec:
    """Everything a worker needs to set itself up on any machine; no credentials, no handles."""

    destination_uri: str
    model: ModelRef
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    threads: int | None = None
    """Cores for one prediction; None leaves the choice to TensorFlow."""
    stores: StoreOptions | None = None
    """Options of stores; every machine finds its own credentials."""
    shared_key: str = ""
    """Key that the driver has put on the destination, and that every worker must find. Empty: no
    such check."""
    signs: bool = False
    """Whether outputs get C2PA manifests."""
    encoders: tuple[str, ...] = ()
    """Encoders that the job's films need, by libav's names."""


def open_context(
    spec: WorkerSpec,
    colorizer: Callable[[PredictionSettings], Colorizer] | None = None,
    progress: UnitProgress | None = None,
) -> WorkerContext:
    """Return a worker's context on this machine.

    Args:
        spec: Setup of the worker.
        colorizer: Returns colorizers. None: those of this process; the model is loaded when it is
            first needed.
        progress: Told about every step of a unit.

    Raises:
        UsageError: If this machine cannot open the destination.
    """
    opened = partial(open_store, options=spec.stores)
    if spec.settings.scratch:
        with suppress(OSError):  # `check_worker` says what is wrong with it.
            claim(spec.settings.scratch)
    return WorkerContext(
        destination=opened(spec.destination_uri),
        open_source=lru_cache(maxsize=64)(opened),
        colorizer=colorizer or Colorizers(partial(load_network, spec)),
        model=spec.model,
        worker=f"{platform.node()}:{os.getpid()}",
        settings=spec.settings,
        progress=progress or UnitProgress(),
    )


def check_worker(context: WorkerContext, spec: WorkerSpec) -> None:
    """Check that this machine can do the job's units; the network's runtime is not imported yet.

    Raises:
        UsageError: If it cannot, or if it sees a different destination than the driver.
    """
    _refuse_other_destination(context, spec.shared_key)
    check_machine(context.destination, spec.settings, spec.encoders)
    check_signing(spec)


def check_signing(spec: WorkerSpec) -> None:
    """Check that this machine can sign outputs, if the job's options ask for that.

    Raises:
        UsageError: If it cannot.
    """
    if spec.signs:
        from colorworker.pipeline.provenance import credentials

        credentials.check_signing(spec.settings)


def run_on_worker(context: WorkerContext, unit: WorkUnit, attempt: int) -> UnitResult:
    """Do one unit, or find its record, and return the result. Errors of the item are results too.

    Raises:
        UsageError: If this machine is at fault, not the item. No attempt is counted then, and the
            machine should get no more units.
    """
    before, counted = requests_since({}), replace(context.predictions)
    try:
        # Imported here, so that a missing libvips or PyAV is reported as an error of this machine.
        from colorworker.pipeline.unit import run_unit

        result = run_unit(context, unit, attempt)
    except UsageError:
        raise
    except PlaceFailed as error:
        result = lost_result(unit, attempt, error.seen)
    except MemoryError:
        # This item may need more than any worker has, and it may only have had large neighbors.
        logger.warning("unit %s: out of memory", unit.unit_id)
        result = lost_result(unit, attempt, "ran out of memory")
    except Exception as error:  # a bug in one unit must not end the job
        refuse_place_errors(context, error)
        logger.exception("unit %s broke the worker", unit.unit_id)
        result = internal_error(unit, attempt, error, context.worker)
    _recheck(context, result)
    return replace(
        _with_phases(context, result),
        requests=requests_since(before),
        model_batches=context.predictions.batches - counted.batches,
        model_pictures=context.predictions.pictures - counted.pictures,
    )


def _with_phases(context: WorkerContext, result: UnitResult) -> UnitResult:
    timer = context.timers.pop(result.unit_id, None)
    return replace(
        result,
        phases=timer.phases() if timer else {},
        stills=tuple(_with_phases(context, still) for still in result.stills),
    )


def lost_result(unit: WorkUnit, attempt: int, reason: str) -> UnitResult:
    """Return the result of a unit whose worker ended while it was running.

    Args:
        unit: The unit.
        attempt: Number of the attempt, from 1.
        reason: What happened to the worker, as a clause such as `was killed by SIGSEGV`.
    """
    return UnitResult(
        unit.unit_id,
        "lost",
        error_code=PlaceFailed.code,
        error=reason,
        retryable=True,
        attempt=attempt,
    )


def internal_error(
    unit: WorkUnit, attempt: int, error: BaseException, worker: str = ""
) -> UnitResult:
    """Return the result of a unit that failed because of a bug in colorworker."""
    return UnitResult(
        unit.unit_id,
        "failed",
        error_code="internal_error",
        error=f"{type(error).__name__}: {error}. This is a bug in colorworker; please report it"
        " with the log.",
        attempt=attempt,
        worker=worker,
    )


def _recheck(context: WorkerContext, result: UnitResult) -> None:
    """After a failure, check whether this machine can still write.

    A single read-only folder in the destination is a problem of the items in it. If the whole
    destination is read-only, it is a problem of the machine. A remote store that does not answer is
    retried.

    Raises:
        PlaceUnfit: If the disk is full or the destination takes no objects from this machine.
    """
    failed = [each for each in (result, *result.stills) if each.outcome == "failed"]
    if not failed:
        return
    destination, settings = context.destination, context.settings
    suspicious = {StoreError.code, *([StoreUnavailable.code] if is_local(destination) else [])}
    if not suspicious.isdisjoint(each.error_code for each in failed):
        with suppress(StoreUnavailable):
            writable(destination)
    free_space(destination, settings.scratch, settings.min_free_bytes)


def _refuse_other_destination(context: WorkerContext, shared_key: str) -> None:
    """Look for the object that the driver has put on the destination.

    Without this, workers on machines that do not share a folder would each write into their own,
    and the job would seem to succeed.

    Raises:
        PlaceUnfit: If it is not there.
    """
    if not shared_key:
        return
    try:
        context.destination.head(shared_key)
    except KeyMissing as error:
        raise PlaceUnfit(
            context.destination.uri,
            f"worker {context.worker} does not find the object that the driver put there"
            f" ({shared_key}): this is another folder",
            "Use a bucket, or a folder that has the same absolute path on every node",
        ) from error


class Colorizers:
    """The colorizers of one worker, each created when it is first needed. Thread-safe.

    One network is compiled per precision; all vividness settings share it.
    """

    def __init__(self, load: Callable[[PredictionSettings], NetworkColorizer]) -> None:
        """Create an empty set of colorizers.

        Args:
            load: Loads a colorizer with the settings' precision.
        """
        self._load = load
        self._making, self._predicting = threading.Lock(), threading.Lock()
        self._made: dict[Precision, NetworkColorizer] = {}

    def __call__(self, settings: PredictionSettings) -> Colorizer:
        """Return the colorizer for these settings."""
        with self._making:
            if settings.precision not in self._made:
                self._made[settings.precision] = self._load(settings)
            made = self._made[settings.precision]
        return _LockedColorizer(
            made.with_settings(settings.vividness, settings.temperature),
            self._predicting,
            settings.variant,
        )


@dataclass(frozen=True)
class _LockedColorizer:
    """A colorizer that one thread at a time may use; one prediction uses all cores anyway.

    Predicts one of the alternatives that its network holds possible.
    """

    inner: Colorizer
    lock: threading.Lock
    variant: int = 0
    """Number of the alternative colors to predict; 0 for the likeliest."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        return self.inner.working_shape(height, width)

    def predict(
        self, lightness: npt.NDArray[np.float32], known: KnownOfBatch | None = None
    ) -> npt.NDArray[np.float32]:
        with self.lock:
            if not self.variant:
                return self.inner.predict(lightness, known)
            chroma = self.inner.predict(lightness)
            for index, picture in enumerate(lightness):
                possible = self.inner.distribution(picture)
                ab = variant_ab(possible, picture, chroma[index], self.variant)
                chroma[index] = apply_known_colors(picture, ab, known[index] if known else ())
            return chroma

    def distribution(self, lightness: npt.NDArray[np.float32]) -> ColorDistribution:
        with self.lock:
            return self.inner.distribution(lightness)


def load_network(spec: WorkerSpec, settings: PredictionSettings) -> NetworkColorizer:
    """Load the model.

    Raises:
        UsageError: If a library does not load here or the network cannot be read here.
    """
    try:
        return load_networks(
            spec.model,
            Execution(spec.threads, gpu_memory_bytes=spec.settings.gpu_memory_bytes),
            precision=settings.precision,
            opened=partial(open_store, options=spec.stores),
        )
    except UsageError:
        raise
    except ColorworkerError as error:  # their store is unavailable or denies access
        raise WeightsRefused(
            spec.model.uri, f"cannot be read on {platform.node()} ({error.seen})", error.next_step
        ) from error
