"""The same job on Ray, with its actors and its driver killed under it."""

import os
import signal
from pathlib import Path

import pytest

from tests.waiting import wait_for

SETTINGS = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
    "COLORWORKER_RUN__CPUS_PER_WORKER": "1",
    "COLORWORKER_RUN__WORKERS": "1",
}


def actor_pids():
    """Processes of this machine whose title says that they are our actors."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::UnitActor"):
                found.append(int(folder.name))
    return found


@pytest.mark.timeout(900)
def test_killed_actors_and_a_killed_driver_cost_no_finished_unit(command, archive, tmp_path, tools):
    tools["film"](archive / "long.mp4", frames=240)
    colour = tools["outcome"](tmp_path / "colour")

    # Two actors are killed at work, then the driver.
    process = command.start(
        "colorize", archive, colour.destination, "--executor", "ray", **SETTINGS
    )
    for units in (3, 8):
        wait_for(lambda units=units: len(colour.records) >= units and actor_pids(), process)
        for pid in actor_pids():
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(colour.records) >= 12, process)
    process.kill()
    process.communicate()
    killed = colour.records
    done = command.run("colorize", archive, colour.destination, "--executor", "ray", **SETTINGS)

    assert done.returncode == 0, done.stderr
    assert killed.items() <= colour.records.items()
    assert len({worker for _, _, worker in colour.records.values()}) >= 4
    assert colour.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4", "long.mp4"}
    assert colour.lines["long.mp4"]["frames"] == 240
    assert {line["outcome"] for line in colour.lines.values()} == {"succeeded"}
