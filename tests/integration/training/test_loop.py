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
from colorworker.training.dataset import CopyLocation, open_dataset, refuse_unusable
from colorworker.training.engine import Engine, alone
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
    """Return a function that trains a new network on the same pictures, or resumes."""
    data = LocalStore(tmp_path / "data")
    fill(data, 14)
    fill(data, 6, "train-001.tar", folder="face/")

    def run(output, stopping=lambda: False, network=None, **changes):
        given = {name.replace("__", "."): value for name, value in changes.items()}
        config = parse_config(CONFIG, "test", given)
        store = open_store(output if "://" in output else str(tmp_path / output))
        location = CopyLocation(tmp_path / "copies", 1 << 20, is_kept=True)
        with closing(
            open_dataset(
                str(tmp_path / "data"), location, rules_of(config, 10**6), opened=open_store
            )
        ) as dataset:
            refuse_unusable(dataset.inventory, "data", config)
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


def lines(store, key="metrics.jsonl"):
    return [json.loads(line) for line in store.get(key).splitlines()]


def weights_of(store):
    found = np.load(io.BytesIO(store.get("weights.npz")))
    return {name: found[name] for name in found.files}


def test_a_weighted_and_interrupted_training_gives_the_weights_of_an_uninterrupted_one(trained):
    changes = {"data__weights": {"face": 2.5}, "run__validate_steps": 2}

    _, one = trained("whole", **changes)
    stops = [trained("parts", AfterSteps(steps), **changes)[0] for steps in (3, 4)]
    end, other = trained("parts", **changes)

    assert [stop.step for stop in stops] == [3, 8]
    assert end.reason == "finished"
    ours, theirs = weights_of(one), weights_of(other)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert lines(one, "validation.jsonl") == lines(other, "validation.jsonl")
    assert [line["step"] for line in lines(one, "validation.jsonl")] == [2, 4, 6, 8]


def test_validation_within_an_epoch_does_not_change_the_training(trained):
    _, without = trained("without")

    _, measured = trained("measured", run__validate_steps=1)

    ours, theirs = weights_of(without), weights_of(measured)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert [line["validation"] for line in lines(without)] == [
        line["validation"] for line in lines(measured)
    ]
    checks = lines(measured, "validation.jsonl")
    assert len(checks) == len({line["validation"]["loss"] for line in checks})


def test_the_best_weights_are_those_with_the_lowest_loss_also_within_an_epoch(trained):
    # With this learning rate the loss only rises, so the first validation is the best.
    end, store = trained(
        "out", optimizer__learning_rate=3.0, optimizer__epochs=3, optimizer__ema=0.0,
        optimizer__warmup_steps=2, run__validate_steps=1, run__patience=3,
    )  # fmt: skip

    checks = [line["validation"]["loss"] for line in lines(store, "validation.jsonl")]
    losses = checks + [line["validation"]["loss"] for line in lines(store)]
    assert end.weights_key == "weights.npz"
    assert min(losses) == checks[0]
    assert store.get("weights.npz") == store.get("best.npz")
    assert not np.isnan(losses).any()


def test_a_weight_for_a_kind_that_no_picture_has_is_refused(trained):
    with pytest.raises(UsageError, match=r"no picture is of kind faces.*face"):
        trained("out", data__weights={"faces": 2})


def test_the_output_describes_configuration_and_data(trained):
    end, store = trained("out")

    assert hashlib.sha256(store.get(end.weights_key)).hexdigest() == end.weights_sha256
    described = json.loads(store.get("config.json"))
    assert described["config"]["picture"]["size"] == parse_config(CONFIG, "test").picture.size
    assert described["identity"].keys() == {"architecture", "config", "data set"}
    assert json.loads(store.get("data.json"))["broken"] == 0
    assert json.loads(store.get("result.json"))["reason"] == "finished"
    assert store.get("curves.png").startswith(b"\x89PNG")


def test_every_checkpoint_leaves_its_averaged_weights_also_when_stopped(trained):
    _, store = trained("out", AfterSteps(3))
    stopped = store.get("latest.npz")

    _, store = trained("out")

    assert store.get("latest.npz") == store.get("weights.npz") != stopped


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
