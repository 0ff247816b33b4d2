"""Options for colors that people give, and for the choices that they are offered."""

from dataclasses import dataclass
from typing import Annotated, Any

from colorworker.domain.hints import InputFile
from colorworker.domain.optionfields import OptionInfo
from colorworker.domain.references import Reach, ReferenceFrame


@dataclass(frozen=True)
class ColorOptions:
    """The part of `Options` that `docs/colors.md` describes."""

    references: Annotated[
        str,
        OptionInfo(
            "Folder or s3:// prefix with colored frames of films, `KEY-OF-FILM/ref_000040.png`;"
            " each gives its colors to its shot.",
            changes_output=False,
        ),
    ] = ""
    references_reach: Annotated[
        Reach,
        OptionInfo(
            "film: shots without a reference take the colors of the most similar shot that has one."
        ),
    ] = "shot"
    hints: Annotated[
        str,
        OptionInfo(
            "Folder or s3:// prefix with color hints, NAME.hints.json or NAME.hints.png at the"
            " picture's relative path. Default: beside the pictures.",
            changes_output=False,
        ),
    ] = ""
    reference_frames: tuple[ReferenceFrame, ...] = ()
    """What `references` has for a single film."""
    hint_files: tuple[InputFile, ...] = ()
    """Color hints for a single item."""

    def given_identity(self) -> dict[str, Any]:
        """Return the values of options in an identity: files by their content."""
        return {
            "hint_files": tuple(file.identity for file in self.hint_files),
        }
