"""Sample sheets: best, median and worst pictures, each as truth, gray and from every model."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from colorworker.color.resize import downscale_by_area
from colorworker.evaluation.candidates import Candidate, ConstantColor
from colorworker.evaluation.passes import Survey, color
from colorworker.evaluation.pictures import Pictures, Truth
from colorworker.evaluation.table import Codes, Strip

CELL_SIDE = 192
"""Longest side of a picture on a sheet, in pixels."""


def choose(
    ordinals: Sequence[int], differences: Sequence[float], count: int
) -> dict[str, list[int]]:
    """Return the ordinals of the best, the median and the worst pictures, best first in each.

    Args:
        ordinals: Ordinals of the measured pictures.
        differences: CIEDE2000 of each, which ranks them; ties are broken by ordinal.
        count: Number of pictures in each group; fewer if there are not enough.
    """
    ranked = [ordinal for _, ordinal in sorted(zip(differences, ordinals, strict=True))]
    count = min(count, max(1, len(ranked) // 3))
    middle = max(0, (len(ranked) - count) // 2)
    chosen = {"best": ranked[:count], "median": ranked[middle : middle + count]}
    chosen["worst"] = ranked[-count:]
    return chosen


def strips(
    pictures: Pictures,
    seen: Survey,
    candidates: Sequence[Candidate],
    differences: Mapping[str, Sequence[float]],
    wanted: Sequence[int],
) -> Iterator[Strip]:
    """Yield a strip for every wanted ordinal, in that order; reads the data set once.

    Args:
        pictures: The data set.
        seen: Results of the first pass.
        candidates: Models to show beside truth and gray.
        differences: CIEDE2000 by row, in the order of the survey's keys.
        wanted: Ordinals of the pictures to show.
    """
    places = {ordinal: place for place, ordinal in enumerate(seen.keys)}
    chosen = set(wanted)
    found = {
        truth.ordinal: _strip(truth, candidates, differences, places[truth.ordinal])
        for truth in pictures.read(chosen.__contains__)
        if isinstance(truth, Truth)
    }
    yield from (found[ordinal] for ordinal in wanted if ordinal in found)


def _strip(
    truth: Truth,
    candidates: Sequence[Candidate],
    differences: Mapping[str, Sequence[float]],
    place: int,
) -> Strip:
    gray = Candidate("gray", ConstantColor())
    cells = [("truth", _small(truth.rgb)), ("gray", _small(color(gray, [truth])[0].rgb))]
    for candidate in candidates:
        label = f"{candidate.name}: {differences[candidate.name][place]:.1f}"
        cells.append((label, _small(color(candidate, [truth])[0].rgb)))
    return Strip(truth.key, tuple(cells))


def _small(rgb: Codes) -> Codes:
    height, width = rgb.shape[:2]
    scale = min(1.0, CELL_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return np.rint(downscale_by_area(rgb.astype(np.float32), *size)).astype(np.uint8)
