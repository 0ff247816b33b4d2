"""How an output says of itself that its colors are not evidence."""

from dataclasses import dataclass

from colorworker import __version__
from colorworker.domain.options import ModelRef, Options


@dataclass(frozen=True)
class Notice:
    """What an output's metadata say, and whether a corner of the picture says it too."""

    text: str
    burned: bool = False


def notice_of(options: Options, model: ModelRef) -> Notice | None:
    """Return the notice that goes with an output; None where it was asked to have none."""
    if options.label == "none":
        return None
    text = (
        f"Colorized by colorworker {__version__}, weights {model.sha256[:12]}:"
        " the colors are a model's interpretation, not evidence."
    )
    return Notice(text, burned=options.label == "burn")
