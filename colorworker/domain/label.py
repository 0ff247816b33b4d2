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


def notice_of(options: Options, model: ModelRef) -> Notice | None:
    """Return the notice for an output; None if the options ask for none."""
    if options.label == "none":
        return None
    weights = " + ".join(part.sha256[:12] for part in model.parts)
    text = (
        f"Colorized by colorworker {__version__}, weights {weights}:"
        " the colors are a model's interpretation, not evidence."
    )
    return Notice(text, burned=options.label == "burn")
