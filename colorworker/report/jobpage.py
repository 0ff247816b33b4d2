"""A job's report as one HTML file that needs nothing else: no script, no request."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from typing import TypeVar
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.domain.comparison import Comparison
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.shots import ShotSheet, timecode
from colorworker.report.itemlines import SHEET_COLUMNS, ItemLine, Totals, totals_of
from colorworker.report.itemtext import own_options_text, stream_rows, streams_summary
from colorworker.report.pagethumbnails import ReadThumbnail, data_uri
from colorworker.report.text import count, date_and_time, duration, size, visible

T = TypeVar("T")

MAX_SHOWN = 500
"""Items on the page besides the failures; with their pictures, some 10 MB."""
MAX_FAILED = 1000
"""Failures on the page; of more of them, numbers by error code say more than a list."""
MAX_PICTURES = 1000
"""Before/after pictures on the page: a film has several."""
MAX_SHOTS = 5000
"""Shots on the page, of all its films."""
MAX_STREAMS = 5000
"""Streams on the page, of all its films: a source can have as many as it likes."""
MAX_SHEET_BYTES = 16 << 20
"""Of all sheets with the pictures of shots; a feature film's has 2 to 4 MB."""
OUTPUTS_AT = "../../../../"
"""From `.colorworker/jobs/<job_id>/report/` to the folder that the output keys count from."""
_PHASES = ("read", "decode", "predict", "color", "encode", "verify", "assemble", "write")


@dataclass(frozen=True)
class JobFacts:
    """What the head of the page says about a job."""

    job_id: str
    sources: tuple[str, ...]
    destination: str
    executor: str
    options: Options
    model: ModelRef
    started_at: str
    """UTC, ISO 8601."""
    wall_seconds: float
    interrupted: bool = False
    """Stopped before its end: what is not listed has not been begun or not been finished."""
    settings: Mapping[str, str] | None = None
    """More settings to show, by name."""
    comparison: Comparison | None = None
    """What was expected of what this run has worked on; None where nothing was."""


@dataclass(frozen=True)
class PageContent:
    """What of a job comes on its page."""

    totals: Totals
    failed: tuple[ItemLine, ...]
    colored: tuple[ItemLine, ...]
    skipped: tuple[ItemLine, ...]
    failures: Mapping[str, int]
    """How many items failed by each error code, most first."""
    hidden_shots: int = 0
    """Shots of the films shown that only report.jsonl names."""
    hidden_streams: int = 0
    """The same of their streams."""

    @property
    def hidden_count(self) -> int:
        """Items that only report.jsonl names."""
        seen = len(self.failed) + len(self.colored) + len(self.skipped)
        return self.totals.items - seen


@dataclass
class _Room:
    """How many of something still fit; a list is there whole or not, so that its length is true."""

    left: int
    hidden: int = 0

    def fitting(self, values: tuple[T, ...]) -> tuple[T, ...]:
        if len(values) > self.left:
            self.hidden += len(values)
            return ()
        self.left -= len(values)
        return values


def page_content(
    lines: Iterable[ItemLine], limit: int = MAX_SHOWN, failed: int = MAX_FAILED
) -> PageContent:
    """Return what comes on the page, from any number of lines, which are seen once.

    Args:
        lines: Every item, in the order to be shown.
        limit: Items that did not fail: the first of them, colored ones before skipped.
        failed: Failures: the first of them.
    """
    limits = {"failed": failed, "succeeded": limit, "skipped": limit}
    kept: dict[str, list[ItemLine]] = {outcome: [] for outcome in limits}
    codes: Counter[str] = Counter()
    shots, streams = _Room(MAX_SHOTS), _Room(MAX_STREAMS)

    def sorting() -> Iterator[ItemLine]:
        for line in lines:
            if len(kept[line.outcome]) < limits[line.outcome]:
                kept[line.outcome].append(
                    replace(
                        line,
                        shots=shots.fitting(line.shots),
                        streams=streams.fitting(line.streams),
                    )
                )
            if line.outcome == "failed":
                codes[line.error_code] += 1
            yield line

    totals = totals_of(sorting())
    colored = kept["succeeded"]
    room = limit - len(colored)
    return PageContent(
        totals,
        tuple(kept["failed"]),
        tuple(colored),
        tuple(kept["skipped"][:room]),
        dict(codes.most_common()),
        shots.hidden,
        streams.hidden,
    )


def render(facts: JobFacts, lines: Iterable[ItemLine], thumbnails: ReadThumbnail) -> str:
    """Return the page.

    Args:
        facts: About the job as a whole.
        lines: Every item, in the order to be shown; seen once.
        thumbnails: Reads a before/after picture by its key.

    Returns:
        HTML that encodes as UTF-8 whatever the items' names hold.
    """
    shown = page_content(lines)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "visible": visible,
        "duration": duration,
        "count": count,
        "size": size,
        "date_and_time": date_and_time,
        "reason": lambda line: line.error.removeprefix(f"{line.key}: "),
        "href": lambda key: OUTPUTS_AT + quote(key.encode("utf-8", "surrogateescape")),
        "picture": _pictures(thumbnails),
        "sheet": _sheets(thumbnails),
        "timecode": timecode,
        "cell": cell_style,
        "own_options_text": own_options_text,
        "streams_summary": streams_summary,
        "stream_rows": stream_rows,
    }
    source = resources.files("colorworker.report").joinpath("page.html.jinja").read_text("utf-8")
    return environment.from_string(source).render(
        facts=facts,
        options=asdict(facts.options),
        shown=shown,
        totals=shown.totals,
        phases=phase_shares(shown.totals.seconds),
        version=__version__,
    )


def _pictures(thumbnails: ReadThumbnail) -> Callable[[str], str]:
    """Return what reads a picture as a data URI; empty after MAX_PICTURES of them."""
    left = MAX_PICTURES

    def picture(key: str) -> str:
        nonlocal left
        left -= 1
        return data_uri(thumbnails(key)) if left >= 0 else ""

    return picture


def _sheets(thumbnails: ReadThumbnail) -> Callable[[ShotSheet], str]:
    """Return what reads a sheet as a data URI; empty after MAX_SHEET_BYTES of them."""
    left = MAX_SHEET_BYTES

    def sheet(of: ShotSheet) -> str:
        nonlocal left
        uri = data_uri(thumbnails(of.key), left) if left > 0 else ""
        left -= len(uri) * 3 // 4
        return uri

    return sheet


def cell_style(sheet: ShotSheet, number: int) -> str:
    """Return where on its sheet the picture of a shot lies, as CSS.

    Args:
        sheet: Of the film.
        number: Of the shot, from 1.
    """
    row, column = divmod(number - 1, SHEET_COLUMNS)
    return f"background-position: -{column * sheet.width}px -{row * sheet.height}px"


def phase_shares(seconds: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """Return (phase, seconds, per cent of all) in the order of the work; unknown phases last."""
    total = sum(seconds.values()) or 1.0
    order = [name for name in _PHASES if name in seconds]
    order += sorted(seconds.keys() - set(_PHASES))
    return [(name, seconds[name], 100 * seconds[name] / total) for name in order]
