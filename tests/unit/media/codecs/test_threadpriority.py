"""No encoder leaves this process with real-time priority."""

import os
import sys
import threading
from pathlib import Path

import pytest

from colorworker.domain.options import Options
from colorworker.media.codecs.decode import decode_segment
from colorworker.media.codecs.encode import PartWriter
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.codecs.threadpriority import keep_thread_priority
from colorworker.media.containers.probe import scan

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="schedulers of Linux"),
    pytest.mark.skipif(os.geteuid() != 0, reason="others may not become real-time"),
]


def real_time_threads():
    threads = (int(entry.name) for entry in Path("/proc/self/task").iterdir())
    return [thread for thread in threads if os.sched_getscheduler(thread) == os.SCHED_FIFO]


def become_real_time():
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))


def test_threads_get_their_scheduling_policy_back():
    done = threading.Event()
    child = threading.Thread(target=done.wait)

    with keep_thread_priority():
        become_real_time()
        child.start()
        assert len(real_time_threads()) >= 2

    assert real_time_threads() == []
    done.set()
    child.join()


def test_an_av1_encoder_gets_no_real_time_priority(film, joined, tmp_path):
    path = film("film.mp4", frames=3, width=64, height=64)
    options = Options(codec="av1")
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        spec = encoder_for(path.name, info, options, ".mp4")
        with PartWriter(tmp_path / "part", spec, info, timeline) as writer:
            for frame in decode_segment(reader, path.name, info, timeline, 0, None):
                writer.encode(frame)
                assert real_time_threads() == []

    joined(path, ".mp4", profile="access", codec="av1").assemble()

    assert real_time_threads() == []
