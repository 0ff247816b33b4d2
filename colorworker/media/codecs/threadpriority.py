"""Keep an encoder from giving this process real-time priority.

Where it is allowed to (as root, so in many containers), SVT-AV1 sets its own threads and the one
that opens it to SCHED_FIFO at the highest priority, and threads started from there inherit it. On
a machine with few cores, heartbeats, stores and other workers would then wait for Python loops.
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
    """Undo changes that the block makes to the scheduling of this process's threads.

    Threads that became real-time or were started as such get the caller's policy and priority.
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
    """Encode a frame and return the packets; opening the encoder keeps thread priorities."""
    with nullcontext() if stream.codec_context.is_open else keep_thread_priority():
        return stream.encode(frame)


def _policies() -> dict[int, int]:
    """Return the scheduling policy of each thread of this process, by native thread id."""
    policies = {}
    for thread in map(int, (entry.name for entry in Path("/proc/self/task").iterdir())):
        with suppress(ProcessLookupError):
            policies[thread] = os.sched_getscheduler(thread)
    return policies
