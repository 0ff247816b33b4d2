"""Color adjustments for parts of a film."""

import fnmatch
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from colorworker.domain.entries import Entry
from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.optionfields import option_fields
from colorworker.domain.options import Adjustment, Options, PredictionSettings
from colorworker.domain.parsing import parse_toml
from colorworker.domain.records import ScanInfo
from colorworker.domain.shots import Shot
from colorworker.domain.units import Cut
from colorworker.errors import UsageError

_OPTIONS = {
    field.name: field for field in option_fields(Options) if field.name in Adjustment._fields
}
_FIELDS = {"film", "shots", "from", "to", *_OPTIONS}

ShotsOf = Callable[[Entry], Sequence[Shot] | None]
"""Returns the shots of a film that was colored before; None if it was not."""


@dataclass(frozen=True)
class ShotAdjustment:
    """One `[[shot]]` of a file of shot adjustments."""

    film: str
    """Key of the film, or a pattern."""
    numbers: tuple[int, int] | None
    """First and last shot; None if times are given."""
    times: tuple[int, int | None]
    """Start and exclusive end in milliseconds, if times are given."""
    values: dict[str, Any] = field(default_factory=dict)
    """Values of options, by name."""


@dataclass(frozen=True)
class FilmTimes:
    """Converts timestamps of a film to milliseconds since its first frame."""

    origin_pts: int
    time_base: Fraction

    def milliseconds(self, pts: int) -> int:
        """Return the time of a frame in milliseconds, rounded half up."""
        return int((pts - self.origin_pts) * self.time_base * 1000 + Fraction(1, 2))


def parse_shot_adjustments(text: str, name: str) -> tuple[ShotAdjustment, ...]:
    """Return the adjustments in a TOML file; `docs/shots.md` describes its format.

    Args:
        text: Content of the file.
        name: Its name, for errors.

    Raises:
        UsageError: If the file does not have this format.
    """
    try:
        tables = parse_toml(text).get("shot", [])
        if not isinstance(tables, list) or not tables:
            raise ValueError("it has no [[shot]]")
        return tuple(_shot_adjustment(table) for table in tables)
    except (ValueError, TypeError) as error:
        raise UsageError(name, f"cannot be used: {error}", "See docs/shots.md") from error


def _shot_adjustment(table: dict[str, Any]) -> ShotAdjustment:
    if unknown := table.keys() - _FIELDS:
        raise ValueError(f"[[shot]] has no key {', '.join(sorted(unknown))}")
    if not isinstance(table.get("film"), str):
        raise ValueError("[[shot]] has no film")
    if ("shots" in table) == bool({"from", "to"} & table.keys()):
        raise ValueError(f"[[shot]] of {table['film']} needs either shots, or from and to")
    try:
        values = {
            name: field.check(table[name]) for name, field in _OPTIONS.items() if name in table
        }
    except UsageError as error:
        raise ValueError(f"{error.subject} {error.seen}; {error.next_step}") from error
    if not values:
        raise ValueError(f"[[shot]] of {table['film']} sets neither {' nor '.join(_OPTIONS)}")
    numbers = _numbers(str(table["shots"])) if "shots" in table else None
    times = parse_excerpt(*(_text(table.get(name)) for name in ("from", "to"))) or (0, None)
    return ShotAdjustment(table["film"], numbers, times, values)


def _numbers(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = int(first), int(last if dash else first)
    if not 1 <= numbers[0] <= numbers[1]:
        raise ValueError(f"shots {text!r} is not a number or a range such as 3-7")
    return numbers


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def apply_adjustments(
    entries: Iterable[Entry], shot_adjustments: Sequence[ShotAdjustment], shots_of: ShotsOf
) -> Iterator[Entry]:
    """Yield the entries, with the adjustments added to the options of the films they name.

    Raises:
        UsageError: If an adjustment names no film, or a shot that the film does not have.
    """
    left = set(range(len(shot_adjustments)))
    for entry in entries:
        own = []
        if entry.kind == "film" and not entry.outcome:
            for number, asked in enumerate(shot_adjustments):
                if asked.film == entry.key or fnmatch.fnmatchcase(entry.key, asked.film):
                    left.discard(number)
                    own.append(_adjustment(entry, asked, shots_of))
        changes = {**dict(entry.own_options), "adjustments": tuple(own)} if own else {}
        yield replace(entry, own_options=tuple(sorted(changes.items()))) if own else entry
    for number in sorted(left):
        raise UsageError(
            shot_adjustments[number].film, "no source has this key", "Check the [[shot]]s"
        )


def _adjustment(entry: Entry, asked: ShotAdjustment, shots_of: ShotsOf) -> Adjustment:
    start_ms, end_ms = asked.times
    if asked.numbers:
        shots = shots_of(entry)
        if shots is None:
            raise UsageError(
                entry.key,
                "has no list of shots yet",
                "Color it with the same options first, or give from and to instead of shots",
            )
        first, last = asked.numbers
        if last > len(shots):
            raise UsageError(
                entry.key,
                f"has {len(shots)} shots, no shot {last}",
                "Check the [[shot]]",
            )
        start_ms = round(shots[first - 1].start_seconds * 1000)
        end_ms = round(shots[last].start_seconds * 1000) if last < len(shots) else None
    return Adjustment(start_ms, end_ms, **asked.values)


def clip_adjustments(
    adjustments: Iterable[Adjustment], start_ms: int, end_ms: int | None
) -> tuple[Adjustment, ...]:
    """Return the adjustments that apply within start_ms <= time < end_ms, clipped to it."""
    found = []
    for each in adjustments:
        ends = [end for end in (each.end_ms, end_ms) if end is not None]
        part = each._replace(start_ms=max(each.start_ms, start_ms), end_ms=min(ends, default=None))
        if part.end_ms is None or part.start_ms < part.end_ms:
            found.append(part)
    return tuple(found)


def adjustments_of_cut(options: Options, scanned: ScanInfo, cut: Cut) -> tuple[Adjustment, ...]:
    """Return the adjustments of a film that apply to one of its cuts, clipped to it.

    Args:
        options: Options of the film.
        scanned: Result of its scan.
        cut: One of its segments.
    """
    if not options.adjustments:
        return ()
    times = FilmTimes(scanned.origin_pts, scanned.time_base)
    end_ms = None if cut.end_pts is None else times.milliseconds(cut.end_pts)
    return clip_adjustments(options.adjustments, times.milliseconds(cut.start_pts), end_ms)


def prediction_settings_at(options: Options, milliseconds: int) -> PredictionSettings:
    """Return the settings for predictions at a time of a film; the last adjustment wins."""
    settings = options.prediction_settings
    for each in options.adjustments:
        if each.start_ms <= milliseconds and (each.end_ms is None or milliseconds < each.end_ms):
            if each.vividness is not None:
                settings = settings._replace(vividness=each.vividness)
            if each.temperature is not None:
                settings = settings._replace(temperature=each.temperature)
            if each.variant is not None:
                settings = settings._replace(variant=each.variant)
    return settings
