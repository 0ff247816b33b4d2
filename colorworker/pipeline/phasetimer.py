"""Time spent in each phase of a unit: read, decode, predict, color, encode, verify, write."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from threading import local
from typing import TypeVar

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer, Floats, KnownOfBatch
from colorworker.domain.records import Phase

T = TypeVar("T")


@dataclass
class PhaseTimer:
    """Wall-clock seconds per phase. The time of an inner phase does not count for the outer one.

    Several threads may be in phases at the same time. Their times are added, so the sum may exceed
    the elapsed time.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    step: Callable[[], None] = lambda: None
    """Called at the end of every phase."""
    _spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """First begin and last end of each phase, by `time.perf_counter`."""
    _inside: local = field(default_factory=local)
    """Seconds of the inner phases of this thread's current phase."""

    @contextmanager
    def phase(self, name: str | None) -> Iterator[None]:
        """Add the time spent in the block, without that of inner phases, to the phase `name`.

        None stands for waiting: the time counts for no phase, not even an outer one.
        """
        start = time.perf_counter()
        before = getattr(self._inside, "seconds", 0.0)
        self._inside.seconds = 0.0
        try:
            yield
        finally:
            end = time.perf_counter()
            took = end - start
            if name is not None:
                self._spans[name] = (self._spans.get(name, (start, end))[0], end)
                self.seconds[name] = self.seconds.get(name, 0.0) + took - self._inside.seconds
            self._inside.seconds = before + took
            self.step()

    def time_each(self, name: str | None, items: Iterator[T]) -> Generator[T]:
        """Yield the items; the time to get each one is added to the phase `name`."""
        while True:
            with self.phase(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def rounded(self) -> dict[str, float]:
        """Return the seconds per phase, rounded to milliseconds, for records."""
        return {name: round(value, 3) for name, value in self.seconds.items()}

    def phases(self) -> dict[str, Phase]:
        """Return when each phase began and ended, and its seconds, in the order of their begins."""
        ago = time.time() - time.perf_counter()
        spans = sorted(self._spans.items(), key=itemgetter(1))
        return {name: (begin + ago, end + ago, self.seconds[name]) for name, (begin, end) in spans}


@dataclass(frozen=True)
class TimedColorizer:
    """A colorizer whose predictions are timed as the phase `predict`."""

    inner: Colorizer
    timer: PhaseTimer

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """See Colorizer."""
        return self.inner.working_shape(height, width)

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """See Colorizer."""
        with self.timer.phase("predict"):
            return self.inner.predict(lightness, known)

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """See Colorizer."""
        with self.timer.phase("predict"):
            return self.inner.distribution(lightness)
