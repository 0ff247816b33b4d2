"""Metrics of GPUs: read at each scrape, and absent without a GPU."""

import pynvml
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from colorworker.executors.gpus import GPU_METRICS, GpuCollector, GpuUse, gpu_use, reading_gpus


def exposed(read):
    registry = CollectorRegistry()
    registry.register(GpuCollector(read))
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_each_gpu_has_its_memory_and_utilization():
    used = [GpuUse(0, 6 << 30, 16 << 30, 0.83), GpuUse(1, 1 << 30, 16 << 30, 0.0)]

    assert exposed(lambda: used) == [
        'colorworker_gpu_memory_used_bytes{gpu="0"} 6.442450944e+09',
        'colorworker_gpu_memory_used_bytes{gpu="1"} 1.073741824e+09',
        'colorworker_gpu_memory_total_bytes{gpu="0"} 1.7179869184e+10',
        'colorworker_gpu_memory_total_bytes{gpu="1"} 1.7179869184e+10',
        'colorworker_gpu_utilization_ratio{gpu="0"} 0.83',
        'colorworker_gpu_utilization_ratio{gpu="1"} 0.0',
    ]


def test_values_are_read_at_every_scrape():
    registry, seen = CollectorRegistry(), iter([0.25, 0.75])
    registry.register(GpuCollector(lambda: [GpuUse(0, utilization=next(seen))]))

    values = [
        registry.get_sample_value("colorworker_gpu_utilization_ratio", {"gpu": "0"})
        for _ in range(2)
    ]

    assert values == [0.25, 0.75]


def test_what_a_driver_does_not_tell_has_no_sample():
    # Utilization is not known for a GPU in MIG mode.
    assert exposed(lambda: [GpuUse(3, 10, 20, None)]) == [
        'colorworker_gpu_memory_used_bytes{gpu="3"} 10.0',
        'colorworker_gpu_memory_total_bytes{gpu="3"} 20.0',
    ]
    assert exposed(lambda: [gpu_use(3, None, None)]) == exposed(list) == []


def test_values_come_from_the_fields_of_nvml():
    memory = pynvml.c_nvmlMemory_t(total=16 << 30, free=10 << 30, used=6 << 30)
    rates = pynvml.c_nvmlUtilization_t(gpu=83, memory=41)

    assert gpu_use(0, memory, rates) == GpuUse(0, 6 << 30, 16 << 30, 0.83)


def test_this_machines_gpus_are_read_or_there_is_none():
    try:
        pynvml.nvmlInit()
        number = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        number = None

    with reading_gpus() as read:
        if number is None:
            assert read is None
        else:
            lines = exposed(read)
            assert len(read()) == number
            assert all(line.partition("{")[0] in GPU_METRICS for line in lines)


@pytest.mark.parametrize("name", GPU_METRICS)
def test_names_have_units(name):
    assert name.endswith(("_bytes", "_ratio"))
