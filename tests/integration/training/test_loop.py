"""The loop in this process: interrupted anywhere, it ends as if it had not been."""

import hashlib
import io
import json
from contextlib import closing

import numpy as np
import pytest

from colorworker.errors import UsageError
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from colorworker.training.config import parse_config
from colorworker.training.dataset import open_dataset
from colorworker.training.engine import Engine, alone
from colorworker.training.localcopy import LocalCopy
from colorworker.training.loop import train
from colorworker.training.setup import rules_of
from tests.integration.training.pictures import fill
from tests.integration.training.tiny import Tiny

pytestmark = pytest.mark.integration

CONFIG = """
[data]
validation_share = 0.2
[picture]
size = 32
[look]
response = 0.5
[optimizer]
batch = 4
epochs = 2
learning_rate = 1e-2
backbone_rate = 1e-3
warmup_steps = 2
ema = 0.9
[run]
checkpoint_steps = 2
validation_pictures = 4
sheet_pictures = 0
"""


class AfterSteps:
    """Says stop after so many steps."""

    def __init__(self, steps):
        self.left = steps

    def __call__(self):
        self.left -= 1
        return self.left <= 0


@pytest.fixture
def trained(tmp_path):
    """Trains a new network on the same pictures, and goes on where the output says."""
    fill(LocalStore(tmp_path / "data"), 20)

    def run(output, stopping=lambda: False, network=None, **changes):
        given = {name.replace("__", "."): value for name, value in changes.items()}
        config = parse_config(CONFIG, "test", given)
        store = open_store(output if "://" in output else str(tmp_path / output))
        with closing(LocalCopy(tmp_path, 1 << 20)) as local_copy:
            dataset = open_dataset(
                str(tmp_path / "data"), local_copy, rules_of(config, 10**6), opened=open_store
            )
            engine = Engine(network or Tiny(), config.optimizer, alone())
            return train(config, dataset, engine, store, alone(), stopping=stopping), store

    return run


def test_an_interrupted_training_gives_the_weights_of_an_uninterrupted_one(trained, s3):
    whole, one = trained("whole")

    parts = f"s3://{s3.make_bucket()}/parts"
    stops = [trained(parts, AfterSteps(steps))[0] for steps in (2, 2)]
    end, other = trained(parts)

    assert whole.reason == end.reason == "finished"
    assert [(stop.reason, stop.step) for stop in stops] == [("stopped", 2), ("stopped", 5)]
    ours, theirs = (np.load(io.BytesIO(store.get("weights.npz"))) for store in (one, other))
    assert ours.files == theirs.files
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours.files)
    for one_line, other_line in zip(lines(one), lines(other), strict=True):
        assert one_line["train"] == other_line["train"]
        assert one_line["validation"] == other_line["validation"]
    assert lines(one)[-1]["validation"]["loss"] < lines(one)[0]["validation"]["loss"]


def lines(store):
    return [json.loads(line) for line in store.get("metrics.jsonl").splitlines()]


def test_the_output_describes_configuration_and_data(trained):
    end, store = trained("out")

    assert hashlib.sha256(store.get(end.weights_key)).hexdigest() == end.weights_sha256
    described = json.loads(store.get("config.json"))
    assert described["config"]["picture"]["size"] == parse_config(CONFIG, "test").picture.size
    assert described["identity"].keys() == {"architecture", "config", "data set"}
    assert json.loads(store.get("data.json"))["broken"] == 0
    assert json.loads(store.get("result.json"))["reason"] == "finished"
    assert store.get("curves.png").startswith(b"\x89PNG")


def test_another_configuration_cannot_resume_from_the_checkpoint(trained):
    trained("out", AfterSteps(1))

    with pytest.raises(UsageError, match="different config"):
        trained("out", optimizer__seed=1)


def test_training_stops_without_improvement_and_returns_the_best_epoch(trained):
    still = Tiny()
    still.model.get_layer("norm").trainable = False

    end, store = trained(
        "out", network=still, optimizer__learning_rate=1e-30, optimizer__backbone_rate=0.0,
        optimizer__epochs=9, run__patience=1,
    )  # fmt: skip

    assert end.reason == "no gain"
    assert end.step == 2 * 3
    assert store.get("weights.npz") == store.get("best.npz")


def test_a_loss_that_is_not_finite_is_reported(trained):
    with pytest.raises(UsageError, match=r"loss of step \d+ is not finite"):
        trained("out", optimizer__learning_rate=1e30, optimizer__epochs=9)
