"""Scores by true color and by kind of picture, as values and as table cells."""

from collections.abc import Sequence
from dataclasses import dataclass

NOTHING = "\N{EN DASH}"
"""Text for a missing number."""


@dataclass(frozen=True)
class ColorRow:
    """Scores of one candidate over all pixels with one true color."""

    name: str
    color: str
    """A hue, `nearly gray`, or `skin`, which overlaps the hues."""
    share: float
    """Share of the pixels; all pictures have equal weights."""
    ciede2000: float
    true_chroma: float
    """Mean C* = |(a*, b*)| of the truth."""
    chroma: float
    """Mean C* predicted."""
    left_gray: float
    """Share of these pixels with a predicted C* below 5."""


@dataclass(frozen=True)
class KindRow:
    """Scores of one candidate over all pictures of one kind."""

    name: str
    kind: str
    """First folder of the pictures' names."""
    pictures: int
    colorfulness_distance: float
    ab_rmse: float
    ciede2000: float
    blotches: float | None
    """Blotch index, with chroma scaled by the factor of the whole set."""


Columns = Sequence[tuple[str, str, str]]
"""(heading, attribute, format) of each column."""

COLOR_COLUMNS: Columns = (
    ("share", "share", ".1%"),
    ("CIEDE2000", "ciede2000", ".2f"),
    ("true chroma", "true_chroma", ".1f"),
    ("chroma", "chroma", ".1f"),
    ("left gray", "left_gray", ".1%"),
)
KIND_COLUMNS: Columns = (
    ("pictures", "pictures", "d"),
    ("CF distance", "colorfulness_distance", ".1f"),
    ("ab-RMSE", "ab_rmse", ".2f"),
    ("CIEDE2000", "ciede2000", ".2f"),
    ("blotches", "blotches", ".2f"),
)


def cells(row: object, columns: Columns) -> list[str]:
    """Return a row's numbers as text, with a dash for missing ones."""
    values = ((getattr(row, attribute), how) for _, attribute, how in columns)
    return [NOTHING if value is None else format(value, how) for value, how in values]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
