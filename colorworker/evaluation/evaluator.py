"""Evaluate models on a set of pictures: table, sweeps and sample sheets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from colorworker.evaluation.candidates import Candidate, baselines
from colorworker.evaluation.frechet import Features
from colorworker.evaluation.passes import Progress, measure, point, spread_choice, survey
from colorworker.evaluation.pictures import Pictures
from colorworker.evaluation.samplesheets import choose, strips
from colorworker.evaluation.table import Evaluation, Strip, Sweep

VIVIDNESS = (0.0, 0.25, 0.5, 0.8, 1.0, 1.25, 1.5)
HINT_COUNTS = (0, 1, 3, 10, 30, 100, 300)

Vivid = Callable[[float], Candidate]
"""Returns a model at the given vividness."""


@dataclass(frozen=True)
class EvaluationScope:
    """The amount to measure."""

    sweep_pictures: int = 48
    """Number of pictures behind the two plots. 0: no plots."""
    strips: int = 5
    """Number of pictures on each of the three sheets. 0: no sheets."""
    seed: int = 0


@dataclass(frozen=True)
class Result:
    """The numbers of an evaluation, and pictures to look at."""

    evaluation: Evaluation
    sheets: Mapping[str, tuple[Strip, ...]]
    """Strips of the `best`, `median` and `worst` pictures by the first model's CIEDE2000."""


def evaluate(
    truth: str,
    pictures: Pictures,
    models: Sequence[Candidate],
    extractors: Mapping[str, Features],
    scope: EvaluationScope,
    *,
    vivid: Mapping[str, Vivid],
    progress: Progress,
) -> Result:
    """Measure the models on the pictures, with gray and the constant mean as baselines.

    Args:
        truth: Name of the data set, for display.
        pictures: The data set.
        models: One row each; the first one determines the sheets.
        extractors: See `passes.measure`.
        scope: The amount to measure.
        vivid: For each row that gets a vividness sweep, a function that sets the vividness.
        progress: Called after every batch of pictures.

    Raises:
        UsageError: If no picture can be measured.
        StoreUnavailable: If the store cannot be reached.
    """
    seen = survey(pictures, truth, progress)
    candidates = [*baselines(*seen.mean_chroma), *models]
    summary = measure(pictures, seen, candidates, extractors, progress)
    ordinals = list(seen.keys)
    few = spread_choice(ordinals, scope.sweep_pictures)
    vividness, hints = _sweeps(pictures, few, models, vivid, scope.seed, progress)
    evaluation = Evaluation(
        truth=truth,
        pictures=len(ordinals),
        truth_colorfulness=seen.colorfulness,
        truth_colorfulness_absolute=seen.colorfulness_absolute,
        nearly_gray=seen.nearly_gray,
        rows=summary.rows,
        broken=seen.broken,
        sweep_pictures=len(few),
        vividness=vividness,
        hints=hints,
        each=summary.each,
        keys=tuple(seen.keys.values()),
        colors=summary.colors,
        kinds=summary.kinds,
    )
    sheets: dict[str, tuple[Strip, ...]] = {}
    if models and scope.strips:
        chosen = choose(ordinals, summary.each[models[0].name], scope.strips)
        flat = [ordinal for group in chosen.values() for ordinal in group]
        drawn = list(strips(pictures, seen, models, summary.each, flat))
        by_ordinal = dict(zip(flat, drawn, strict=True))
        sheets = {name: tuple(by_ordinal[o] for o in group) for name, group in chosen.items()}
    return Result(evaluation, sheets)


def _sweeps(
    pictures: Pictures,
    few: frozenset[int],
    models: Sequence[Candidate],
    vivid: Mapping[str, Vivid],
    seed: int,
    progress: Progress,
) -> tuple[tuple[Sweep, ...], tuple[Sweep, ...]]:
    """Return the sweeps over vividness and over the number of hints."""
    if not few:
        return (), ()
    total = len(few) * (len(VIVIDNESS) * len(vivid) + len(HINT_COUNTS) * len(models))
    done = 0

    def tick() -> None:
        nonlocal done
        progress("sweeping", done, total)
        done += len(few)

    by_vividness, by_hints = [], []
    for name, at in vivid.items():
        points = []
        for setting in VIVIDNESS:
            tick()
            points.append(point(pictures, few, at(setting), setting))
        by_vividness.append(Sweep(name, tuple(points)))
    for model in models:
        points = []
        for count in HINT_COUNTS:
            tick()
            points.append(point(pictures, few, model, count, hint_count=count, seed=seed))
        by_hints.append(Sweep(model.name, tuple(points)))
    progress("sweeping", total, total)
    return tuple(by_vividness), tuple(by_hints)
