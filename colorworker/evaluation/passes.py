"""The passes over a data set in an evaluation: survey, table, points of the plots."""

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from colorworker.color.colorizerprotocol import KnownOfBatch
from colorworker.color.knowncolors import KnownColors
from colorworker.color.metrics import colorfulness, colorfulness_absolute
from colorworker.errors import UsageError
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.frechet import Features, Gathering, frechet_distance
from colorworker.evaluation.measures import Scores, Shown, compare, shown
from colorworker.evaluation.pictures import Broken, Pictures, Truth, batches
from colorworker.evaluation.table import Point, Row, mean, standard_error

BATCH = 8
NEARLY_GRAY = 5.0
"""A picture with a lower signed colorfulness cannot distinguish good color from none."""

Progress = Callable[[str, int, int], None]
"""Called with (name of the pass, pictures done, pictures in total)."""


@dataclass(frozen=True)
class Survey:
    """Results of the first pass."""

    keys: dict[int, str]
    """Keys of the measurable pictures by ordinal."""
    broken: tuple[tuple[str, str], ...]
    mean_chroma: tuple[float, float]
    colorfulness: float
    colorfulness_absolute: float
    nearly_gray: int


def survey(pictures: Pictures, name: str, progress: Progress) -> Survey:
    """Return counts and means of the pictures; reads each picture once.

    Raises:
        UsageError: If none of them can be measured.
    """
    keys: dict[int, str] = {}
    broken: list[tuple[str, str]] = []
    numbers: list[tuple[float, float, float, float]] = []
    for picture in pictures.read():
        progress("reading", len(keys) + len(broken), 0)
        if isinstance(picture, Broken):
            broken.append((picture.key, picture.error))
            continue
        keys[picture.ordinal] = picture.key
        a, b = picture.chroma.mean((0, 1), np.float64)
        signed, absolute = colorfulness(picture.rgb), colorfulness_absolute(picture.rgb)
        numbers.append((float(a), float(b), signed, absolute))
    if not keys:
        seen = f"none of the {len(broken)} pictures can be measured" if broken else "no pictures"
        first = f" (first: {broken[0][1]})" if broken else ""
        raise UsageError(
            name, f"{seen}{first}", "Give a folder or prefix of color pictures or tar shards"
        )
    means = [mean(column) for column in zip(*numbers, strict=True)]
    gray = sum(signed < NEARLY_GRAY for _, _, signed, _ in numbers)
    return Survey(keys, tuple(broken), (means[0], means[1]), means[2], means[3], gray)


def measure(
    pictures: Pictures,
    seen: Survey,
    candidates: Sequence[Candidate],
    extractors: Mapping[str, Features],
    progress: Progress,
) -> tuple[tuple[Row, ...], dict[str, list[float]]]:
    """Return the rows of the table and each row's CIEDE2000 per picture; reads each picture once.

    Args:
        pictures: The data set.
        seen: Results of the first pass.
        candidates: One row each.
        extractors: Feature extractors for Frechet distances, by the field of `Row` they fill.
        progress: Called after every batch.
    """
    scores: dict[str, list[Scores]] = {candidate.name: [] for candidate in candidates}
    seconds = dict.fromkeys(scores, 0.0)
    gathered = {
        field: {name: Gathering() for name in ("", *scores)} for field in extractors
    }  # "" is the truth
    done = 0
    for batch in batches(_truths(pictures, seen.keys.__contains__), BATCH):
        _gather(extractors, gathered, "", [truth.rgb for truth in batch])
        for candidate in candidates:
            start = time.perf_counter()
            colored = color(candidate, batch)
            seconds[candidate.name] += time.perf_counter() - start
            scores[candidate.name] += [_scores(*pair) for pair in zip(colored, batch, strict=True)]
            _gather(extractors, gathered, candidate.name, [each.rgb for each in colored])
        done += len(batch)
        progress("measuring", done, len(seen.keys))
    distances = {
        name: {
            field: frechet_distance(sets[name], sets[""])
            for field, sets in gathered.items()
            if sets[""].count > 1
        }
        for name in scores
    }
    rows = tuple(
        _row(each, scores[each.name], seen, seconds[each.name], distances[each.name])
        for each in candidates
    )
    return rows, {name: [score.ciede2000 for score in found] for name, found in scores.items()}


