"""What a worker holds while it works through units: stores, the colorizer, bounds, a clock."""

import hashlib
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import local
from typing import BinaryIO, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Asset, Look, ModelRef
from colorworker.domain.workersettings import WorkerSettings
from colorworker.store.objectstore import ObjectStore

T = TypeVar("T")

_HASH_BLOCK_BYTES = 1 << 20


class Colorizer(Protocol):
    """Luma in, chroma out; `model.colorizer` has the real one."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the model wants a picture of this size."""
        ...

    def predict(
        self, lightness: npt.NDArray[np.float32], hints: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return a* and b*, (b, h, w, 2), for L* in [0, 100], (b, h, w)."""
        ...


@dataclass(frozen=True)
class Workshop:
    """All that the units of one job need on one worker.

    The colorizer is made on first use: a job that is done already never loads a model.
    """

    destination: ObjectStore
    open_source: Callable[[str], ObjectStore]
    colorizer: Callable[[Look], Colorizer]
    model: ModelRef
    worker: str
    settings: WorkerSettings = field(default_factory=WorkerSettings)

    @contextmanager
    def temporary(self, extension: str) -> Iterator[Path]:
        """Give a path for a temporary file, gone afterwards whatever happens."""
        path = self.scratch_folder() / f"{uuid.uuid4().hex}{extension}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def scratch_folder(self) -> Path:
        """Return the folder for temporary files, which is there."""
        folder = self.settings.scratch or self.destination.scratch()
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def source(self, asset: Asset) -> Iterator[BinaryIO]:
        """Open the asset's bytes, pinned to the version that was listed."""
        store = self.open_source(asset.root)
        reader = store.open(asset.key, etag=asset.etag, version=asset.version)
        with reader:
            yield reader


@dataclass
class Clock:
    """Wall seconds by phase; a phase inside another is counted for itself only.

    Several threads may be in phases at once, each phase in one of them; the sum is then their time
    of work and longer than the wall clock's.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    _inside: local = field(default_factory=local)
    """Seconds of the phases that this thread was in since its present one began."""

    @contextmanager
    def phase(self, name: str | None) -> Iterator[None]:
        """Add the time inside the block, without that of phases in it, to phase `name`.

        None is for waiting: the time counts for no phase, nor for one around it.
        """
        start = time.perf_counter()
        before = getattr(self._inside, "seconds", 0.0)
        self._inside.seconds = 0.0
        try:
            yield
        finally:
            took = time.perf_counter() - start
            if name is not None:
                self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inside.seconds
            self._inside.seconds = before + took

    def each(self, name: str | None, items: Iterator[T]) -> Generator[T]:
        """Yield the items; the time to get each counts as phase `name`."""
        while True:
            with self.phase(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def rounded(self) -> dict[str, float]:
        """Return the phases in milliseconds' precision, for records."""
        return {name: round(value, 3) for name, value in self.seconds.items()}


@dataclass(frozen=True)
class TimedColorizer:
    """The same colorizer, its predictions counted as phase `predict`."""

    inner: Colorizer
    clock: Clock

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """See Colorizer."""
        return self.inner.working_shape(height, width)

    def predict(
        self, lightness: npt.NDArray[np.float32], hints: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """See Colorizer."""
        with self.clock.phase("predict"):
            return self.inner.predict(lightness, hints)


def sha256_of(reader: BinaryIO) -> str:
    """Return the hex sha256 of all bytes from the reader's start."""
    reader.seek(0)
    digest = hashlib.sha256()
    while block := reader.read(_HASH_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the hex sha256 of a local file."""
    with path.open("rb") as reader:
        return sha256_of(reader)
