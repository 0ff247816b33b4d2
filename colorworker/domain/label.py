"""The notice that marks outputs as colorized."""

from dataclasses import dataclass

from colorworker import __version__
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options


@dataclass(frozen=True)
class Notice:
    """The text for an output's metadata, and whether to burn a notice into a corner as well."""

    text: str
    burned: bool = False
    history: str = ""
    """What was done, for the entry of the metadata's history; empty for no entry."""


def notice_of(options: Options, model: ModelRef, source_sha256: str) -> Notice | None:
    """Return the notice for an output; None if the options ask for none.

    Args:
        options: Options of the output.
        model: The network.
        source_sha256: SHA-256 of the source.
    """
    if options.label == "none":
        return None
    weights = " + ".join(part.sha256[:12] for part in model.parts)
    text = (
        f"Colorized by colorworker {__version__}, weights {weights}:"
        " the colors are a model's interpretation, not evidence."
    )
    whole = " + ".join(part.sha256 for part in model.parts)
    history = f"colorized; SHA-256 of the source: {source_sha256}; of the weights: {whole}"
    return Notice(text, options.label == "burn", history)
