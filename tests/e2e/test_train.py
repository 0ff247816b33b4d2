"""Two workers train on Ray; one is killed, then everything; each time it goes on."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from colorworker.store.local import LocalStore
from tests.e2e.conftest import save_picture
from tests.integration.training.pictures import fill
from tests.waiting import wait_for

CONFIG = """
[data]
validation_share = 0.2
[model]
width = 0.125
[picture]
size = 32
[optimizer]
batch = 4
epochs = 3
learning_rate = 1e-3
backbone_rate = 1e-4
[run]
checkpoint_steps = 1
validation_pictures = 2
sheet_pictures = 0
[cluster]
workers = 2
max_failures = 2
"""
STEPS = 3 * 3


def worker_pids():
    """Processes of this machine that are Ray Train's workers."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                title = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::RayTrainWorker"):
                found.append(int(folder.name))
    return found


def last_step(output):
    markers = (output / "checkpoints").glob("*.json")
    return max((int(marker.stem) for marker in markers), default=0)


@pytest.mark.timeout(900)
def test_killed_workers_and_a_killed_job_go_on_from_their_last_checkpoint(command, tmp_path):
    fill(LocalStore(tmp_path / "data"), 20)
    config, output = tmp_path / "config.toml", tmp_path / "out"
    config.write_text(CONFIG)
    arguments = ("train", config, "--data", tmp_path / "data", "--output", output)

    process = command.start(*arguments)
    wait_for(lambda: last_step(output) >= 1, process)
    before = last_step(output)
    os.kill(max(worker_pids()), signal.SIGKILL)
    wait_for(lambda: last_step(output) >= before + 2, process)
    process.kill()
    process.communicate()
    killed = last_step(output)
    done = command.run(*arguments)
    assert done.returncode == 0, done.stderr
    picture = save_picture(tmp_path / "grey" / "a.png")
    model = (output / "weights.npz").as_uri()
    coloured = command.run("colorize", picture.parent, tmp_path / "colour", "--model", model)

    result = json.loads((output / "result.json").read_text())
    assert (result["step"], result["reason"]) == (STEPS, "finished")
    assert len(result["resumed_at"]) == 2
    assert before <= result["resumed_at"][0] < killed <= result["resumed_at"][1]
    assert result["weights_sha256"] in done.stdout
    epochs = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2]
    assert np.isfinite([epoch["validation"]["loss"] for epoch in epochs]).all()
    assert coloured.returncode == 0, coloured.stderr
    assert (tmp_path / "colour" / "a.png").exists()


def test_what_cannot_be_trained_is_one_sentence(command, tmp_path):
    (tmp_path / "empty").mkdir()
    config = tmp_path / "config.toml"
    config.write_text("[optimizer]\nbatch = -1\n")
    mistaken = command.run("train", config, "--data", tmp_path, "--output", tmp_path / "out")
    config.write_text("")
    nameless = command.run("train", config, "--output", tmp_path / "out")
    empty = command.run("train", config, "--data", tmp_path / "empty", "--output", tmp_path / "out")

    assert [run.returncode for run in (mistaken, nameless, empty)] == [2, 2, 2]
    assert "line 2, optimizer.batch" in mistaken.stderr
    assert "--data" in nameless.stderr
    assert "no picture and no tar shard" in empty.stderr
    assert not (tmp_path / "out").exists()
