"""Weights of keras.applications: fetched by Keras at run time, or from an HDF5 file by URI."""

import logging
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import h5py

from colorworker.errors import WeightsRefused
from colorworker.model.weightfiles import Opened, read_file, uri_of

logger = logging.getLogger(__name__)

IMAGENET = "imagenet"
"""The backbone that Keras itself downloads, into ~/.keras/models, from storage.googleapis.com."""
MAX_FILE_BYTES = 1 << 30
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NEXT_STEP = "Name an HDF5 file of the weights of keras.applications (.h5)"


def loaded(make: Callable[..., Any], source: str, opened: Opened) -> Any:
    """Return the network of keras.applications that `make` builds, with weights from `source`.

    Args:
        make: Takes `weights`, as the functions of keras.applications do.
        source: `imagenet`, or the path or URI of an HDF5 file, old (.h5) or new (.weights.h5).
        opened: Opens the store of a URI.

    Raises:
        WeightsRefused: If they cannot be fetched, or are not this network's.
        StoreUnavailable: If the file's store is away.
    """
    if source == IMAGENET:
        return _fetched(make)
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


def _fetched(make: Callable[..., Any]) -> Any:
    # Keras shows its download on stdout, which is for results only.
    with redirect_stdout(sys.stderr):
        try:
            return make(weights=IMAGENET)
        except Exception as error:  # get_file raises no other class
            raise WeightsRefused(
                "imagenet weights",
                f"Keras could not fetch them ({error})",
                "Give the .h5 file of keras.applications by path or URI, put it into"
                " ~/.keras/models, or train with that part untrained",
            ) from error


def _check(path: Path, parameter_bytes: int) -> bool:
    """Return whether the file is in the format of Keras 1 and 2.

    Raises:
        ValueError: If it leads out of itself, or promises far more values than the network has.
    """
    declared = 0

    def visit(group: h5py.Group) -> None:
        nonlocal declared
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is a link to elsewhere")
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
