"""Files with other projects' networks: resolved to a reference, and loaded from it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from colorworker.domain.models import ModelRef
from colorworker.errors import UsageError
from colorworker.model.imported.colorizer import ImportedColorizer, Runner
from colorworker.model.imported.profile import (
    Layout,
    NetworkProfile,
    Signature,
    describe,
)
from colorworker.model.weightfiles import (
    changed_file,
    read_file,
    read_optional_file,
    split_sha256,
    uri_of,
)
from colorworker.store.objectstore import OpenStore

MAX_DESCRIPTION_BYTES = 1 << 16
_TOML = ".toml"


@dataclass(frozen=True)
class Execution:
    """How a network runs on this machine."""

    threads: int | None = None
    """Cores for one prediction. None: all of them."""
    short_side: int | None = None
    """Short side in pixels at which the network sees pictures. None: its own."""
    gpu_memory_bytes: int | None = None
    """Limit on the GPU memory of one ONNX session."""


@dataclass(frozen=True)
class _NetworkFile:
    """A network file that is read and checked."""

    sha256: str
    signature: Signature
    make_runner: Callable[[NetworkProfile, Execution], Runner]
    """Prepares the network for predictions."""
    layout: Layout
    """Usual layout of this kind of file."""
    data_sha256: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of further files, by name."""


def resolve_imported(name: str, profile: str, opened: OpenStore) -> ModelRef:
    """Return a reference to another project's network.

    Args:
        name: Path or URI of an ONNX or `.keras` file or, with a slash at the end, of a SavedModel
            folder; with an optional `#sha256=`.
        profile: Name of a built-in profile, or path or URI of a description in TOML. Empty: the
            file of the same name with the ending `.toml`, if there is one, or detected.
        opened: Opens the stores of files.

    Raises:
        WeightsRefused: If the file is missing, damaged, unsafe, has another SHA-256, or fits no
            profile.
        DependencyMissing: If the library for it is not installed.
    """
    name, wanted = split_sha256(name)
    uri = uri_of(name)
    file = _read(uri, opened)
    if wanted and wanted != file.sha256:
        raise changed_file(uri, wanted, file.sha256)
    described = _description(uri, profile, opened)
    built_in = profile if described is None else ""
    found = describe(
        uri, file.signature, wanted=built_in, description=described, layout=file.layout
    )
    return ModelRef(uri, file.sha256, _facts(found, file.data_sha256))


def _description(uri: str, profile: str, opened: OpenStore) -> bytes | None:
    """Return the TOML description of a network; None if a built-in profile is to be used."""
    if profile.endswith(_TOML):
        return read_file(uri_of(profile), MAX_DESCRIPTION_BYTES, opened)
    if profile:
        return None
    folder, _, name = uri.rstrip("/").rpartition("/")
    beside = f"{folder}/{PurePosixPath(name).with_suffix(_TOML)}"
    return read_optional_file(beside, MAX_DESCRIPTION_BYTES, opened)


def profile_of(ref: ModelRef) -> NetworkProfile:
    """Return the profile in a reference."""
    return NetworkProfile.from_json(json.loads(ref.profile)["network"])


def load_imported(ref: ModelRef, execution: Execution, opened: OpenStore) -> ImportedColorizer:
    """Return a colorizer for a reference, after a check on an artificial picture.

    Raises:
        WeightsRefused: If the files have changed, or the result cannot be colors.
        UsageError: If another short side is requested of a network with a fixed size.
    """
    file = _read(ref.uri, opened)
    if file.sha256 != ref.sha256:
        raise changed_file(ref.uri, ref.sha256, file.sha256)
    profile = profile_of(ref)
    if _facts(profile, file.data_sha256) != ref.profile:
        raise changed_file(ref.uri, "that of all its files", "another one")
    if execution.short_side is not None:
        profile = _with_short_side(ref.uri, profile, execution.short_side)
    colorizer = ImportedColorizer(ref.uri, file.make_runner(profile, execution), profile)
    colorizer.check()
    return colorizer


def _facts(profile: NetworkProfile, data_sha256: Mapping[str, str]) -> str:
    """Return everything but the file that determines a network's colors, as canonical JSON."""
    facts = {"network": profile.to_json(), "data": dict(data_sha256)}
    return json.dumps(facts, sort_keys=True, separators=(",", ":"))


def _with_short_side(uri: str, profile: NetworkProfile, side: int) -> NetworkProfile:
    if profile.size is None and side % profile.multiple == 0:
        return replace(profile, short_side=side)
    needed = (
        f"always sees {profile.size[1]} x {profile.size[0]} pixels"
        if profile.size
        else f"needs a multiple of {profile.multiple} pixels"
    )
    raise UsageError(uri, f"a short side of {side} was requested, and it {needed}")


def _read(uri: str, opened: OpenStore) -> _NetworkFile:
    # Imported here: each kind needs a library that the others do not.
    if uri.lower().endswith(".onnx"):
        return _read_onnx(uri, opened)
    return _read_tensorflow(uri, opened)


def _read_onnx(uri: str, opened: OpenStore) -> _NetworkFile:
    from colorworker.model.imported.onnxfile import check_sizes, read_onnx
    from colorworker.model.imported.onnxsession import OnnxSession

    file = read_onnx(uri, opened)

    def runner(profile: NetworkProfile, execution: Execution) -> Runner:
        height, width = profile.network_shape(3, 1)  # the largest shape
        channels = 3 if profile.input == "rgb" else 1
        sides = (channels, height, width) if profile.layout == "nchw" else (height, width, channels)
        check_sizes(uri, file.graph, profile, (profile.batch, *sides))
        return OnnxSession(
            uri,
            file.graph,
            file.data,
            profile,
            threads=execution.threads,
            gpu_memory_bytes=execution.gpu_memory_bytes,
        )

    return _NetworkFile(file.sha256, file.signature, runner, "nchw", file.data_sha256)


def _read_tensorflow(uri: str, opened: OpenStore) -> _NetworkFile:
    from colorworker.model.imported import tensorflowfile
    from colorworker.model.runtime import configure

    if uri.endswith("/"):
        files = tensorflowfile.read_saved_model(uri, opened)
        sha256 = tensorflowfile.folder_sha256(files)
        network = tensorflowfile.load_saved_model(uri, files)
    else:
        data = read_file(uri, tensorflowfile.MAX_BYTES, opened)
        sha256 = hashlib.sha256(data).hexdigest()
        network = tensorflowfile.load_keras(uri, data)

    def runner(profile: NetworkProfile, execution: Execution) -> Runner:
        configure(threads=execution.threads)
        return network.runner(profile)

    return _NetworkFile(sha256, network.signature, runner, "nhwc")
