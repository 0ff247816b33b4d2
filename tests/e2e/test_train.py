"""Two workers train on Ray between buckets; one is killed, then all; each time it goes on."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from colorworker.store.openstore import open_store
from tests.archives import save_picture
from tests.integration.training.pictures import fill
from tests.processes import descendants, running
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
epochs = 5
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
STEPS = 5 * 3


def workers(process):
    return descendants(process.pid, "ray::RayTrainWorker")


def last_step(output):
    markers = [info.key for info in output.list("checkpoints/") if info.key.endswith(".json")]
    return max((int(Path(marker).stem) for marker in markers), default=0)


@pytest.mark.timeout(600)
def test_killed_workers_and_a_killed_job_resume_from_the_last_checkpoint(s3, command, tmp_path):
    data, out = (f"s3://{s3.make_bucket()}/{name}" for name in ("data", "out"))
    fill(open_store(data), 20)
    output, config = open_store(out), tmp_path / "config.toml"
    config.write_text(CONFIG)
    arguments = ("train", config, "--data", data, "--output", out)

    process = command.start(*arguments)
    wait_for(lambda: last_step(output) >= 1, process)
    before = last_step(output)
    os.kill(max(workers(process)), signal.SIGKILL)
    wait_for(lambda: last_step(output) >= before + 2, process)
    left = workers(process)
    process.kill()
    process.communicate()
    while running(left):
        time.sleep(0.05)
    killed = last_step(output)
    # How many workers there are does not decide the result, so one may finish what two began.
    done = command.here(*arguments, "--workers", "1")
    assert done.returncode == 0, done.stderr
    picture = save_picture(tmp_path / "gray" / "a.png")
    model = f"{out}/weights.npz"
    colored = command.here("colorize", picture.parent, tmp_path / "color", "--model", model)

    result = json.loads(output.get("result.json"))
    assert (result["step"], result["reason"]) == (STEPS, "finished")
    assert len(result["resumed_at"]) == 2
    assert before <= result["resumed_at"][0] < killed == result["resumed_at"][1]
    assert result["weights_sha256"] in done.stdout
    epochs = [json.loads(line) for line in output.get("metrics.jsonl").splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [0, 1, 2, 3, 4]
    assert np.isfinite([epoch["validation"]["loss"] for epoch in epochs]).all()
    assert colored.returncode == 0, colored.stderr
    assert (tmp_path / "color" / "a.png").exists()
