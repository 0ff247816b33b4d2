"""Memory and utilization of this machine's NVIDIA GPUs, for Prometheus."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

GPU_METRICS = {
    "colorworker_gpu_memory_used_bytes": "Memory of the GPU that is in use, by whatever process.",
    "colorworker_gpu_memory_total_bytes": "Memory of the GPU.",
    "colorworker_gpu_utilization_ratio": "Share of the time in which the GPU was busy, 0 to 1.",
}
"""Gauges with the label `gpu`, its number. On a machine without GPUs they have no samples."""


class GpuUse(NamedTuple):
    """A GPU at one moment; None for what its driver does not tell, as with MIG."""

    number: int
    used_bytes: int | None = None
    total_bytes: int | None = None
    utilization: float | None = None
    """Share of the last sampling period of the driver, 0 to 1."""


def gpu_use(number: int, memory: Any, rates: Any) -> GpuUse:
    """Return the use of a GPU from NVML's structures; None for one that is not known.

    Args:
        number: Index of the GPU.
        memory: An nvmlMemory_t: `used` and `total` in bytes.
        rates: An nvmlUtilization_t: `gpu` in percent.

    Source:
        NVIDIA, NVML API Reference Guide, "Device Structs".
    """
    return GpuUse(
        number,
        None if memory is None else memory.used,
        None if memory is None else memory.total,
        None if rates is None else rates.gpu / 100,
    )


class GpuCollector(Collector):
    """Reads the GPUs whenever metrics are scraped."""

    def __init__(self, read: Callable[[], Sequence[GpuUse]]) -> None:
        self._read = read

    def describe(self) -> list[GaugeMetricFamily]:
        """Return the metrics without samples."""
        return [GaugeMetricFamily(name, text, labels=["gpu"]) for name, text in GPU_METRICS.items()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics that have samples."""
        found = self._read()
        values = zip(*(use[1:] for use in found), strict=True)
        for family, each in zip(self.describe(), values, strict=False):
            for use, value in zip(found, each, strict=True):
                if value is not None:
                    family.add_metric([str(use.number)], value)
            yield family


@contextmanager
def reading_gpus() -> Iterator[Callable[[], list[GpuUse]] | None]:
    """Give a function that reads all GPUs of this machine; None where there is none."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        logger.debug("no metrics of GPUs: %s", error)
        yield None
        return

    def asked(function: Callable[[Any], Any], handle: Any) -> Any:
        with suppress(pynvml.NVMLError):
            return function(handle)
        return None

    def read() -> list[GpuUse]:
        found = []
        with suppress(pynvml.NVMLError):
            for number in range(pynvml.nvmlDeviceGetCount()):
                handle = pynvml.nvmlDeviceGetHandleByIndex(number)
                memory = asked(pynvml.nvmlDeviceGetMemoryInfo, handle)
                rates = asked(pynvml.nvmlDeviceGetUtilizationRates, handle)
                found.append(gpu_use(number, memory, rates))
        return found

    try:
        yield read
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()
