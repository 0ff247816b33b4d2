"""Keep an encoder from making this process more urgent than all others.

Where it may (as root, so in many containers), SVT-AV1 makes its own threads and the one that opens
it SCHED_FIFO at the highest priority, and threads that are started from there inherit it. On a few
cores heartbeats, stores and the other workers then wait for a loop of Python to end.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_REAL_TIME = (os.SCHED_FIFO, os.SCHED_RR) if sys.platform == "linux" else ()


@contextmanager
def keep_thread_priority() -> Iterator[None]:
    """Take back what is done to the scheduling of this process meanwhile.

    Threads that have become real-time, or that were begun so, get the policy that the caller had.
    """
    if sys.platform != "linux":
        yield
        return
    before = _policies()
    policy = before[threading.get_native_id()]
    priority = os.sched_getparam(0)
    try:
        yield
    finally:
        for thread, now in _policies().items():
            if now in _REAL_TIME and before.get(thread) not in _REAL_TIME:
                with suppress(ProcessLookupError):
                    os.sched_setscheduler(thread, policy, priority)


def encode_frame(stream: VideoStream, frame: VideoFrame) -> list[Packet]:  # type: ignore[type-arg]
    """Return the packets that an encoder gives for its next frame; the first one opens it."""
    with nullcontext() if stream.codec_context.is_open else keep_thread_priority():
        return stream.encode(frame)


def _policies() -> dict[int, int]:
    """Return the scheduling policy of each thread of this process by its id."""
    policies = {}
    for thread in map(int, (entry.name for entry in Path("/proc/self/task").iterdir())):
        with suppress(ProcessLookupError):
            policies[thread] = os.sched_getscheduler(thread)
    return policies
