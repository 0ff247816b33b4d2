"""Resolve, load, check and save weights files, without TensorFlow.

A weights file is an npz of float16 or float32 arrays with the names of `layout.array_shapes`, and a
text `architecture` with the JSON of an Architecture. Without that text the architecture is lite.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.domain.models import ModelRef
from colorworker.errors import WeightsRefused
from colorworker.model.architectures import NAMES, Architecture
from colorworker.model.npzfile import parse_arrays
from colorworker.model.weightfiles import changed_file, read_file, split_sha256, uri_of
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

PACKAGED = {"lite": "1149e9594faf12e1af8c9f17e30bf10a7babe43632f37a87931d5d451faf4f8c"}
"""Weights that ship with the package, and their SHA-256."""
MAX_FILE_BYTES = 512 * 2**20
"""Limit on files; larger than the largest network in float32."""


@dataclass(frozen=True)
class Weights:
    """All arrays of one weights file, checked against the network's layout."""

    sha256: str
    """SHA-256 of the file."""
    architecture: Architecture
    arrays: dict[str, npt.NDArray[np.floating]]
    """Every array by its name in the file, float16 or float32."""

    @property
    def bins(self) -> npt.NDArray[np.float32]:
        """a*, b* of every color bin, (Q, 2); no rows if the network has no bins."""
        return self.arrays.get("bins", np.zeros((0, 2))).astype(np.float32)

    @property
    def log_class_weights(self) -> npt.NDArray[np.float32]:
        """Logarithm of each bin's weight in the loss, (Q,): training raises its logit by this."""
        return self.arrays.get("log_class_weights", np.zeros(0)).astype(np.float32)


def resolve(name_or_uri: str | Path, opened: OpenStore = open_store) -> ModelRef:
    """Return a reference to weights, with the SHA-256 that they must have.

    Args:
        name_or_uri: `lite`, a path, or a file:// or s3:// URI of an npz. An appended `#sha256=` and
            64 hex digits give the SHA-256 that the file must have; otherwise its present one is
            used.
        opened: Opens the store of a URI.

    Returns:
        A reference whose `uri` is the name of packaged weights, which every machine has a copy of,
        or the URI of the file.

    Raises:
        WeightsRefused: If there is no such file, it does not have the given SHA-256, or the
            packaged file is not the released one.
    """
    name, wanted = split_sha256(str(name_or_uri))
    if name in PACKAGED:
        ref = ModelRef(name, wanted or PACKAGED[name])
        _read(ref, opened)
        return ref
    if name in NAMES and not Path(name).exists():
        raise WeightsRefused(
            name,
            "colorworker ships no trained weights of that architecture",
            f"Train some with colorworker train and give the file: --model {name}.npz",
        )
    uri = uri_of(name)
    data = read_file(uri, MAX_FILE_BYTES, opened)
    ref = ModelRef(uri, hashlib.sha256(data).hexdigest())
    if wanted and wanted != ref.sha256:
        raise changed_file(uri, wanted, ref.sha256)
    return ref


def load(ref: ModelRef, opened: OpenStore = open_store) -> Weights:
    """Return the checked arrays of the weights that `ref` names.

    Raises:
        WeightsRefused: If the file is missing, does not have the reference's SHA-256, is not an
            npz, holds pickles, or its arrays are not exactly those of its network and finite.
        StoreUnavailable: If its store is unavailable.
    """
    return parse(_read(ref, opened), ref.uri, ref.sha256)


def parse(data: bytes, subject: str, sha256: str) -> Weights:
    """Return the checked arrays of an npz in memory; `subject` names it in errors.

    Raises:
        WeightsRefused: See `load`.
    """
    architecture, arrays = parse_arrays(data, subject)
    return Weights(sha256, architecture, arrays)


def encode_weights(
    architecture: Architecture, arrays: Mapping[str, npt.NDArray[np.floating]]
) -> bytes:
    """Return the bytes of a weights file for `load`; equal arrays give equal bytes.

    Kernels are stored as float16 if their values fit; vectors and the bins as float32.
    """
    stored = {name: _stored(name, array) for name, array in sorted(arrays.items())}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, allow_pickle=False, architecture=np.array(architecture.to_json()), **stored
    )
    return buffer.getvalue()


def save(
    path: Path, architecture: Architecture, arrays: Mapping[str, npt.NDArray[np.floating]]
) -> str:
    """Write a weights file for `load`, atomically; return its SHA-256."""
    data = encode_weights(architecture, arrays)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return hashlib.sha256(data).hexdigest()


def _stored(name: str, array: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    if array.ndim > 1 and name != "bins" and np.abs(array).max() <= np.finfo(np.float16).max:
        return array.astype(np.float16)
    return array.astype(np.float32)


def _read(ref: ModelRef, opened: OpenStore) -> bytes:
    """Return the bytes of a file; raise WeightsRefused if they do not have the given SHA-256."""
    if ref.uri in PACKAGED:
        packaged = resources.files("colorworker.model") / f"{ref.uri}.npz"
        data = packaged.read_bytes()
    else:
        data = read_file(ref.uri, MAX_FILE_BYTES, opened)
    seen = hashlib.sha256(data).hexdigest()
    if seen != ref.sha256:
        raise changed_file(ref.uri, ref.sha256, seen)
    return data
