"""A job's report as one HTML file that needs nothing else: no script, no request."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib import resources
from typing import TypeVar
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from colorworker import __version__
from colorworker.domain.comparison import Comparison
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.shots import timecode
from colorworker.report.itemlines import SHEET_COLUMNS, ItemLine, ShotSheet, Totals, totals_of
from colorworker.report.itemtext import own_words, stream_rows, streams_title
from colorworker.report.pagethumbnails import Thumbnails, data_uri

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
_JOINERS = "\u200c\u200d"
"""Invisible, but Persian and emoji are spelled with them."""
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
class Shown:
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


def choose(lines: Iterable[ItemLine], limit: int = MAX_SHOWN, failed: int = MAX_FAILED) -> Shown:
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
    return Shown(
        totals,
        tuple(kept["failed"]),
        tuple(colored),
        tuple(kept["skipped"][:room]),
        dict(codes.most_common()),
        shots.hidden,
        streams.hidden,
    )


def render(facts: JobFacts, lines: Iterable[ItemLine], thumbnails: Thumbnails) -> str:
    """Return the page.

    Args:
        facts: About the job as a whole.
        lines: Every item, in the order to be shown; seen once.
        thumbnails: Reads a before/after picture by its key.

    Returns:
        HTML that encodes as UTF-8 whatever the items' names hold.
    """
    shown = choose(lines)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters |= {
        "visible": visible,
        "duration": duration,
        "count": count,
        "size": size,
        "moment": _moment,
        "reason": lambda line: line.error.removeprefix(f"{line.key}: "),
        "href": lambda key: OUTPUTS_AT + quote(key.encode("utf-8", "surrogateescape")),
        "picture": _pictures(thumbnails),
        "sheet": _sheets(thumbnails),
        "timecode": timecode,
        "cell": cell_style,
        "own_words": own_words,
        "streams_title": streams_title,
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


def _pictures(thumbnails: Thumbnails) -> Callable[[str], str]:
    """Return what reads a picture as a data URI; empty after MAX_PICTURES of them."""
    left = MAX_PICTURES

    def picture(key: str) -> str:
        nonlocal left
        left -= 1
        return data_uri(thumbnails(key)) if left >= 0 else ""

    return picture


def _sheets(thumbnails: Thumbnails) -> Callable[[ShotSheet], str]:
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


def visible(text: str) -> str:
    """Return text with all that does not print (control, direction, stray bytes) as escapes.

    Such a character in a file's name could otherwise hide or reorder what a person reads.
    """
    return "".join(
        character
        if character in _JOINERS or unicodedata.category(character)[0] != "C"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def duration(seconds: float) -> str:
    """Return a time as people say it: `0.42 s`, `12.3 s`, `4 min 05 s`, `3 h 12 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(number: float) -> str:
    """Return bytes as people say them, in powers of 1000: `812 bytes`, `4.2 GB`."""
    if number < 1000:
        return f"{number:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} TB"


def count(number: int, one: str = "", many: str = "") -> str:
    """Return a number with thin spaces between thousands, and its noun."""
    digits = f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    noun = one if number == 1 else many or f"{one}s"
    return f"{digits} {noun}" if one else digits


def _moment(iso: str) -> str:
    """Return a time of ISO 8601 as `22 November 2026, 18:36 UTC`."""
    time = datetime.fromisoformat(iso)
    return f"{time.day} {time:%B %Y, %H:%M %Z}"
