"""An evaluation as JSON for programs and as one self-contained HTML page for people."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.evaluation.breakdown import cells
from colorworker.evaluation.table import (
    FILM_COLUMNS,
    Evaluation,
    FilmRow,
    breakdowns,
    columns,
    film_cells,
)
from colorworker.report.text import count, date_and_time, duration, visible


@dataclass(frozen=True)
class EvaluationFacts:
    """Facts about the evaluation run."""

    started_at: str
    """UTC, ISO 8601."""
    wall_seconds: float
    machine: str
    settings: Mapping[str, str]


def evaluation_json(
    facts: EvaluationFacts,
    evaluation: Evaluation | None,
    films: Sequence[FilmRow],
    failures: Sequence[str],
) -> bytes:
    """Return all results except images as UTF-8 JSON.

    Raises:
        ValueError: If a number is not finite.
    """
    document = {
        "schema": 1,
        "colorworker": __version__,
        "run": asdict(facts),
        "pictures": asdict(evaluation) if evaluation else None,
        "films": [asdict(film) for film in films],
        "films_not_measured": list(failures),
    }
    return (json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def evaluation_html(
    facts: EvaluationFacts,
    evaluation: Evaluation | None,
    films: Sequence[FilmRow],
    failures: Sequence[str],
    figures: Mapping[str, bytes],
) -> bytes:
    """Return the page.

    Args:
        facts: Facts about the run.
        evaluation: Results of pictures; None if there were none.
        films: Results of films.
        failures: Error messages of films that could not be measured.
        figures: SVG and JPEG images by file name; the stem becomes the alternative text.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "visible": visible,
        "count": count,
        "duration": duration,
        "date_and_time": date_and_time,
        "picture": _data_uri,
    }
    source = resources.files("colorworker.report").joinpath("evaluation.html.jinja")
    shown = columns(evaluation.rows) if evaluation else []
    page = environment.from_string(source.read_text("utf-8")).render(
        facts=facts,
        evaluation=evaluation,
        headings=[heading for heading, _, _ in shown],
        rows=[(row, cells(row, shown)) for row in evaluation.rows] if evaluation else [],
        breakdowns=breakdowns(evaluation) if evaluation else [],
        film_headings=[heading for heading, _, _ in FILM_COLUMNS],
        films=[(film, film_cells(film)) for film in films],
        failures=failures,
        figures=figures,
        version=__version__,
    )
    return page.encode()


def _data_uri(item: tuple[str, bytes]) -> str:
    name, data = item
    kind = "svg+xml" if name.endswith(".svg") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
