"""Read ONNX files, which are untrusted: check everything that can be checked without running them.

Tensors outside the file are read here, by names inside its folder only. ONNX Runtime gets bytes
and arrays, never a path.
"""

import hashlib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import DependencyMissing, WeightsRefused
from colorworker.model.imported.profile import NetworkProfile, Signature, TensorInfo
from colorworker.model.weightfiles import read_file
from colorworker.store.objectstore import OpenStore

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper, shape_inference
except Exception as error:  # a broken installation raises anything
    _missing = isinstance(error, ModuleNotFoundError) and error.name == "onnx"
    raise DependencyMissing(
        "onnx",
        "is not installed, and ONNX networks need it"
        if _missing
        else f"does not load ({type(error).__name__}: {error})",
        "Install it: pip install 'colorworker[onnx]' (with a GPU: 'colorworker[onnx-gpu]')",
    ) from error

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 2**31 - 1
"""Limit on the file itself: that of its format, protocol buffers."""
MAX_DATA_BYTES = 8 * 2**30
"""Limit on tensors outside the file."""
MAX_TENSOR_BYTES = 4 * 2**30
"""Limit on any one tensor that the network computes, as far as its shape is known beforehand."""
_DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc")
"""Operator sets that ONNX Runtime has."""
_SMALL_BYTES = 4096
"""Larger constants are left out when shapes are inferred."""
_FLOATS = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16"}


@dataclass(frozen=True)
class OnnxFile:
    """A checked file."""

    graph: bytes
    signature: Signature
    sha256: str
    """SHA-256 of the file."""
    data: Mapping[str, npt.NDArray[Any]]
    """Tensors outside the file, by name."""
    data_sha256: Mapping[str, str]
    """SHA-256 of each file with such tensors, by its name."""


def read_onnx(uri: str, opened: OpenStore) -> OnnxFile:
    """Return a file after all checks that need no session.

    Raises:
        WeightsRefused: If it cannot be read, is damaged, is no ONNX network, needs operators that
            ONNX Runtime does not have, or has tensors outside its folder or of impossible sizes.
    """
    graph = read_file(uri, MAX_FILE_BYTES, opened)
    model = _parsed(uri, graph)
    _check_operators(uri, model)
    data, hashes = _outside_tensors(uri, model, opened)
    _check_constants(uri, model)
    return OnnxFile(graph, _signature(uri, model), hashlib.sha256(graph).hexdigest(), data, hashes)


def check_sizes(uri: str, graph: bytes, profile: NetworkProfile, shape: tuple[int, ...]) -> None:
    """Infer the shapes inside the network for an input shape, and refuse gigantic ones.

    Raises:
        WeightsRefused: If a tensor would be larger than `MAX_TENSOR_BYTES`.
    """
    model = _parsed(uri, graph)
    _drop_large_constants(model)
    for each in model.graph.input:
        if each.name == profile.input_name:
            for dim, size in zip(each.type.tensor_type.shape.dim, shape, strict=True):
                dim.dim_value = size
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError, TypeError) as error:
        # Inference is only a help: ONNX Runtime refuses what does not fit together.
        logger.debug("%s: shapes cannot be inferred: %s", uri, error)
        return
    for info in (*inferred.graph.value_info, *inferred.graph.output):
        _check_size(uri, info.name, [dim.dim_value for dim in info.type.tensor_type.shape.dim])


def _parsed(uri: str, graph: bytes) -> "onnx.ModelProto":
    model = onnx.ModelProto()
    try:
        model.ParseFromString(graph)
    except Exception as error:  # protobuf has no documented error type
        raise _refused(uri, "is not an ONNX file, or is cut off") from error
    if not model.graph.node or not model.opset_import:
        raise _refused(uri, "is not an ONNX network")
    return model


