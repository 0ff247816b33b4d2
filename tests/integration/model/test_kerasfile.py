"""Weights in HDF5 files of Keras: both formats are read, and links to other files are refused."""

import pickle

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from colorworker.errors import WeightsRefused
from colorworker.model.kerasfile import load_keras_model
from colorworker.store.memory import MemoryStore

pytestmark = [
    pytest.mark.integration,
    # Keras 3.15 passes its variables to np.array, and NumPy 2 warns about their __array__ method.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def make(weights=None):
    assert weights is None
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)], name="tiny")


def offline(weights=None):
    raise Exception("URL fetch failure on https://storage.example/tiny.h5: None")


@pytest.fixture
def network():
    model = make()
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(v.shape, np.float32) for v in model.weights])
    return model


def refused(path, match):
    with pytest.raises(WeightsRefused, match=match):
        load_keras_model(make, str(path), None)


def save_old(model, path):
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


def test_old_and_new_keras_files_load_whatever_their_name(tmp_path, network):
    save_old(network, tmp_path / "old")
    network.save_weights(tmp_path / "new.weights.h5")

    for path in (tmp_path / "old", tmp_path / "new.weights.h5"):
        seen = load_keras_model(make, str(path), None).get_weights()

        for array, expected in zip(seen, network.get_weights(), strict=True):
            np.testing.assert_array_equal(array, expected)


def test_files_load_from_a_store(tmp_path, network):
    save_old(network, tmp_path / "old.h5")
    store = MemoryStore("bucket")
    store.put("old.h5", (tmp_path / "old.h5").read_bytes())

    seen = load_keras_model(make, "s3://bucket/old.h5", lambda _: store)

    np.testing.assert_array_equal(seen.get_weights()[0], network.get_weights()[0])


def test_a_pickle_named_like_an_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "mine.h5"
    path.write_bytes(pickle.dumps({"a": 1}))

    refused(path, "mine.h5: not an HDF5 file")


def test_weights_of_another_network_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
    save_old(other, tmp_path / "old.h5")
    other.save_weights(tmp_path / "new.weights.h5")

    refused(tmp_path / "old.h5", "old.h5: does not fit tiny")
    refused(tmp_path / "new.weights.h5", "does not fit tiny")


def test_files_with_external_links_are_refused(tmp_path, network):
    save_old(network, tmp_path / "good.h5")
    linked, external = tmp_path / "linked.h5", tmp_path / "external.h5"
    with h5py.File(linked, "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "good.h5"), "/")
    with h5py.File(external, "w") as file:
        file.create_dataset("d", (4,), "f4", external=[("/etc/passwd", 0, 16)])

    refused(linked, "is an external or soft link")
    refused(external, "not a plain array")


def test_a_file_larger_than_the_network_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("d", (1 << 40,), "f4", chunks=(1 << 16,), compression="gzip")

    refused(path, "more values than the network has")


def test_a_truncated_file_is_refused(tmp_path, network):
    path = tmp_path / "half.h5"
    save_old(network, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    refused(path, "half.h5: does not fit tiny")


def test_a_failed_keras_download_is_an_error_with_three_next_steps():
    with pytest.raises(WeightsRefused, match=r"could not download.*path or URI.*untrained"):
        load_keras_model(offline, "imagenet", None)
