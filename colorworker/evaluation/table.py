"""Results of an evaluation as values: table rows, plot points, sheet strips."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from colorworker.evaluation.breakdown import (
    COLOR_COLUMNS,
    KIND_COLUMNS,
    ColorRow,
    Columns,
    KindRow,
    cells,
    markdown_table,
)

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Row:
    """Scores of one candidate over all pictures, equally weighted."""

    name: str
    colorfulness: float
    """Hasler-Suesstrunk colorfulness, signed; mean over pictures."""
    colorfulness_absolute: float
    colorfulness_distance: float
    """|mean - the truth's mean|, signed variant."""
    ab_rmse: float
    """Root mean square error of a* and b*, with the mean taken over pictures."""
    ciede2000: float
    """Mean over pictures; all candidates get the true lightness."""
    ciede2000_error: float
    """Standard error of that mean."""
    psnr: float
    """dB, RGB, mean over pictures."""
    ssim: float
    """RGB, mean over pictures."""
    lite_frechet: float | None = None
    """Frechet distance on the packaged encoder's features; NOT an FID."""
    fid: float | None = None
    """The standard FID, if Inception weights were given."""
    blotches: float | None = None
    """Blotch index: unevenness of color in areas that are even in truth."""
    seconds_per_picture: float | None = None
    """Seconds of prediction alone, on the machine named beside the table."""
    sha256: str = ""
    note: str = ""


@dataclass(frozen=True)
class Point:
    """One setting of a sweep."""

    setting: float
    """Vividness, or the number of hints."""
    ciede2000: float
    psnr: float
    colorfulness: float


@dataclass(frozen=True)
class Sweep:
    """One candidate at several settings, measured on the same subset of pictures."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Evaluation:
    """All results for one data set of pictures."""

    truth: str
    """Location of the pictures."""
    pictures: int
    """Number of measured pictures."""
    truth_colorfulness: float
    """Signed colorfulness of the truth, mean over pictures."""
    truth_colorfulness_absolute: float
    nearly_gray: int
    """Number of pictures with a colorfulness below 5, which cannot judge colors."""
    rows: tuple[Row, ...]
    broken: tuple[tuple[str, str], ...] = ()
    """Key and reason of each picture that could not be measured."""
    sweep_pictures: int = 0
    vividness: tuple[Sweep, ...] = ()
    hints: tuple[Sweep, ...] = ()
    each: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """CIEDE2000 of every measured picture for each row, in the order of `keys`."""
    keys: tuple[str, ...] = ()
    colors: tuple[ColorRow, ...] = ()
    """Rows by true color, all candidates of a color together."""
    kinds: tuple[KindRow, ...] = ()
    """Rows by kind of picture, all candidates of a kind together."""


@dataclass(frozen=True)
class FilmScores:
    """Scores of one colorization of a film; None where a score is not available."""

    frames: int
    colorfulness: float
    """Hasler-Suesstrunk colorfulness, signed; mean over frames."""
    colorfulness_absolute: float
    ab_rmse: float | None
    """Against the true chroma, if known."""
    cdc: float | None
    """Color distribution consistency of R, G and B, as the TCVC code defines it."""
    cdc_ab: float | None
    """The same for a* and b*, which ignores exposure."""
    warp_error: float | None
    """Mean squared change of RGB in [0, 1] along the motion, over pixels visible in both frames."""
    flicker: float | None
    """Root mean square change of (a*, b*) along the motion; mean over frames."""
    visible: float | None
    """Share of pixels on which warp_error and flicker are measured."""


@dataclass(frozen=True)
class FilmRow:
    """One line of the table of films."""

    film: str
    coloring: str
    """`truth`, `gray` or `colored`."""
    scores: FilmScores


@dataclass(frozen=True)
class Strip:
    """One picture in all its versions, for a sample sheet."""

    key: str
    cells: tuple[tuple[str, Codes], ...]
    """(label, sRGB codes) of the truth, of gray, then of every model."""


COLUMNS: Columns = (
    ("CF signed", "colorfulness", ".1f"),
    ("CF absolute", "colorfulness_absolute", ".1f"),
    ("CF distance", "colorfulness_distance", ".1f"),
    ("ab-RMSE", "ab_rmse", ".2f"),
    ("CIEDE2000", "ciede2000", ".2f"),
    ("PSNR", "psnr", ".2f"),
    ("SSIM", "ssim", ".3f"),
    ("blotches", "blotches", ".2f"),
    ("Lite0 Fréchet", "lite_frechet", ".1f"),
    ("FID", "fid", ".2f"),
)


FILM_COLUMNS: Columns = (
    ("frames", "frames", "d"),
    ("CF signed", "colorfulness", ".1f"),
    ("CF absolute", "colorfulness_absolute", ".1f"),
    ("ab-RMSE", "ab_rmse", ".2f"),
    ("CDC", "cdc", ".6f"),
    ("CDC of ab", "cdc_ab", ".6f"),
    ("warp error", "warp_error", ".6f"),
    ("flicker of ab", "flicker", ".2f"),
)


def film_cells(row: FilmRow) -> list[str]:
    """Return a film's numbers as text, in the order of FILM_COLUMNS."""
    return cells(row.scores, FILM_COLUMNS)


def columns(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Return the columns for which at least one row has a number."""
    return [
        column for column in COLUMNS if any(getattr(row, column[1]) is not None for row in rows)
    ]


def markdown(evaluation: Evaluation) -> str:
    """Return all tables of pictures as Markdown, in the form of the model card."""
    shown = columns(evaluation.rows)
    head = ["", *(heading for heading, _, _ in shown)]
    truth = ["truth", f"{evaluation.truth_colorfulness:.1f}"]
    truth.append(f"{evaluation.truth_colorfulness_absolute:.1f}")
    truth += [""] * (len(head) - len(truth))
    rows = [truth, *([row.name, *cells(row, shown)] for row in evaluation.rows)]
    tables = [markdown_table(head, rows)]
    for part in breakdowns(evaluation):
        head = [part.title, "", *part.headings]
        tables.append(markdown_table(head, part.rows))
    return "\n".join(tables)


@dataclass(frozen=True)
class Breakdown:
    """A table of scores by kind or by true color, as text."""

    title: str
    headings: list[str]
    """Headings of the columns after the first two, which are group and candidate."""
    rows: list[list[str]]
    """Group, candidate, then the numbers."""


def breakdowns(evaluation: Evaluation) -> list[Breakdown]:
    """Return the tables by kind and by true color; a table without rows is left out."""
    found = []
    for title, group, rows, shown in (
        ("kind", "kind", evaluation.kinds, KIND_COLUMNS),
        ("true color", "color", evaluation.colors, COLOR_COLUMNS),
    ):
        text = [[getattr(row, group), row.name, *cells(row, shown)] for row in rows]
        if text:
            found.append(Breakdown(title, [heading for heading, _, _ in shown], text))
    return found


def mean(values: Sequence[float]) -> float:
    """Return the mean; exact summation makes it independent of how work was split."""
    return math.fsum(values) / len(values)


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean; 0 for a single value."""
    if len(values) < 2:
        return 0.0
    center = mean(values)
    variance = math.fsum((value - center) ** 2 for value in values) / (len(values) - 1)
    return math.sqrt(variance / len(values))
