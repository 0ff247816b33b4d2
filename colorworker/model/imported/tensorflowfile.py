"""Networks of TensorFlow and Keras: SavedModel folders and `.keras` files, both untrusted."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.imported.colorizer import Runner
from colorworker.model.imported.profile import NetworkProfile, Signature, TensorInfo
from colorworker.model.runtime import tf
from colorworker.model.weightfiles import read_folder
from colorworker.store.objectstore import OpenStore

Floats = npt.NDArray[np.float32]

MAX_BYTES = 4 * 2**30
"""Limit on all files of one network."""
_GRAPH = "saved_model.pb"
_SIGNATURE = "serving_default"
_OUTSIDE = re.compile(
    r"File|PyFunc|Summary|Dataset|Iterator|Print|Debug|Record|Rpc|Socket|Remote|Library|Plugin"
    r"|CompiledFunction|Tpu|TPU|Assert"
)
"""Operations that reach outside the network."""
_SAVING = {"ShardedFilename", "SaveV2", "RestoreV2", "MergeV2Checkpoints"}
"""Those that every SavedModel has for its variables; they run when it is loaded or saved."""


class TensorFlowNetwork:
    """A loaded SavedModel or Keras network. Only one thread at a time may run it."""

    def __init__(
        self, signature: Signature, run: Callable[[Floats], Mapping[str, Any]], kept: Any = None
    ) -> None:
        self.signature = signature
        self._run = run
        self._kept = kept  # A signature's function does not keep its variables alive.

    def runner(self, profile: NetworkProfile) -> Runner:
        """Return a function from a batch to the output that the profile names."""

        def run(images: Floats) -> Floats:
            return np.asarray(self._run(images)[profile.output_name], np.float32)

        return run


def folder_sha256(files: Mapping[str, bytes]) -> str:
    """Return one SHA-256 for all files of a SavedModel: of their sorted names and hashes."""
    lines = [f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_saved_model(uri: str, opened: OpenStore) -> dict[str, bytes]:
    """Return all files of a SavedModel by their names.

    Raises:
        WeightsRefused: If there is none, or it is too large.
    """
    files = read_folder(uri, MAX_BYTES, opened)
    if _GRAPH not in files:
        raise WeightsRefused(
            uri, f"is a folder without {_GRAPH}", "Give a SavedModel folder, or a file"
        )
    return files


def load_saved_model(uri: str, files: Mapping[str, bytes]) -> TensorFlowNetwork:
    """Return the network of a SavedModel's `serving_default` signature.

    Raises:
        WeightsRefused: If it contains operations that reach outside the network, has no such
            signature, or does not load.
    """
    _check_operations(uri, files[_GRAPH])
    with tempfile.TemporaryDirectory(prefix="colorworker-model-") as folder:
        for name, data in files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        try:
            loaded = tf.saved_model.load(folder)
        except Exception as error:  # TensorFlow raises undocumented types
            raise _refused(uri, error) from error
    if _SIGNATURE not in loaded.signatures:
        raise WeightsRefused(
            uri, f"has no signature {_SIGNATURE}", "Save it with one: tf.saved_model.save"
        )
    function = loaded.signatures[_SIGNATURE]
    inputs = function.structured_input_signature[1]
    signature = Signature(
        tuple(_info(name, spec) for name, spec in inputs.items()),
        tuple(_info(name, spec) for name, spec in function.structured_outputs.items()),
    )
    (name, *_) = inputs or [""]
    return TensorFlowNetwork(
        signature, lambda images: function(**{name: tf.constant(images)}), loaded
    )


def load_keras(uri: str, data: bytes) -> TensorFlowNetwork:
    """Return the network of a `.keras` file. Code in the file is never run.

    Raises:
        WeightsRefused: If it contains code, needs classes that Keras does not have, or does not
            load.
    """
    import keras

    with tempfile.NamedTemporaryFile(suffix=".keras") as file:
        file.write(data)
        file.flush()
        try:
            model = keras.saving.load_model(file.name, compile=False, safe_mode=True)
        except Exception as error:  # Keras raises undocumented types
            raise _refused(uri, error) from error
    # Keras numbers its tensors anew every time it loads a file, so their places name them.
    signature = Signature(
        tuple(_keras_info(f"input_{place}", each) for place, each in enumerate(model.inputs)),
        tuple(_keras_info(f"output_{place}", each) for place, each in enumerate(model.outputs)),
    )

    def run(images: Floats) -> Mapping[str, Any]:
        found = model(tf.constant(images), training=False)
        several = found if isinstance(found, list | tuple) else [found]
        return dict(zip((each.name for each in signature.outputs), several, strict=True))

    return TensorFlowNetwork(signature, run, model)


def _check_operations(uri: str, graph: bytes) -> None:
    """Refuse a SavedModel with operations that read or write files or run code."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(graph)
    except Exception as error:  # protobuf has no documented error type
        raise _refused(uri, error) from error
    found: set[str] = set()
    for each in saved.meta_graphs:
        nodes: list[Iterable[Any]] = [each.graph_def.node]
        nodes += [function.node_def for function in each.graph_def.library.function]
        found |= {node.op for group in nodes for node in group}
    bad = sorted(op for op in found - _SAVING if _OUTSIDE.search(op))
    if bad:
        raise WeightsRefused(
            uri,
            f"has operations that reach outside the network ({', '.join(bad[:3])})",
            "Save only the network: from a picture to its colors",
        )


def _info(name: str, spec: Any) -> TensorInfo:
    shape = spec.shape.as_list() if spec.shape.rank is not None else []
    return TensorInfo(name, tuple(shape), str(spec.dtype.name))


def _keras_info(name: str, tensor: Any) -> TensorInfo:
    return TensorInfo(name, tuple(tensor.shape), str(tensor.dtype))


def _refused(uri: str, error: Exception) -> WeightsRefused:
    line = " ".join(str(error).split())[:200]
    return WeightsRefused(uri, f"does not load ({type(error).__name__}: {line})")
