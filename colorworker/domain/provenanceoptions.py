"""Options for what is written about the origin of outputs."""

from dataclasses import dataclass
from typing import Annotated, Literal

from colorworker.domain.optionfields import OptionInfo

Sidecar = Literal["none", "json", "premis", "json,premis"]


@dataclass(frozen=True)
class ProvenanceOptions:
    """The part of `Options` that `docs/provenance.md` describes."""

    sidecar: Annotated[
        Sidecar,
        OptionInfo(
            "Also describe the origin of each output in a file beside it: json"
            " (NAME.provenance.json), premis (NAME.premis.xml, PREMIS 3.0), or both.",
            changes_output=False,
        ),
    ] = "none"
    rights: Annotated[
        str,
        OptionInfo(
            "Rights note for sidecars, such as a sentence or the URI of a license.",
            changes_output=False,
        ),
    ] = ""

    c2pa: Annotated[
        bool,
        OptionInfo(
            "Sign each output with a C2PA manifest, embedded where the format can hold one, else"
            " beside it. Needs COLORWORKER_C2PA__CERTIFICATE and COLORWORKER_C2PA__KEY.",
            places=("command", "plan"),
        ),
    ] = False
    bag: Annotated[
        bool,
        OptionInfo(
            "Make the destination a BagIt bag: outputs go below data/, and at the end of each job"
            " the manifests are written from recorded hashes.",
            places=("command", "plan"),
            changes_output=False,
        ),
    ] = False

    @property
    def sidecar_kinds(self) -> tuple[str, ...]:
        """The kinds of sidecars that are asked for: `json`, `premis`."""
        return () if self.sidecar == "none" else tuple(self.sidecar.split(","))
