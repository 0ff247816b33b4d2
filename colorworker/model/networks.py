"""Any network behind the Colorizer port: our own weights, other projects' files, blends."""

from colorworker.color.colorizerprotocol import NetworkColorizer
from colorworker.domain.models import ModelChoice, ModelRef, is_imported
from colorworker.domain.options import Precision
from colorworker.errors import UsageError
from colorworker.model import weights
from colorworker.model.blend import BlendedColorizer
from colorworker.model.imported.files import (
    Execution,
    load_imported,
    profile_of,
    resolve_imported,
)
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

_DEFAULT = Execution()


def resolve_model(choice: ModelChoice, opened: OpenStore = open_store) -> ModelRef:
    """Return a reference to the chosen networks; reads and hashes their files.

    Raises:
        WeightsRefused: If a file is missing, damaged or unsafe, or fits no profile.
        DependencyMissing: If the library for a file is not installed.
        UsageError: If a profile is given for networks that have none.
    """
    if choice.profile and not any(map(is_imported, choice.names)):
        raise UsageError(
            "model-profile",
            f"{' and '.join(choice.names)} cannot have a profile",
            "Leave it out; it is for ONNX files, SavedModels and .keras files",
        )
    first, *rest = (_resolved(name, choice.profile, opened) for name in choice.names)
    if not rest:
        return first
    return ModelRef(first.uri, first.sha256, first.profile, rest[0], choice.share)


def check_model(ref: ModelRef, opened: OpenStore = open_store, *, run: bool) -> None:
    """Check the files of a reference.

    Args:
        ref: From `resolve_model`.
        opened: Opens the stores of files.
        run: Also predict an artificial picture with other projects' networks.

    Raises:
        WeightsRefused: If a file cannot be used.
    """
    for part in ref.parts:
        if not part.profile:
            weights.load(part, opened)
        elif run:
            load_imported(part, _DEFAULT, opened)


def load_networks(
    ref: ModelRef,
    execution: Execution = _DEFAULT,
    *,
    precision: Precision = "float32",
    opened: OpenStore = open_store,
) -> NetworkColorizer:
    """Return the colorizer that a reference names, at its networks' own settings.

    Args:
        ref: From `resolve_model`.
        execution: How networks run on this machine.
        precision: Precision of our own networks' convolutions; other files have their own.
        opened: Opens the stores of files.

    Raises:
        WeightsRefused: If a file cannot be used.
        DependencyMissing: If a library is not installed.
    """

    def loaded(part: ModelRef) -> NetworkColorizer:
        if part.profile:
            return load_imported(part, execution, opened)
        # TensorFlow takes seconds to import, and ONNX networks do not need it.
        from colorworker.model.colorizer import load_colorizer

        return load_colorizer(
            part,
            precision=precision,
            threads=execution.threads,
            short_side=execution.short_side,
            opened=opened,
        )

    first, *rest = map(loaded, ref.parts)
    return BlendedColorizer(first, rest[0], ref.share) if rest else first


def describe_model(ref: ModelRef, opened: OpenStore = open_store) -> str:
    """Return a description of each network: its file, size or profile, and hash."""
    described = []
    for part in ref.parts:
        if part.profile:
            profile = profile_of(part)
            size = "any size" if profile.size is None else f"{profile.size[1]} x {profile.size[0]}"
            kind = f"profile {profile.profile}, {size}"
        else:
            arrays = weights.load(part, opened).arrays.values()
            kind = f"{sum(array.size for array in arrays) / 1e6:.1f} million parameters"
        described.append(f"{part.uri}, {kind}, sha256 {part.sha256}")
    joined = f" + {1 - ref.share:g} of ".join(described)
    return f"{ref.share:g} of {joined}" if ref.second else joined


def _resolved(name: str, profile: str, opened: OpenStore) -> ModelRef:
    if is_imported(name):
        return resolve_imported(name, profile, opened)
    return weights.resolve(name, opened)
