"""The networks of a job: as a caller names them, and as files with their hashes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from colorworker.domain.coloroptions import ColorOptions
from colorworker.errors import UsageError

IMPORTED_SUFFIXES = (".onnx", ".keras")
"""Endings of files that hold networks of other projects. A folder is a TensorFlow SavedModel."""


@dataclass(frozen=True)
class ModelChoice:
    """One network, or two whose colors are blended."""

    name: str
    """Packaged name, path or URI, with an optional `#sha256=`."""
    profile: str = ""
    """Name of a built-in profile, or path or URI of a TOML description, for networks of other
    projects. Empty: the description beside the file, or detected."""
    second: str = ""
    """Name, path or URI of the second network; empty for none."""
    share: float = 1.0
    """Share of the first network's chroma in the result."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its networks."""
        return (self.name, self.second) if self.second else (self.name,)

    @property
    def default_vividness(self) -> float | None:
        """The vividness of a job that sets none; None for the option's default."""
        return 1.0 if all(is_imported(name) for name in self.names) else None


def refuse_choices(model: "ModelRef", options: ColorOptions) -> None:
    """Refuse options that need a distribution over colors, for networks that have none.

    Raises:
        UsageError: If there is such an option.
    """
    chosen = {
        "variant": options.variant,
        "variants": options.variants,
        "confidence": options.confidence,
    }
    for name, value in chosen.items():
        if value and all(part.profile for part in model.parts):
            raise UsageError(
                name,
                f"the network {model.uri} predicts one color per place, without alternatives",
                "Leave it out, or use the packaged network lite",
            )


def is_imported(name: str) -> bool:
    """Return whether a name is that of another project's network, judged by the name alone."""
    path = name.partition("#sha256=")[0].lower()
    return path.endswith((*IMPORTED_SUFFIXES, "/"))


def choose_model(
    names: str | Sequence[str], profile: str = "", blend: float | None = None
) -> ModelChoice:
    """Return the networks that a caller names.

    Args:
        names: One or two names, paths or URIs.
        profile: See `ModelChoice`.
        blend: Share of the first of two networks, in [0, 1].

    Raises:
        UsageError: If two networks are named without `blend`, or the reverse.
    """
    named = (names,) if isinstance(names, str) else tuple(names)
    if blend is None and len(named) == 1:
        return ModelChoice(named[0], profile)
    if len(named) != 2:
        raise UsageError("blend", f"{len(named)} networks are named", "Name two, the first first")
    if blend is None:
        raise UsageError(
            "model", "two networks are named", "Add the share of the first: --blend 0.6"
        )
    if not 0 <= blend <= 1:
        raise UsageError("blend", f"{blend:g} is not a share", "Give a number from 0 to 1")
    return ModelChoice(named[0], profile, named[1], blend)


@dataclass(frozen=True)
class ModelRef:
    """A network by the URI and SHA-256 of its file; or two whose chroma is blended."""

    uri: str
    sha256: str
    profile: str = ""
    """Conventions of another project's network, as canonical JSON; empty for our own weights."""
    second: "ModelRef | None" = None
    share: float = 1.0
    """Share of the first network's chroma if there is a second one."""

    @property
    def parts(self) -> tuple["ModelRef", ...]:
        """The single networks."""
        if self.second is None:
            return (self,)
        return (ModelRef(self.uri, self.sha256, self.profile), self.second)

    @property
    def identity(self) -> str:
        """Text that identities of units contain: what the colors depend on."""
        if not self.profile and self.second is None:
            return self.sha256
        facts = [(part.sha256, part.profile) for part in self.parts]
        text = json.dumps([facts, self.share])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def hashes(self) -> str:
        """SHA-256 of each network's file, joined by `+`."""
        return "+".join(part.sha256 for part in self.parts)
