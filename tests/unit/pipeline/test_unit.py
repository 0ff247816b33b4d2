"""Freed memory is returned to the system even if memory after it in the heap is in use."""

import ctypes
from pathlib import Path

import pytest

from colorworker.pipeline.freedmemory import return_freed_memory

CHUNK, CHUNKS = 64 << 10, 1000


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_freed_memory_below_memory_in_use_is_returned_to_the_system():
    chunks = [bytearray(CHUNK) for _ in range(CHUNKS)]
    last = chunks.pop()
    chunks.clear()
    before = resident_bytes()

    return_freed_memory()

    assert before - resident_bytes() > CHUNK * CHUNKS // 2
    assert len(last) == CHUNK
