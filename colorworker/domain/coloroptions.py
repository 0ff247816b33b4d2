"""Options for colors that people give, and for the choices that they are offered."""

from dataclasses import dataclass
from typing import Annotated

from colorworker.domain.hints import InputFile
from colorworker.domain.optionfields import OptionInfo

MAX_VARIANTS = 12


@dataclass(frozen=True)
class ColorOptions:
    """The part of `Options` that `docs/colors.md` describes."""

    hints: Annotated[
        str,
        OptionInfo(
            "Folder or s3:// prefix with color hints, NAME.hints.json or NAME.hints.png at the"
            " picture's relative path. Default: beside the pictures.",
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
    hint_files: tuple[InputFile, ...] = ()
    """Color hints for a single item."""
    exemplar: InputFile | None = None
    """The picture that `reference` names."""