def color(
    candidate: Candidate, batch: Sequence[Truth], known: KnownOfBatch | None = None
) -> list[Shown]:
    """Return pictures of one shape, colorized by the candidate from their lightness."""
    predicted = candidate.colorizer.predict(np.stack([t.lightness for t in batch]), known)
    return [shown(truth.lightness, ab) for truth, ab in zip(batch, predicted, strict=True)]


def point(
    pictures: Pictures,
    chosen: frozenset[int],
    candidate: Candidate,
    setting: float,
    *,
    hint_count: int = 0,
    seed: int = 0,
) -> Point:
    """Return the candidate's scores at one setting, over the chosen pictures.

    Args:
        pictures: The data set.
        chosen: Ordinals of the pictures to use.
        candidate: The candidate at this setting; hints are added here.
        setting: Position of the point on the plot's x axis.
        hint_count: Number of pixels per picture whose true color is given as a hint.
        seed: Seed for choosing them; smaller counts are subsets of larger ones.
    """
    found: list[Scores] = []
    for batch in batches(_truths(pictures, chosen.__contains__), BATCH):
        known = [[point_hints(t, hint_count, seed)] for t in batch] if hint_count else None
        colored = color(candidate, batch, known)
        found += [_scores(*pair) for pair in zip(colored, batch, strict=True)]
    return Point(
        setting,
        mean([score.ciede2000 for score in found]),
        mean([score.psnr for score in found]),
        mean([score.colorfulness for score in found]),
    )


def point_hints(truth: Truth, count: int, seed: int) -> KnownColors:
    """Return the true color at `count` random pixels as known colors.

    The pixels depend on the picture's key and the seed only.
    """
    height, width = truth.lightness.shape
    generator = np.random.default_rng([seed, zlib.crc32(truth.key.encode())])
    places = generator.permutation(height * width)[:count]
    weight = np.zeros(height * width, np.float32)
    weight[places] = 1
    return KnownColors(truth.chroma, weight.reshape(height, width), "hint")


def spread_choice(ordinals: Sequence[int], count: int) -> frozenset[int]:
    """Return `count` evenly spaced ordinals, or all of them if there are fewer."""
    if count >= len(ordinals):
        return frozenset(ordinals)
    return frozenset(ordinals[i * len(ordinals) // count] for i in range(count))


def _truths(pictures: Pictures, wanted: Callable[[int], bool]) -> Iterator[Truth]:
    return (each for each in pictures.read(wanted) if isinstance(each, Truth))


def _scores(colored: Shown, truth: Truth) -> Scores:
    return compare(colored, truth.lightness, truth.chroma, truth.rgb)


def _gather(
    extractors: Mapping[str, Features],
    gathered: Mapping[str, Mapping[str, Gathering]],
    name: str,
    pictures: Sequence[np.ndarray],
) -> None:
    for field, extract in extractors.items():
        gathered[field][name].add(extract(np.stack(pictures)))


def _row(
    candidate: Candidate,
    scores: Sequence[Scores],
    seen: Survey,
    seconds: float,
    distances: Mapping[str, float],
) -> Row:
    signed = mean([score.colorfulness for score in scores])
    differences = [score.ciede2000 for score in scores]
    return Row(
        name=candidate.name,
        colorfulness=signed,
        colorfulness_absolute=mean([score.colorfulness_absolute for score in scores]),
        colorfulness_distance=abs(signed - seen.colorfulness),
        ab_rmse=mean([score.chroma_mse for score in scores]) ** 0.5,
        ciede2000=mean(differences),
        ciede2000_error=standard_error(differences),
        psnr=mean([score.psnr for score in scores]),
        ssim=mean([score.ssim for score in scores]),
        lite_frechet=distances.get("lite_frechet"),
        fid=distances.get("fid"),
        seconds_per_picture=seconds / len(scores) if candidate.sha256 else None,
        sha256=candidate.sha256,
        note=candidate.note,
    )