def _graphs(graph: "onnx.GraphProto") -> "Iterator[onnx.GraphProto]":
    """Yield a graph and all graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    yield from _graphs(inner)


def _check_operators(uri: str, model: "onnx.ModelProto") -> None:
    own = {(function.domain, function.name) for function in model.functions}
    nodes: Iterable[Any] = (node for graph in _graphs(model.graph) for node in graph.node)
    unknown = sorted(
        {
            f"{node.domain + '.' if node.domain else ''}{node.op_type}"
            for node in (*nodes, *(node for each in model.functions for node in each.node))
            if (node.domain, node.op_type) not in own
            and (
                node.domain not in _DOMAINS or (not node.domain and not onnx.defs.has(node.op_type))
            )
        }
    )
    if unknown:
        some = ", ".join(unknown[:3]) + (", ..." if len(unknown) > 3 else "")
        raise WeightsRefused(
            uri,
            f"needs operators that ONNX Runtime does not have ({some})",
            "Export it with standard operators only",
        )


def _constants(model: "onnx.ModelProto") -> "Iterator[onnx.TensorProto]":
    """Yield all constant tensors: initializers, and attributes of nodes."""
    for graph in _graphs(model.graph):
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                yield from attribute.tensors


def _outside_tensors(
    uri: str, model: "onnx.ModelProto", opened: OpenStore
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Read the tensors that lie in other files of the same folder."""
    files: dict[str, bytes] = {}
    found: dict[str, npt.NDArray[Any]] = {}
    for tensor in _constants(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        facts = {entry.key: entry.value for entry in tensor.external_data}
        place = facts.get("location", "")
        path = PurePosixPath(place)
        if (
            not place
            or len(path.parts) != 1
            or place in {".", ".."}
            or "\\" in place
            or "\0" in place
        ):
            raise _refused(
                uri, f"has its tensor {tensor.name!r} in {place!r}, outside its own folder"
            )
        if place not in files:
            left = MAX_DATA_BYTES - sum(map(len, files.values()))
            files[place] = read_file(f"{uri.rpartition('/')[0]}/{place}", left, opened)
        found[tensor.name] = _outside_tensor(uri, tensor, facts, files[place])
    return found, {place: hashlib.sha256(data).hexdigest() for place, data in files.items()}


def _outside_tensor(
    uri: str, tensor: "onnx.TensorProto", facts: Mapping[str, str], data: bytes
) -> npt.NDArray[Any]:
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
        offset = int(facts.get("offset", "0"))
        size = math.prod(tensor.dims) * dtype.itemsize
        if min((offset, *tensor.dims)) < 0 or offset + size > len(data):
            raise ValueError
        count = math.prod(tensor.dims)
        return np.frombuffer(data, dtype, count, offset).reshape(tuple(tensor.dims))
    except (ValueError, KeyError, TypeError) as error:
        place = facts["location"]
        seen = f"its tensor {tensor.name!r} does not fit into {place} ({len(data)} bytes)"
        raise _refused(uri, seen) from error


def _check_constants(uri: str, model: "onnx.ModelProto") -> None:
    """Refuse constants whose declared shape is larger than their data."""
    for tensor in _constants(model):
        _check_size(uri, tensor.name, tensor.dims)
        if tensor.data_location == TensorProto.EXTERNAL:
            continue
        if tensor.HasField("raw_data"):
            try:
                size = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
            except (KeyError, TypeError) as error:
                raise _refused(uri, f"its constant {tensor.name!r} has no known type") from error
            # Types below a byte are packed.
            if size * math.prod(tensor.dims) > 2 * len(tensor.raw_data) + size:
                seen = f"its constant {tensor.name!r} of shape {list(tensor.dims)} has"
                raise _refused(uri, f"{seen} only {len(tensor.raw_data)} bytes")
            continue
        try:
            numpy_helper.to_array(tensor)
        except Exception as error:  # it raises whatever the damage leads to
            raise _refused(uri, f"its constant {tensor.name!r} is damaged") from error


def _check_size(uri: str, name: str, dims: Iterable[int]) -> None:
    sides = list(dims)
    if any(side < 0 for side in sides) or 4 * math.prod(sides) > MAX_TENSOR_BYTES:
        gib = 4 * math.prod(sides) / 2**30
        raise WeightsRefused(
            uri,
            f"has a tensor {name!r} of shape {sides}, which takes {gib:.0f} GiB",
            f"Use a network whose tensors take at most {MAX_TENSOR_BYTES >> 30} GiB",
        )


def _drop_large_constants(model: "onnx.ModelProto") -> None:
    """Turn large initializers into inputs of their shape, so that inference copies little."""
    for tensor in list(model.graph.initializer):
        if 4 * math.prod(tensor.dims) > _SMALL_BYTES:
            given = {each.name for each in model.graph.input}
            if tensor.name not in given:
                model.graph.input.append(
                    helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
                )
            model.graph.initializer.remove(tensor)


def _signature(uri: str, model: "onnx.ModelProto") -> Signature:
    constant = {each.name for each in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constant]
    return Signature(
        tuple(_info(uri, each) for each in inputs),
        tuple(_info(uri, each) for each in model.graph.output),
    )


def _info(uri: str, value: "onnx.ValueInfoProto") -> TensorInfo:
    kind = value.type.tensor_type
    if kind.elem_type not in _FLOATS:
        name = TensorProto.DataType.Name(kind.elem_type).lower()
        raise _refused(uri, f"its tensor {value.name!r} is {name}, not float32 or float16")
    shape = tuple(dim.dim_value or None for dim in kind.shape.dim)
    return TensorInfo(value.name, shape, _FLOATS[kind.elem_type])


def _refused(uri: str, seen: str) -> WeightsRefused:
    return WeightsRefused(uri, seen, "Export the network again, or give another file")
