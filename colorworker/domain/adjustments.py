"""Stretches of a film that are colored otherwise than the rest of it."""

import fnmatch
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from colorworker.domain.entries import Entry
from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.options import Adjustment, Options, PredictionSettings
from colorworker.domain.records import ScanInfo
from colorworker.domain.shots import Shot
from colorworker.domain.units import Cut
from colorworker.errors import UsageError

_LIMITS = {"vividness": (-1.0, 2.0), "temperature": (0.01, 2.0)}
_FIELDS = {"film", "shots", "from", "to", *_LIMITS}

ShotsOf = Callable[[Entry], Sequence[Shot] | None]
"""Returns the shots of a film that has been colored before; None if it has not."""


@dataclass(frozen=True)
class ShotAdjustment:
    """One `[[shot]]` of a file of adjustments."""

    film: str
    """Key of the film, or a pattern."""
    numbers: tuple[int, int] | None
    """First and last shot; None where times are given."""
    times: tuple[int, int | None]
    """Milliseconds, where they are given."""
    look: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FilmTimes:
    """What the milliseconds of a film count from."""

    origin_pts: int
    time_base: Fraction

    def milliseconds(self, pts: int) -> int:
        """Return a frame's time, rounded half up."""
        return int((pts - self.origin_pts) * self.time_base * 1000 + Fraction(1, 2))


def parse_shot_adjustments(text: str, name: str) -> tuple[ShotAdjustment, ...]:
    """Return what a TOML file wishes.

    Args:
        text: The file.
        name: Its name, for errors.

    Raises:
        UsageError: If it is not of the form that `docs/shots.md` describes.
    """
    try:
        tables = tomllib.loads(text).get("shot", [])
        if not isinstance(tables, list) or not tables:
            raise ValueError("it has no [[shot]]")
        return tuple(_wish(table) for table in tables)
    except (ValueError, TypeError) as error:
        raise UsageError(name, f"cannot be used: {error}", "See docs/shots.md") from error


def _wish(table: dict[str, Any]) -> ShotAdjustment:
    if unknown := table.keys() - _FIELDS:
        raise ValueError(f"[[shot]] has no {', '.join(sorted(unknown))}")
    if not isinstance(table.get("film"), str):
        raise ValueError("[[shot]] names no film")
    if ("shots" in table) == bool({"from", "to"} & table.keys()):
        raise ValueError(f"[[shot]] of {table['film']} needs either shots, or from and to")
    look = {name: float(table[name]) for name in _LIMITS if name in table}
    for name, value in look.items():
        low, high = _LIMITS[name]
        if not low <= value <= high:
            raise ValueError(f"{name} {value} does not lie from {low} to {high}")
    if not look:
        raise ValueError(f"[[shot]] of {table['film']} says neither vividness nor temperature")
    numbers = _numbers(str(table["shots"])) if "shots" in table else None
    times = parse_excerpt(*(_text(table.get(name)) for name in ("from", "to"))) or (0, None)
    return ShotAdjustment(table["film"], numbers, times, look)


def _numbers(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = int(first), int(last if dash else first)
    if not 1 <= numbers[0] <= numbers[1]:
        raise ValueError(f"shots {text!r} is neither a number nor a range such as 3-7")
    return numbers


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def apply_adjustments(
    entries: Iterable[Entry], shot_adjustments: Sequence[ShotAdjustment], shots_of: ShotsOf
) -> Iterator[Entry]:
    """Yield the entries, films with what is wished of them.

    Raises:
        UsageError: If a wish is of no film, or of a shot that is not in the list.
    """
    left = set(range(len(shot_adjustments)))
    for entry in entries:
        own = []
        if entry.kind == "film" and not entry.outcome:
            for number, wish in enumerate(shot_adjustments):
                if wish.film == entry.key or fnmatch.fnmatchcase(entry.key, wish.film):
                    left.discard(number)
                    own.append(_adjustment(entry, wish, shots_of))
        changes = {**dict(entry.own_options), "adjustments": tuple(own)} if own else {}
        yield replace(entry, own_options=tuple(sorted(changes.items()))) if own else entry
    for number in sorted(left):
        raise UsageError(
            shot_adjustments[number].film, "no source has this key", "Check the [[shot]]s"
        )


def _adjustment(entry: Entry, wish: ShotAdjustment, shots_of: ShotsOf) -> Adjustment:
    start_ms, end_ms = wish.times
    if wish.numbers:
        shots = shots_of(entry)
        if shots is None:
            raise UsageError(
                entry.key,
                "has no list of shots there yet",
                "Color it with the same options first, or give from and to instead of shots",
            )
        first, last = wish.numbers
        if last > len(shots):
            raise UsageError(entry.key, f"has {len(shots)} shots, no number {last}", "Check it")
        start_ms = round(shots[first - 1].start_seconds * 1000)
        end_ms = round(shots[last].start_seconds * 1000) if last < len(shots) else None
    return Adjustment(start_ms, end_ms, wish.look.get("vividness"), wish.look.get("temperature"))


def clip_adjustments(
    adjustments: Iterable[Adjustment], start_ms: int, end_ms: int | None
) -> tuple[Adjustment, ...]:
    """Return what of the adjustments holds for start_ms <= time < end_ms, clipped to that."""
    found = []
    for each in adjustments:
        ends = [end for end in (each.end_ms, end_ms) if end is not None]
        part = each._replace(start_ms=max(each.start_ms, start_ms), end_ms=min(ends, default=None))
        if part.end_ms is None or part.start_ms < part.end_ms:
            found.append(part)
    return tuple(found)


def adjustments_of_cut(options: Options, scanned: ScanInfo, cut: Cut) -> tuple[Adjustment, ...]:
    """Return what of a film's adjustments holds for a cut of it.

    Args:
        options: Of the film.
        scanned: From its scan.
        cut: Of the film.
    """
    if not options.adjustments:
        return ()
    times = FilmTimes(scanned.origin_pts, scanned.time_base)
    end_ms = None if cut.end_pts is None else times.milliseconds(cut.end_pts)
    return clip_adjustments(options.adjustments, times.milliseconds(cut.start_pts), end_ms)


def prediction_settings_at(options: Options, milliseconds: int) -> PredictionSettings:
    """Return the model settings at a time of a film; later adjustments override earlier ones."""
    settings = options.prediction_settings
    for each in options.adjustments:
        if each.start_ms <= milliseconds and (each.end_ms is None or milliseconds < each.end_ms):
            if each.vividness is not None:
                settings = settings._replace(vividness=each.vividness)
            if each.temperature is not None:
                settings = settings._replace(temperature=each.temperature)
    return settings
