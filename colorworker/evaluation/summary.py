"""Sum up compared pictures: the table, and its breakdown by kind and by true color."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from colorworker.evaluation.blotches import Unevenness, blotch_index, chroma_factor
from colorworker.evaluation.breakdown import ColorRow, KindRow
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.colorgroups import GROUPS, Doubles, color_rows
from colorworker.evaluation.measures import Scores
from colorworker.evaluation.table import Row, mean, standard_error


@dataclass(frozen=True)
class TruePicture:
    """Facts about one true picture."""

    kind: str
    colorfulness: float
    """Signed."""
    unevenness: Unevenness


@dataclass(frozen=True)
class Comparison:
    """One candidate's coloring of one picture, compared with the truth."""

    scores: Scores
    unevenness: Unevenness
    colors: Doubles
    """From `colorgroups.tally`."""


@dataclass
class Candidacy:
    """Everything measured for one candidate, in the order of the pictures."""

    candidate: Candidate
    compared: list[Comparison] = field(default_factory=list)
    seconds: float = 0.0
    """Seconds of prediction."""
    distances: Mapping[str, float] = field(default_factory=dict)
    """Frechet distances by the field of `Row` they fill."""


@dataclass(frozen=True)
class Summary:
    """The tables of an evaluation."""

    rows: tuple[Row, ...]
    kinds: tuple[KindRow, ...]
    """Sorted by kind; empty if no picture is in a folder."""
    colors: tuple[ColorRow, ...]
    """In the order of `colorgroups.GROUPS`."""
    each: dict[str, list[float]]
    """CIEDE2000 of each picture, by candidate."""


def summarize(truths: Sequence[TruePicture], candidacies: Sequence[Candidacy]) -> Summary:
    """Return the tables; all pictures have equal weights.

    Args:
        truths: At least one picture.
        candidacies: One row each, with comparisons in the order of `truths`.
    """
    kinds: list[KindRow] = []
    colors: list[ColorRow] = []
    rows: list[Row] = []
    for each in candidacies:
        factor = _factor(truths, each.compared)
        rows.append(_row(each, truths, factor))
        kinds += _kind_rows(each, truths, factor)
        colors += color_rows(each.candidate.name, [one.colors for one in each.compared])
    return Summary(
        tuple(rows),
        tuple(sorted(kinds, key=lambda row: row.kind)),
        tuple(sorted(colors, key=lambda row: GROUPS.index(row.color))),
        {
            each.candidate.name: [one.scores.ciede2000 for one in each.compared]
            for each in candidacies
        },
    )


def _factor(truths: Sequence[TruePicture], compared: Sequence[Comparison]) -> float | None:
    return chroma_factor([c.unevenness for c in compared], [t.unevenness for t in truths])


def _row(each: Candidacy, truths: Sequence[TruePicture], factor: float | None) -> Row:
    scores = [one.scores for one in each.compared]
    signed = mean([score.colorfulness for score in scores])
    differences = [score.ciede2000 for score in scores]
    return Row(
        name=each.candidate.name,
        colorfulness=signed,
        colorfulness_absolute=mean([score.colorfulness_absolute for score in scores]),
        colorfulness_distance=abs(signed - mean([truth.colorfulness for truth in truths])),
        ab_rmse=mean([score.chroma_mse for score in scores]) ** 0.5,
        ciede2000=mean(differences),
        ciede2000_error=standard_error(differences),
        psnr=mean([score.psnr for score in scores]),
        ssim=mean([score.ssim for score in scores]),
        lite_frechet=each.distances.get("lite_frechet"),
        fid=each.distances.get("fid"),
        blotches=_blotches(each.compared, truths, factor),
        seconds_per_picture=each.seconds / len(scores) if each.candidate.sha256 else None,
        sha256=each.candidate.sha256,
        note=each.candidate.note,
    )


def _kind_rows(
    each: Candidacy, truths: Sequence[TruePicture], factor: float | None
) -> list[KindRow]:
    rows = []
    for kind in sorted({truth.kind for truth in truths} - {""}):
        places = [place for place, truth in enumerate(truths) if truth.kind == kind]
        chosen, true = [each.compared[place] for place in places], [truths[p] for p in places]
        scores = [one.scores for one in chosen]
        distance = mean([s.colorfulness for s in scores]) - mean([t.colorfulness for t in true])
        rows.append(
            KindRow(
                name=each.candidate.name,
                kind=kind,
                pictures=len(places),
                colorfulness_distance=abs(distance),
                ab_rmse=mean([score.chroma_mse for score in scores]) ** 0.5,
                ciede2000=mean([score.ciede2000 for score in scores]),
                blotches=_blotches(chosen, true, factor),
            )
        )
    return rows


def _blotches(
    compared: Sequence[Comparison], truths: Sequence[TruePicture], factor: float | None
) -> float | None:
    colored, true = [c.unevenness for c in compared], [t.unevenness for t in truths]
    return blotch_index(colored, true, factor)
