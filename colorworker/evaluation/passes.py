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
from colorworker.evaluation.blotches import EvenRegions, even_regions, unevenness
from colorworker.evaluation.candidates import Candidate
from colorworker.evaluation.colorgroups import ColorGroups, color_groups, tally
from colorworker.evaluation.frechet import Features, Gathering, frechet_distance
from colorworker.evaluation.measures import Scores, Shown, compare, differences, shown
from colorworker.evaluation.pictures import Broken, Pictures, Truth, batches
from colorworker.evaluation.summary import Candidacy, Comparison, Summary, TruePicture, summarize
from colorworker.evaluation.table import Point, mean

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
    kinds: dict[int, str]
    """Kinds of the same pictures; empty text for pictures in no folder."""
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
    kinds: dict[int, str] = {}
    broken: list[tuple[str, str]] = []
    numbers: list[tuple[float, float, float, float]] = []
    for picture in pictures.read():
        progress("reading", len(keys) + len(broken), 0)
        if isinstance(picture, Broken):
            broken.append((picture.key, picture.error))
            continue
        keys[picture.ordinal], kinds[picture.ordinal] = picture.key, picture.kind
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
    return Survey(keys, kinds, tuple(broken), (means[0], means[1]), means[2], means[3], gray)


def measure(
    pictures: Pictures,
    seen: Survey,
    candidates: Sequence[Candidate],
    extractors: Mapping[str, Features],
    progress: Progress,
) -> Summary:
    """Return the tables and each row's CIEDE2000 per picture; reads each picture once.

    Args:
        pictures: The data set.
        seen: Results of the first pass.
        candidates: One row each.
        extractors: Feature extractors for Frechet distances, by the field of `Row` they fill.
        progress: Called after every batch.
    """
    truths: list[TruePicture] = []
    found = [Candidacy(candidate) for candidate in candidates]
    gathered = {
        field: {name: Gathering() for name in ("", *(each.name for each in candidates))}
        for field in extractors
    }  # "" is the truth
    for batch in batches(_truths(pictures, seen.keys.__contains__), BATCH):
        areas = [_areas(truth) for truth in batch]
        truths += [_true_picture(*each) for each in zip(batch, areas, strict=True)]
        _gather(extractors, gathered, "", [truth.rgb for truth in batch])
        for each in found:
            start = time.perf_counter()
            colored = color(each.candidate, batch)
            each.seconds += time.perf_counter() - start
            each.compared += [_compared(*c) for c in zip(colored, batch, areas, strict=True)]
            _gather(extractors, gathered, each.candidate.name, [shown.rgb for shown in colored])
        progress("measuring", len(truths), len(seen.keys))
    for each in found:
        each.distances = {
            field: frechet_distance(sets[each.candidate.name], sets[""])
            for field, sets in gathered.items()
            if sets[""].count > 1
        }
    return summarize(truths, found)


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


def _areas(truth: Truth) -> tuple[EvenRegions, ColorGroups]:
    return (
        even_regions(truth.lightness, truth.chroma),
        color_groups(truth.lightness, truth.chroma, truth.rgb),
    )


def _true_picture(truth: Truth, areas: tuple[EvenRegions, ColorGroups]) -> TruePicture:
    return TruePicture(truth.kind, colorfulness(truth.rgb), unevenness(areas[0], truth.chroma))


def _compared(colored: Shown, truth: Truth, areas: tuple[EvenRegions, ColorGroups]) -> Comparison:
    regions, groups = areas
    difference = differences(colored, truth.lightness, truth.chroma)
    return Comparison(
        compare(colored, truth.chroma, truth.rgb, difference),
        unevenness(regions, colored.chroma),
        tally(groups, colored.chroma, difference),
    )


def _scores(colored: Shown, truth: Truth) -> Scores:
    difference = differences(colored, truth.lightness, truth.chroma)
    return compare(colored, truth.chroma, truth.rgb, difference)


def _gather(
    extractors: Mapping[str, Features],
    gathered: Mapping[str, Mapping[str, Gathering]],
    name: str,
    pictures: Sequence[np.ndarray],
) -> None:
    for field, extract in extractors.items():
        gathered[field][name].add(extract(np.stack(pictures)))
