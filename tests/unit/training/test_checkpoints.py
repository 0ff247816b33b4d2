import hashlib
import json

import numpy as np
import pytest

from colorworker.errors import UsageError
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.training.checkpoints import Checkpoint, load, save

IDENTITY = {"architecture": "lite", "config": "abc"}


@pytest.fixture(params=["memory", "local"])
def store(request, tmp_path):
    return MemoryStore("out") if request.param == "memory" else LocalStore(tmp_path / "out")


def checkpoint(step, **identity):
    rng = np.random.default_rng(step)
    arrays = {"model/0": rng.normal(size=(3, 2)).astype(np.float32), "scale": np.float32(step)}
    return Checkpoint(step, {**IDENTITY, **identity}, {"history": {"sums": {"x": 0.1}}}, arrays)


def test_load_returns_the_last_checkpoint_bit_for_bit(store):
    for step in (5, 10):
        save(store, checkpoint(step), keep=2)

    found = load(store, IDENTITY)

    assert found.step == 10
    assert found.facts == {"history": {"sums": {"x": 0.1}}}
    assert found.arrays.keys() == {"model/0", "scale"}
    assert np.array_equal(found.arrays["model/0"], checkpoint(10).arrays["model/0"])


def test_load_returns_none_for_an_empty_store(store):
    assert load(store, IDENTITY) is None


def test_save_deletes_old_checkpoints_and_states_without_a_marker(store):
    store.put("checkpoints/00000001-deadbeef.npz", b"left by a killed worker")

    for step in (1, 2, 3, 4):
        save(store, checkpoint(step), keep=2)

    keys = sorted(info.key for info in store.list("checkpoints/"))
    assert [key for key in keys if key.endswith(".json")] == [
        "checkpoints/00000003.json",
        "checkpoints/00000004.json",
    ]
    assert len(keys) == 4


def test_a_state_without_a_marker_is_ignored(store):
    save(store, checkpoint(3), keep=2)
    store.put("checkpoints/00000009-deadbeef.npz", b"the worker died before the marker")

    assert load(store, IDENTITY).step == 3


def test_saving_a_step_twice_keeps_the_second_checkpoint(store):
    save(store, checkpoint(3), keep=2)
    again = checkpoint(3)
    again.arrays["scale"] = np.float32(8)

    save(store, again, keep=2)

    assert load(store, IDENTITY).arrays["scale"] == 8
    assert len(list(store.list("checkpoints/"))) == 2


@pytest.mark.parametrize("change", ["architecture", "config"])
def test_a_checkpoint_of_another_training_is_refused(store, change):
    save(store, checkpoint(3, **{change: "other"}), keep=2)

    with pytest.raises(UsageError, match=f"different {change}"):
        load(store, IDENTITY)


def damage_bytes(store, marker):
    data = bytearray(store.get(marker["state"]))
    data[len(data) // 2] ^= 1
    store.put(marker["state"], bytes(data))


def damage_pickle(store, marker):
    path = store.scratch() / "bad.npz"
    np.savez(path, scale=np.array([{"a": 1}], object))
    data = path.read_bytes()
    changed = {**marker, "sha256": hashlib.sha256(data).hexdigest()}
    store.put(marker["state"], data)
    store.put("checkpoints/00000003.json", json.dumps(changed).encode())


def damage_marker(store, marker):
    store.put("checkpoints/00000003.json", b'{"format": 1, "step"')


def damage_missing(store, marker):
    store.delete(marker["state"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_bytes, "sha256"),
        (damage_pickle, "plain arrays"),
        (damage_marker, "not a valid checkpoint marker"),
        (damage_missing, "is missing"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_advice(store, damage, said):
    save(store, checkpoint(3), keep=2)
    damage(store, json.loads(store.get("checkpoints/00000003.json")))

    with pytest.raises(UsageError, match=said) as caught:
        load(store, IDENTITY)

    assert "delete this marker" in str(caught.value)
