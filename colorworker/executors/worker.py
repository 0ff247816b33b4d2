"""From a plain specification, which can travel, to a workshop, which cannot."""

import os
import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Look, ModelRef, Precision
from colorworker.domain.records import UnitResult
from colorworker.domain.units import WorkUnit
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import KeyMissing, UsageError
from colorworker.pipeline.context import Colorizer, Workshop
from colorworker.store.openstore import open_store
from colorworker.store.options import StoreOptions

if TYPE_CHECKING:
    from colorworker.model.colorizer import TensorFlowColorizer


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker needs to know to set itself up anywhere; no credentials, no handles."""

    destination_uri: str
    model: ModelRef
    settings: WorkerSettings = field(default_factory=WorkerSettings)
    threads: int | None = None
    """Cores for one prediction; None leaves it to TensorFlow."""
    stores: StoreOptions | None = None
    """How to reach stores; credentials are found on each machine by itself."""
    landmark: str = ""
    """Key that the driver has put on the destination and every worker must find; may be empty."""


def open_workshop(spec: WorkerSpec) -> Workshop:
    """Return a workshop on this machine; its model is loaded when the first picture needs it."""
    opened = partial(open_store, options=spec.stores)
    return Workshop(
        destination=opened(spec.destination_uri),
        open_source=lru_cache(maxsize=64)(opened),
        colorizer=Colorizers(partial(_load, spec)),
        model=spec.model,
        worker=f"{platform.node()}:{os.getpid()}",
        settings=spec.settings,
    )


def refuse_other_destination(workshop: Workshop, landmark: str) -> None:
    """Look for what the driver has put on the destination.

    Without this, workers on machines that do not share a folder would each write into their own,
    and the job would end as if all were well.

    Raises:
        UsageError: If it is not there.
    """
    if not landmark:
        return
    try:
        workshop.destination.head(landmark)
    except KeyMissing as error:
        raise UsageError(
            workshop.destination.uri,
            f"worker {workshop.worker} does not find there what the driver has written"
            f" ({landmark}): this is another folder",
            "Give a bucket, or a folder that every node has under one absolute path",
        ) from error


def internal_error(
    unit: WorkUnit, attempt: int, error: BaseException, worker: str = ""
) -> UnitResult:
    """Return the result of a unit under which our own code broke."""
    return UnitResult(
        unit.unit_id,
        "failed",
        error_code="internal_error",
        error=f"{type(error).__name__}: {error}. This is a fault of colorworker; please report it"
        " with the log.",
        attempt=attempt,
        worker=worker,
    )


class Colorizers:
    """The colorizers of one worker, each made when the first picture needs it, on any thread.

    One per precision is compiled; of one precision, those of all vividnesses share it.
    """

    def __init__(self, load: Callable[[Look], "TensorFlowColorizer"]) -> None:
        """Load nothing yet.

        Args:
            load: Makes a colorizer of the look's precision.
        """
        self._load = load
        self._making, self._predicting = threading.Lock(), threading.Lock()
        self._made: dict[Precision, TensorFlowColorizer] = {}

    def __call__(self, look: Look) -> Colorizer:
        """Return the colorizer of a look."""
        with self._making:
            if look.precision not in self._made:
                self._made[look.precision] = self._load(look)
            made = self._made[look.precision]
        return _OneAtATime(made.looking(look.vividness, look.temperature), self._predicting)


@dataclass(frozen=True)
class _OneAtATime:
    """A colorizer shared by threads: TensorFlow uses all its cores for one prediction anyway."""

    inner: Colorizer
    lock: threading.Lock

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        return self.inner.working_shape(height, width)

    def predict(
        self, lightness: npt.NDArray[np.float32], hints: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        with self.lock:
            return self.inner.predict(lightness, hints)


def _load(spec: WorkerSpec, look: Look) -> "TensorFlowColorizer":
    # TensorFlow takes seconds to import: only a worker that has something to color pays for it.
    from colorworker.model.colorizer import load_colorizer

    return load_colorizer(
        spec.model,
        precision=look.precision,
        threads=spec.threads,
        opened=partial(open_store, options=spec.stores),
    )
