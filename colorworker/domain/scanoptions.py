"""Options for what scans of photographs look like."""

from dataclasses import dataclass
from typing import Annotated, Literal

from colorworker.domain.optionfields import OptionInfo

Borders = Literal["keep", "color"]
Polarity = Literal["auto", "positive", "negative"]


@dataclass(frozen=True)
class ScanOptions:
    """The part of `Options` that `docs/scans.md` describes. Only pictures use them."""

    borders: Annotated[
        Borders,
        OptionInfo(
            "Borders, mounts and captions around a photograph. keep: they keep their own color, and"
            " the network sees only the photograph. color: color them like the photograph."
        ),
    ] = "keep"
    polarity: Annotated[
        Polarity,
        OptionInfo(
            "negative: the pictures are black-and-white negatives; the output is the positive."
            " auto: refuse scans whose perforated edge shows that they are negatives; plates,"
            " sheets and cropped frames do not show it. positive: refuse none."
        ),
    ] = "auto"
    detail: Annotated[
        int,
        OptionInfo(
            "Predict large pictures also in parts, at up to 2 or 4 times the network's size, for"
            " small things in crowded pictures. 1: only as a whole.",
            ge=1,
            le=4,
        ),
    ] = 1
