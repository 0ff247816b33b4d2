"""The metrics of a job, for Prometheus: served by this process, or through Ray's own metrics."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from colorworker.errors import UsageError

_GIVE_SECONDS = 2.0
"""Less than Ray takes to export them (10 s)."""
_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0)


@dataclass(frozen=True)
class Metric:
    """One metric. A counter only grows, a gauge is a value of now, a histogram has durations."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric("gauge", "colorworker_items_planned", "Items of the job."),
    Metric(
        "counter",
        "colorworker_items_total",
        "Items whose outcome is known. Outcomes: succeeded, resumed, failed, skipped, parked.",
        ("kind", "outcome"),
    ),
    Metric(
        "counter",
        "colorworker_quarantined_total",
        "Items that were given up because their worker died in each attempt.",
    ),
    Metric(
        "counter",
        "colorworker_units_total",
        "Attempts at units that ended. Outcomes: succeeded, resumed, failed, skipped, lost.",
        ("kind", "outcome"),
    ),
    Metric("counter", "colorworker_unit_retries_total", "Units begun once more.", ("kind",)),
    Metric(
        "counter",
        "colorworker_unit_errors_total",
        "Attempts that failed, by error code: store_unavailable, source_damaged, ...",
        ("code",),
    ),
    Metric("counter", "colorworker_frames_total", "Frames and pictures colored by this run."),
    Metric(
        "counter",
        "colorworker_source_bytes_total",
        "Bytes of the sources that were begun.",
    ),
    Metric("counter", "colorworker_written_bytes_total", "Bytes of parts and outputs written."),
    Metric(
        "counter",
        "colorworker_store_requests_total",
        "Requests to object stores by driver and workers: GetObject, PutObject, ...",
        ("operation",),
    ),
    Metric(
        "histogram",
        "colorworker_unit_seconds",
        "Time from handing out a unit to its result.",
        ("kind",),
    ),
    Metric(
        "histogram",
        "colorworker_phase_seconds",
        "Wall time of a unit's phases: read, decode, predict, color, encode, verify, write, ...",
        ("phase",),
    ),
    Metric(
        "counter",
        "colorworker_model_batches_total",
        "Batches that workers gave to the network.",
    ),
    Metric(
        "counter",
        "colorworker_model_pictures_total",
        "Pictures and frames in these batches.",
    ),
    Metric("gauge", "colorworker_units_in_flight", "Units that are running or queued at workers."),
    Metric(
        "gauge", "colorworker_oldest_unit_seconds", "Time since the oldest of them was handed out."
    ),
)
"""All metrics. Grafana's dashboard and the alerts in deploy/monitoring name no others."""


class Instruments(Protocol):
    """Where the values of metrics go."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add a duration to a histogram."""
        ...

    def set(self, name: str, value: float) -> None:
        """Set a gauge."""
        ...


class PrometheusInstruments:
    """Values that this process serves; see `serving`."""

    def __init__(self) -> None:
        # Imported where it is needed: most jobs serve no metrics.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        made: Mapping[str, Callable[[Metric], Any]] = {
            "counter": lambda m: Counter(m.name, m.help, m.labels, registry=self.registry),
            "gauge": lambda m: Gauge(m.name, m.help, m.labels, registry=self.registry),
            "histogram": lambda m: Histogram(
                m.name, m.help, m.labels, buckets=_SECONDS, registry=self.registry
            ),
        }
        self._metrics = {metric.name: made[metric.kind](metric) for metric in METRICS}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """See `Instruments`."""
        self._labeled(name, labels).inc(amount)

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """See `Instruments`."""
        self._labeled(name, labels).observe(seconds)

    def set(self, name: str, value: float) -> None:
        """See `Instruments`."""
        self._metrics[name].set(value)

    def _labeled(self, name: str, labels: Mapping[str, str]) -> Any:
        metric = self._metrics[name]
        return metric.labels(**labels) if labels else metric


class RayInstruments:
    """Values that Ray's agents export; Ray puts `ray_` before their names.

    Counts and gauges are handed to Ray every few seconds: each call takes it 10 us or more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        from ray.util import metrics

        self._clock, self._given_at = clock, clock()
        self._sums: defaultdict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
        self._values: dict[str, float] = {}

        made: Mapping[str, Callable[[Metric], Any]] = {
            "counter": lambda m: metrics.Counter(m.name, m.help, tag_keys=m.labels),
            "gauge": lambda m: metrics.Gauge(m.name, m.help, tag_keys=m.labels),
            "histogram": lambda m: metrics.Histogram(
                m.name, m.help, boundaries=list(_SECONDS), tag_keys=m.labels
            ),
        }
        self._metrics = {metric.name: made[metric.kind](metric) for metric in METRICS}

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """See `Instruments`."""
        self._sums[name, tuple(labels.items())] += amount
        self._give_regularly()

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """See `Instruments`."""
        self._metrics[name].observe(seconds, tags=labels)

    def set(self, name: str, value: float) -> None:
        """See `Instruments`."""
        self._values[name] = value
        self._give_regularly()

    def give(self) -> None:
        """Hand everything that was counted and set to Ray."""
        self._given_at = self._clock()
        for (name, labels), amount in self._sums.items():
            if amount > 0:  # Ray refuses 0.
                self._metrics[name].inc(amount, tags=dict(labels))
        # Ray forgets a gauge that is not set again, such as the number of planned items.
        for name, value in self._values.items():
            self._metrics[name].set(value)
        self._sums.clear()

    def _give_regularly(self) -> None:
        if self._clock() - self._given_at >= _GIVE_SECONDS:
            self.give()


@contextmanager
def instruments(listen: str, executor: str) -> Iterator[Sequence[Instruments]]:
    """Give the instruments of a job; until the block ends, its metrics can be scraped.

    Args:
        listen: `HOST:PORT` at which this process serves them, below /metrics; empty: nowhere.
        executor: Name of the job's executor: `ray`, which this process is connected to, or `local`.

    Raises:
        UsageError: If the address cannot be used.
    """
    with ExitStack() as stack:
        given: list[Instruments] = []
        if executor == "ray":
            ray = RayInstruments()
            stack.callback(ray.give)
            given.append(ray)
        if listen:
            given.append(stack.enter_context(_serving(listen)))
        yield given


@contextmanager
def _serving(listen: str) -> Iterator[PrometheusInstruments]:
    match = re.fullmatch(r"(?:\[(.+)\]|([^:]*)):(\d{1,5})", listen)
    if not match:
        raise UsageError(
            "COLORWORKER_RUN__METRICS_LISTEN",
            f"{listen!r} is no address",
            "Give HOST:PORT, such as 127.0.0.1:9464",
        )
    from prometheus_client import start_http_server

    from colorworker.executors.gpus import GpuCollector, reading_gpus

    made = PrometheusInstruments()
    host = match[1] or match[2] or "127.0.0.1"
    try:
        server, thread = start_http_server(int(match[3]), host, made.registry)
    except (OSError, OverflowError) as error:
        raise UsageError(
            "COLORWORKER_RUN__METRICS_LISTEN",
            f"metrics cannot be served at {listen}: {error}",
            "Choose another port",
        ) from error
    with reading_gpus() as read:
        if read:
            made.registry.register(GpuCollector(read))
        try:
            yield made
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
