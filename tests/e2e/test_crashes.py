"""Native code that crashes costs one attempt of one unit. Here, a signal is the crash."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.archives import Outcome, save_film
from tests.processes import alive, descendants
from tests.waiting import wait_for

SETTINGS = {"COLORWORKER_RUN__WORKERS": "2", "COLORWORKER_RUN__CPUS_PER_WORKER": "1"}


def is_open(pid, path):
    """Return whether a process has a file open."""
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                if link.readlink() == path:
                    return True
    return False


def crash_readers(process, path, killed):
    """Send SIGSEGV to every worker that reads a file, until the job ends."""
    looked, pids = 0.0, set()
    while process.poll() is None:
        if time.monotonic() - looked > 0.5:
            looked, pids = time.monotonic(), descendants(process.pid) - {process.pid} - killed
        for pid in pids - killed:
            if is_open(pid, path):
                killed.add(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSEGV)
        time.sleep(0.05)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_film_that_kills_its_worker_is_quarantined_and_the_others_are_done(
    executor, command, tmp_path
):
    archive, color, killed = tmp_path / "archive", Outcome(tmp_path / "color"), set()
    first = save_film(archive / "00.mkv", frames=12)
    for number in range(1, 19):
        (archive / f"{number:02}.mkv").write_bytes(first.read_bytes())
    deadly = save_film(archive / "09-deadly.mkv", frames=480)
    process = command.start(
        "colorize", archive, color.destination, "--executor", executor, **SETTINGS
    )
    crashing = threading.Thread(target=crash_readers, args=(process, deadly, killed))
    crashing.start()
    if executor == "local":
        wait_for(lambda: len(color.files) >= 5, process)
        (colorizer,) = (
            pid
            for pid in descendants(process.pid)
            if "colorizerprocess" in Path(f"/proc/{pid}/cmdline").read_text()
        )
        os.kill(colorizer, signal.SIGSEGV)
    children = descendants(process.pid) - {process.pid}
    out, err = process.communicate()
    crashing.join()

    assert process.returncode == 3, err
    assert len(killed) >= 3
    lines = color.lines
    bad = lines.pop("09-deadly.mkv")
    assert (bad["outcome"], bad["error_code"]) == ("failed", "quarantined")
    assert "its worker was killed by SIGSEGV in each of 3 attempts." in bad["error"]
    assert {line["outcome"] for line in lines.values()} == {"succeeded"}
    assert len(lines) == 19
    assert Path(out.splitlines()[-1].removeprefix("report: ")).is_file()
    assert alive(children) == set()
    # The unit was writing when its workers were killed.
    assert list((tmp_path / "color" / ".colorworker" / "tmp").iterdir()) == []
