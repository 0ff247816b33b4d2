"""Files of weights: named, hashed, and refused unless they are this network's. No TensorFlow."""

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture, from_json
from colorworker.model.layout import array_shapes
from colorworker.work.job import ModelRef

PACKAGED = {"lite": "1149e9594faf12e1af8c9f17e30bf10a7babe43632f37a87931d5d451faf4f8c"}
"""Weights that ship with the package, and what they must hash to."""
MAX_FILE_BYTES = 256 * 2**20
_NEXT_STEP = "Name the packaged weights 'lite', or a file written by this project's training"


@dataclass(frozen=True)
class Weights:
    """All arrays of one file, checked against the network's layout."""

    sha256: str
    """Of the file."""
    architecture: Architecture
    bins: npt.NDArray[np.float32]
    """a*, b* of every colour bin, shape (Q, 2)."""
    log_class_weights: npt.NDArray[np.float32]
    """By how much training raised each bin's logit, shape (Q,)."""
    arrays: dict[str, npt.NDArray[np.floating]]
    """Every array by its name in the file, float16 or float32."""


def resolve(name_or_path: str | Path) -> ModelRef:
    """Return which weights a name or a path means, with the sha256 of the file as it is now.

    Args:
        name_or_path: `lite`, or the path or file URI of an npz.

    Returns:
        A reference whose `uri` is the name of packaged weights (every machine has its own copy of
        them) or the file's URI.

    Raises:
        WeightsRefused: If there is no such file, or the packaged file is not the released one.
    """
    name = str(name_or_path)
    if name in PACKAGED:
        ref = ModelRef(name, PACKAGED[name])
        _read(ref)
        return ref
    path = _path_of(name).absolute()
    return ModelRef(path.as_uri(), hashlib.sha256(_bytes_of(path)).hexdigest())


def load(ref: ModelRef) -> Weights:
    """Return the checked arrays of the weights that `ref` names.

    Raises:
        WeightsRefused: If the file is missing, does not have the reference's sha256, is no npz,
            holds pickles, or its arrays are not exactly those of the network, all finite.
    """
    return parse(_read(ref), ref.uri, ref.sha256)


def parse(data: bytes, subject: str, sha256: str) -> Weights:
    """Return the checked arrays of an npz in memory; `subject` names it in errors.

    Raises:
        WeightsRefused: As `load`.
    """
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise WeightsRefused(subject, f"not an npz file (begins with {data[:6]!r})", _NEXT_STEP)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise WeightsRefused(subject, f"does not load as plain arrays ({error})", _NEXT_STEP) from (
            error
        )
    architecture = _architecture(arrays.pop("architecture", None), subject)
    _check(arrays, architecture, subject)
    bins, log_class_weights = (
        arrays[name].astype(np.float32) for name in ("bins", "log_class_weights")
    )
    return Weights(sha256, architecture, bins, log_class_weights, arrays)


def encoded(architecture: Architecture, arrays: Mapping[str, npt.NDArray[np.floating]]) -> bytes:
    """Return the file of weights that `load` takes; equal arrays give equal bytes.

    Kernels are stored as float16, where their values fit; what has one axis, and the bins, as
    float32.
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
    """Write the file of weights that `load` takes, whole or not at all, and return its sha256."""
    data = encoded(architecture, arrays)
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


def _architecture(said: npt.NDArray[np.generic] | None, subject: str) -> Architecture:
    """Return what the file says it is for; lite if it says nothing."""
    if said is None:
        return Architecture()
    try:
        if said.dtype.kind != "U" or said.ndim:
            raise ValueError(f"it holds {said.dtype} of shape {said.shape}, not one text")
        return from_json(str(said))
    except ValueError as error:
        fact = f"its architecture cannot be read ({error})"
        raise WeightsRefused(subject, fact, _NEXT_STEP) from error


def _check(
    arrays: dict[str, npt.NDArray[np.generic]], architecture: Architecture, subject: str
) -> None:
    """Raise WeightsRefused unless names, shapes and types are the network's, and all is finite."""
    seen = {name: array.shape for name, array in arrays.items()}
    bins_shape = seen.get("bins", ())
    expected = array_shapes(architecture, bins_shape[0] if bins_shape else 0)
    if missing := sorted(expected.keys() - seen.keys()):
        raise WeightsRefused(
            subject, f"lacks {len(missing)} arrays, first {missing[0]!r}", _NEXT_STEP
        )
    if extra := sorted(seen.keys() - expected.keys()):
        raise WeightsRefused(
            subject, f"holds {len(extra)} arrays that are not ours, first {extra[0]!r}", _NEXT_STEP
        )
    for name, array in arrays.items():
        if array.shape != expected[name]:
            fact = f"{name!r} has shape {array.shape}, not {expected[name]}"
        elif array.dtype not in (np.float16, np.float32):
            fact = f"{name!r} holds {array.dtype}, not float16 or float32"
        elif not np.isfinite(array).all():
            fact = f"{name!r} holds values that are not finite"
        else:
            continue
        raise WeightsRefused(subject, fact, _NEXT_STEP)


def _read(ref: ModelRef) -> bytes:
    """Return the file's bytes; WeightsRefused unless they have the reference's sha256."""
    if ref.uri in PACKAGED:
        packaged = resources.files("colorworker.model") / f"{ref.uri}.npz"
        data = packaged.read_bytes()
    else:
        data = _bytes_of(_path_of(ref.uri))
    seen = hashlib.sha256(data).hexdigest()
    if seen != ref.sha256:
        raise WeightsRefused(
            ref.uri,
            f"has sha256 {seen[:12]}..., and {ref.sha256[:12]}... was named",
            "The file changed or is damaged: restore it, or start a new job with it",
        )
    return data


def _bytes_of(path: Path) -> bytes:
    """Return a file's bytes; WeightsRefused if it cannot be read or is far too large."""
    try:
        size_bytes = path.stat().st_size
        if size_bytes > MAX_FILE_BYTES:
            raise WeightsRefused(
                str(path), f"is {size_bytes / 2**20:.0f} MiB, weights are 8 MiB", _NEXT_STEP
            )
        return path.read_bytes()
    except OSError as error:
        raise WeightsRefused(str(path), f"cannot be read ({error.strerror})", _NEXT_STEP) from error


def _path_of(name: str) -> Path:
    """Return the path that a plain path or a file URI means."""
    if not name.startswith("file://"):
        return Path(name)
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(name).path)))
