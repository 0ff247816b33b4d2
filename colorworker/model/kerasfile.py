"""Load weights of keras.applications: downloaded by Keras, or from an HDF5 file by path or URI."""

import logging
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import h5py

from colorworker.errors import WeightsRefused
from colorworker.model.weightfiles import read_file, uri_of
from colorworker.store.objectstore import OpenStore

logger = logging.getLogger(__name__)

IMAGENET = "imagenet"
"""Weights that Keras downloads from storage.googleapis.com to ~/.keras/models."""
MAX_FILE_BYTES = 1 << 30
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NEXT_STEP = "Give an HDF5 file of keras.applications weights (.h5)"


def load_keras_model(make: Callable[..., Any], source: str, opened: OpenStore) -> Any:
    """Return a network of keras.applications with weights from `source`.

    Args:
        make: Builds the network; takes `weights`, like the functions of keras.applications.
        source: `imagenet`, or the path or URI of an HDF5 file in the old format (.h5) or the new
            one (.weights.h5).
        opened: Opens the store of a URI.

    Raises:
        WeightsRefused: If the weights cannot be downloaded or read, or do not fit the network.
        StoreUnavailable: If the store of the file is unavailable.
    """
    if source == IMAGENET:
        return _download(make)
    uri = uri_of(source)
    data = read_file(uri, MAX_FILE_BYTES, opened)
    if not data.startswith(_HDF5):
        seen = f"not an HDF5 file (begins with {data[:6]!r})"
        raise WeightsRefused(uri, seen, _NEXT_STEP)
    model = make(weights=None)
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        try:
            plain = Path(folder) / "model.h5"
            plain.write_bytes(data)
            is_old = _check(plain, model.count_params() * 4)
            path = plain if is_old else plain.rename(plain.with_name("model.weights.h5"))
            model.load_weights(path)
        except (ValueError, OSError, KeyError, RuntimeError) as error:
            words = " ".join(str(error).split())
            seen = f"does not fit {model.name} ({words[:200]})"
            raise WeightsRefused(uri, seen, _NEXT_STEP) from error
    return model


def _download(make: Callable[..., Any]) -> Any:
    # Keras reports the download on stdout, which is for results only.
    with redirect_stdout(sys.stderr):
        try:
            return make(weights=IMAGENET)
        except Exception as error:  # get_file raises no other class
            raise WeightsRefused(
                "imagenet weights",
                f"Keras could not download them ({error})",
                "Give the path or URI of the .h5 file of keras.applications, copy the file to"
                " ~/.keras/models, or train with that part untrained",
            ) from error


def _check(path: Path, parameter_bytes: int) -> bool:
    """Return whether the file has the format of Keras 1 and 2.

    Raises:
        ValueError: If it refers to other files, or declares far more values than the network has.
    """
    declared = 0

    def visit(group: h5py.Group) -> None:
        nonlocal declared
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is an external or soft link")
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual or item.dtype.kind not in "fiu":
                    raise ValueError(f"{name!r} is not a plain array of numbers")
                declared += item.size * item.dtype.itemsize
                if declared > parameter_bytes * 2 + (1 << 20):
                    raise ValueError("it holds more values than the network has")

    with h5py.File(path, "r") as file:
        visit(file)
        return "layer_names" in file.attrs or "model_weights" in file
