"""The report page of a job: one self-contained HTML file without scripts or requests."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import resources
from typing import TypeVar
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.domain.comparison import Comparison
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.shots import ShotSheet, timecode
from colorworker.report.itemlines import SHEET_COLUMNS, ItemLine, Totals, totals_of
from colorworker.report.itemtext import own_options_text, stream_rows, streams_summary
from colorworker.report.pagethumbnails import ReadThumbnail, data_uri
from colorworker.report.text import count, date_and_time, duration, size, visible

T = TypeVar("T")

MAX_SHOWN = 500
"""Items on the page that did not fail; with pictures, about 10 MB."""
MAX_FAILED = 1000
"""Failures on the page; beyond that, counts by error code are more useful than a list."""
MAX_PICTURES = 1000
"""Before/after pictures on the page; a film has several."""
MAX_SHOTS = 5000
"""Shots on the page, of all films together."""
MAX_STREAMS = 5000
"""Streams on the page, of all films together; a source may have any number."""
MAX_SHEET_BYTES = 16 << 20
"""Size of all shot sheets together; that of a feature film has 2 to 4 MB."""
OUTPUTS_AT = "../../../../"
"""Path from `.colorworker/jobs/<job_id>/report/` to the destination's root."""
_PHASES = ("read", "decode", "predict", "color", "encode", "verify", "assemble", "write")


@dataclass(frozen=True)
class JobFacts:
    """Facts about a job and its run, for the head of the page."""

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
    """The run was stopped: items that are not listed have not been started or finished."""
    settings: Mapping[str, str] | None = None
    """Additional settings to show, by name."""
    comparison: Comparison | None = None
    """Estimated and actual cost of this run's work; None without an estimate."""


@dataclass(frozen=True)
class PageContent:
    """The items of a job that are shown on its page."""

    totals: Totals
    failed: tuple[ItemLine, ...]
    colored: tuple[ItemLine, ...]
    skipped: tuple[ItemLine, ...]
    failures: Mapping[str, int]
    """Number of failed items by error code, most frequent first."""
    hidden_shots: int = 0
    """Shots of the films shown that are only in report.jsonl."""
    hidden_streams: int = 0
    """Streams of the films shown that are only in report.jsonl."""

    @property
    def hidden_count(self) -> int:
        """Items that are only in report.jsonl."""
        seen = len(self.failed) + len(self.colored) + len(self.skipped)
        return self.totals.items - seen


@dataclass
class _Allowance:
    """A remaining number of values to show. A list is shown completely or not at all."""

    left: int
    hidden: int = 0

    def take(self, values: tuple[T, ...]) -> tuple[T, ...]:
        if len(values) > self.left:
            self.hidden += len(values)
            return ()
        self.left -= len(values)
        return values


def page_content(
    lines: Iterable[ItemLine], limit: int = MAX_SHOWN, failed: int = MAX_FAILED
) -> PageContent:
    """Return the content of the page; iterates over the lines once.

    Args:
        lines: All items, in display order.
        limit: Maximum of items that did not fail; colored items come before skipped ones.
        failed: Maximum of failed items.
    """
    limits = {"failed": failed, "succeeded": limit, "skipped": limit}
    kept: dict[str, list[ItemLine]] = {outcome: [] for outcome in limits}
    codes: Counter[str] = Counter()
    shots, streams = _Allowance(MAX_SHOTS), _Allowance(MAX_STREAMS)

    def sorted_by_outcome() -> Iterator[ItemLine]:
        for line in lines:
            if len(kept[line.outcome]) < limits[line.outcome]:
                kept[line.outcome].append(
                    replace(
                        line,
                        shots=shots.take(line.shots),
                        streams=streams.take(line.streams),
                    )
                )
            if line.outcome == "failed":
                codes[line.error_code] += 1
            yield line

    totals = totals_of(sorted_by_outcome())
    colored = kept["succeeded"]
    skipped = kept["skipped"][: limit - len(colored)]
    return PageContent(
        totals,
        tuple(kept["failed"]),
        tuple(colored),
        tuple(skipped),
        dict(codes.most_common()),
        shots.hidden,
        streams.hidden,
    )


def render(facts: JobFacts, lines: Iterable[ItemLine], thumbnails: ReadThumbnail) -> str:
    """Return the page.

    Args:
        facts: Facts about the job.
        lines: All items, in display order; iterated once.
        thumbnails: Reads a before/after picture by its key.

    Returns:
        HTML that can be encoded as UTF-8 whatever names it contains.
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
    """Return a function that reads a picture as a data URI; "" after MAX_PICTURES pictures."""
    left = MAX_PICTURES

    def picture(key: str) -> str:
        nonlocal left
        left -= 1
        return data_uri(thumbnails(key)) if left >= 0 else ""

    return picture


def _sheets(thumbnails: ReadThumbnail) -> Callable[[ShotSheet], str]:
    """Return a function that reads a sheet as a data URI; "" after MAX_SHEET_BYTES."""
    left = MAX_SHEET_BYTES

    def sheet(of: ShotSheet) -> str:
        nonlocal left
        uri = data_uri(thumbnails(of.key), left) if left > 0 else ""
        left -= len(uri) * 3 // 4
        return uri

    return sheet


def cell_style(sheet: ShotSheet, number: int) -> str:
    """Return the CSS that shows the picture of a shot on its sheet.

    Args:
        sheet: The film's sheet.
        number: Number of the shot, from 1.
    """
    row, column = divmod(number - 1, SHEET_COLUMNS)
    return f"background-position: -{column * sheet.width}px -{row * sheet.height}px"


def phase_shares(seconds: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """Return (phase, seconds, percentage of all) in processing order; unknown phases last."""
    total = sum(seconds.values()) or 1.0
    order = [name for name in _PHASES if name in seconds]
    order += sorted(seconds.keys() - set(_PHASES))
    return [(name, seconds[name], 100 * seconds[name] / total) for name in order]
