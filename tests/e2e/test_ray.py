"""A job on Ray whose actors and driver are killed while it runs."""

import os
import signal

import pytest

from tests.archives import Outcome, save_film
from tests.processes import descendants
from tests.waiting import wait_for

SETTINGS = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
    "COLORWORKER_RUN__CPUS_PER_WORKER": "1",
    "COLORWORKER_RUN__WORKERS": "1",
}


@pytest.mark.timeout(900)
def test_no_finished_unit_is_lost_when_actors_and_the_driver_are_killed(command, archive, tmp_path):
    save_film(archive / "long.mp4", frames=120)
    color = Outcome(tmp_path / "color")

    # Kill an actor at work, then the driver; another executor resumes the job.
    process = command.start("colorize", archive, color.destination, "--executor", "ray", **SETTINGS)
    wait_for(lambda: len(color.records) >= 3, process)
    for pid in descendants(process.pid, "ray::UnitActor"):
        os.kill(pid, signal.SIGKILL)
    before = len(color.records)
    wait_for(lambda: len(color.records) >= before + 3, process)
    process.kill()
    process.communicate()
    killed = color.records
    done = command.here("colorize", archive, color.destination, **SETTINGS)

    assert done.returncode == 0, done.stderr
    assert killed.items() <= color.records.items()
    assert len({worker for _, _, worker in color.records.values()}) >= 3
    assert color.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4", "long.mp4"}
    assert color.lines["long.mp4"]["frames"] == 120
    assert {line["outcome"] for line in color.lines.values()} == {"succeeded"}
