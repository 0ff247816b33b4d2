"""Options for colors that people give, and for the choices that they are offered."""

from dataclasses import dataclass
from typing import Annotated, Any

from colorworker.domain.hints import HINTS_EDITION, InputFile
from colorworker.domain.optionfields import OptionInfo
from colorworker.domain.references import Reach, ReferenceFrame

MAX_VARIANTS = 12
PLACES = ("references", "hints", "reference")
"""Options that are paths or URIs."""


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
            "Folder or s3:// prefix with color hints at the relative path of the picture"
            " (NAME.hints.json, NAME.hints.png) or film (NAME.hints/000040.json). Default: beside"
            " the sources.",
            changes_output=False,
        ),
    ] = ""
    reference: Annotated[
        str,
        OptionInfo(
            "Color picture whose colors are given to what looks alike in the pictures.",
            changes_output=False,
        ),
    ] = ""
    reference_strength: Annotated[
        float,
        OptionInfo(
            "Share of the reference's colors. 0: none; 1: wherever they fit.",
            ge=0,
            le=1,
        ),
    ] = 0.8
    variant: Annotated[
        int,
        OptionInfo(
            "Alternative colors, by their number on the sheet of --variants. 0: the likeliest.",
            ge=0,
            le=MAX_VARIANTS,
        ),
    ] = 0
    variants: Annotated[
        int,
        OptionInfo(
            "Also write a sheet with this many alternative colors of each picture,"
            " NAME.variants.jpg.",
            ge=0,
            le=MAX_VARIANTS,
        ),
    ] = 0
    confidence: Annotated[
        bool,
        OptionInfo(
            "Also write how certain the colors of each picture are, as a gray NAME.confidence.png."
        ),
    ] = False
    reference_frames: tuple[ReferenceFrame, ...] = ()
    """What `references` has for a single film."""
    hint_files: tuple[InputFile, ...] = ()
    """Color hints for a single item: for a picture without frames, for a film with them."""
    exemplar: InputFile | None = None
    """The picture that `reference` names."""

    @property
    def gives_choices(self) -> bool:
        """Whether sheets of variants or maps of certainty are written beside pictures."""
        return self.variants > 0 or self.confidence

    @property
    def gives_frames(self) -> bool:
        """Whether colors are given for frames of a film."""
        return bool(self.reference_frames or self.hint_files)

    def given_identity(self) -> dict[str, Any]:
        """Return the values of options in an identity: files by their content."""
        return {
            "reference_frames": tuple(each.identity for each in self.reference_frames),
            "hint_files": tuple((HINTS_EDITION, *file.identity) for file in self.hint_files),
            "exemplar": self.exemplar.identity if self.exemplar else None,
            "reference_strength": (
                self.reference_strength if self.exemplar else ColorOptions.reference_strength
            ),
        }
