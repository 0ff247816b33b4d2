"""One evaluation: pictures and films are measured, then the page and its parts are written.

The command line and the Python API call `run_evaluation`. It prints nothing.
"""

import os
import platform
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from colorworker.errors import ItemError, UsageError
from colorworker.evaluation.evaluator import EvaluationScope, Result, evaluate
from colorworker.evaluation.filmpairs import film_rows
from colorworker.evaluation.pictures import Pictures
from colorworker.evaluation.table import Evaluation, FilmRow, markdown
from colorworker.report.evaluationpage import EvaluationFacts, evaluation_html, evaluation_json
from colorworker.report.qualityplots import comparison_sheet, hints_plot, vividness_plot
from colorworker.settings import Settings
from colorworker.state import now
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import S3_SCHEME, open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.picturesets import find_shards
from colorworker.store.sources import Source, parse_source

PAGE = "evaluation.html"
_WORDS = {"best": "Smallest", "median": "Middle", "worst": "Largest"}

Tell = Callable[[str, int, int], None]
"""Takes the name of the current step, the number done, and the total (0: unknown)."""


@dataclass(frozen=True)
class EvaluationRequest:
    """Pictures, films and models to measure."""

    truth: str | None
    """Folder, prefix, glob or tar shards of color pictures; None measures films only."""
    output: str
    models: tuple[str, ...]
    vividness: tuple[float, ...]
    size: int | None = None
    """Short side of the models' input in pixels; None for that of each model."""
    films: tuple[str, ...] = ()
    """Colored films."""
    sources: tuple[str, ...] = ()
    """The source of each film. A source in color is the truth; a gray one is only a reference."""
    limit: int | None = None
    """Maximum number of pictures, and of frames per film."""
    plot_pictures: int = 48
    seed: int = 0
    inception: str | None = None
    model_profile: str = ""
    """Conventions of other projects' networks; empty for those of the settings or detected ones."""
    blend: float | None = None
    """Share of the first of two models in a blend, which is measured beside them."""


@dataclass(frozen=True)
class EvaluationEnd:
    """Results of an evaluation."""

    evaluation: Evaluation | None
    """Results for pictures; None if only films were measured."""
    films: tuple[FilmRow, ...]
    failures: tuple[str, ...]
    """Why films could not be measured."""
    page: str
    """Path or URI of the page."""


def run_evaluation(
    request: EvaluationRequest,
    settings: Settings,
    tell: Tell = lambda _what, _done, _total: None,
) -> EvaluationEnd:
    """Measure the requested pictures and films, write the page and its parts, return the tables.

    Args:
        request: What to measure.
        settings: Settings of this process.
        tell: Called with the progress.

    Raises:
        UsageError: If it cannot start: bad paths, bad weights, nothing to measure.
        StoreUnavailable: If a store cannot be reached.
    """
    if request.truth is None and not request.films:
        raise UsageError("evaluate", "there is nothing to measure", "Give TRUTH, or --film FILM")
    if len(request.films) != len(request.sources):
        seen = f"{len(request.films)} films and {len(request.sources)} sources"
        raise UsageError("evaluate", seen, "Give one --against FILM for every --film FILM")
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    started_at, start = now(), time.monotonic()
    films, failures = _films(request, stores, tell)
    result = _pictures(request, settings, stores, tell) if request.truth else None
    options = settings.options()
    facts = EvaluationFacts(
        started_at,
        round(time.monotonic() - start, 1),
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        {
            "model size": str(request.size or "its own"),
            "temperature": str(options.temperature),
            "precision": options.precision,
            "seed": str(request.seed),
        },
    )
    page = _write(request, stores, facts, result, films, failures)
    evaluation = result.evaluation if result else None
    return EvaluationEnd(evaluation, tuple(films), tuple(failures), page)


def _pictures(
    request: EvaluationRequest, settings: Settings, stores: StoreOptions, tell: Tell
) -> Result:
    truth = request.truth or ""
    opened = partial(open_store, options=stores)
    source = parse_source(truth, opened)
    with closing(opened(source.root)) as store:
        shards = find_shards(store, source)
        if not shards:
            raise UsageError(
                truth,
                "contains no pictures and no tar shards",
                "Give a folder or prefix of color pictures or tar shards",
            )
        # TensorFlow is imported only once there is something to measure.
        from colorworker.evaluation.models import extractors, models_of

        models, vivid = models_of(
            request.models,
            request.vividness,
            request.size,
            settings.options(),
            stores,
            request.model_profile or settings.model.profile,
            request.blend,
        )
        return evaluate(
            truth,
            Pictures(store, shards, max_pixels=settings.media.max_pixels, limit=request.limit),
            models,
            extractors(request.inception),
            EvaluationScope(sweep_pictures=request.plot_pictures, seed=request.seed),
            vivid=vivid,
            progress=tell,
        )


def _films(
    request: EvaluationRequest, stores: StoreOptions, tell: Tell
) -> tuple[list[FilmRow], list[str]]:
    """Return the rows of all films, and why the others could not be measured."""
    opened = partial(open_store, options=stores)
    rows: list[FilmRow] = []
    failures: list[str] = []
    for film, against in zip(request.films, request.sources, strict=True):
        ours, theirs = _single(film, opened), _single(against, opened)
        with closing(opened(ours.root)) as one, closing(opened(theirs.root)) as other:
            try:
                with one.open(ours.key) as colored, other.open(theirs.key) as true:
                    rows += film_rows(
                        film,
                        colored,
                        against,
                        true,
                        limit=request.limit,
                        progress=lambda frames: tell("films: frame", frames, 0),
                    )
            except ItemError as error:
                failures.append(str(error))
    if failures and not rows and request.truth is None:
        raise UsageError("evaluate", f"no film could be measured ({failures[0]})")
    return rows, failures


def _single(text: str, opened: Callable[[str], ObjectStore]) -> Source:
    source = parse_source(text, opened)
    if not source.key:
        raise UsageError(text, "is not a single file", "Give one film")
    return source


def _write(
    request: EvaluationRequest,
    stores: StoreOptions,
    facts: EvaluationFacts,
    result: Result | None,
    films: list[FilmRow],
    failures: list[str],
) -> str:
    """Write all files and return the path or URI of the page."""
    evaluation = result.evaluation if result else None
    figures = _figures(result) if result else {}
    with closing(open_store(request.output, stores)) as store:
        for name, data in figures.items():
            store.put(name, data)
        store.put("evaluation.json", evaluation_json(facts, evaluation, films, failures))
        if evaluation:
            store.put("table.md", markdown(evaluation).encode())
        store.put(PAGE, evaluation_html(facts, evaluation, films, failures, figures))
    remote = request.output.startswith(S3_SCHEME)
    folder = request.output.rstrip("/") if remote else str(Path(request.output))
    return f"{folder}/{PAGE}"


def _figures(result: Result) -> dict[str, bytes]:
    """Return the plots and sheets by file name."""
    figures: dict[str, bytes] = {}
    if result.evaluation.vividness:
        figures["vividness.svg"] = vividness_plot(result.evaluation)
    if result.evaluation.hints:
        figures["hints.svg"] = hints_plot(result.evaluation)
    for name, strips in result.sheets.items():
        title = f"{_WORDS[name]} CIEDE2000, which is the number over each"
        figures[f"sheet-{name}.jpg"] = comparison_sheet(title, strips)
    return figures
