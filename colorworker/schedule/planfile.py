"""PLAN.toml: what may stand in it, and its reading.

name = "nightly"                       # by default the file's name; the plan's state lies by it
model = "lite"

[window]
opens = 22:00:00
closes = 06:00:00
zone = "Europe/Berlin"
days = ["mon", "tue", "wed", "thu", "fri"]

[budget]                               # of one run
items = 5000
hours = 6
money = 20
price_per_hour = 3.2

[retry]
attempts = 4
first_wait = "6h"

[[collection]]
name = "reels"
sources = ["s3://archive/reels/"]       # or "manifest:s3://lists/reels.csv"
destination = "s3://color/reels"
profile = "archive"
include = ["*.mkv", "*.mp4"]
exclude = ["proxies/**"]
completion_report = "s3://reports/reels"        # in the format of S3 Batch Operations
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from colorworker.domain.options import (
    Chroma,
    Codec,
    ColorSources,
    Deinterlace,
    Encoder,
    Label,
    Options,
    Precision,
    Profile,
    changed,
)
from colorworker.domain.schedule import Budget, Collection, RestorationPlan, Retry
from colorworker.domain.timewindow import DAYS, Window
from colorworker.errors import UsageError
from colorworker.inputs.manifesturi import (
    ManifestUri,
    format_manifest_uri,
    is_manifest,
    parse_manifest_uri,
)
from colorworker.schedule.planerrors import at_key, from_validation
from colorworker.store.openstore import check_uri
from colorworker.store.sources import Source, refuse_overlap

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]
Hours = Annotated[float, Field(gt=0, le=8760)]
_HOURS = {"m": 1 / 60, "h": 1.0, "d": 24.0}
_WAIT = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)([mhd])")


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowTable(_Table):
    """Hours in which the plan may run."""

    opens: time
    closes: time
    zone: ZoneInfo
    days: Annotated[tuple[Literal[DAYS], ...], Field(min_length=1)] = DAYS  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _opens(self) -> "WindowTable":
        if self.opens == self.closes:
            raise ValueError(
                "it opens and closes at the same time, so it never opens;"
                " leave out [window] for around the clock"
            )
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens and closes are times of the zone, and name none themselves")
        return self


class BudgetTable(_Table):
    """Most that one run may take."""

    items: Annotated[int | None, Field(gt=0)] = None
    hours: Hours | None = None
    money: Annotated[float | None, Field(gt=0)] = None
    price_per_hour: Annotated[float | None, Field(gt=0)] = None

    @model_validator(mode="after")
    def _priced(self) -> "BudgetTable":
        if (self.money is None) != (self.price_per_hour is None):
            raise ValueError("money and price_per_hour go together; give both or neither")
        return self


class RetryTable(_Table):
    """How often failed items are tried."""

    attempts: Annotated[int, Field(gt=0, le=100)] = Retry.attempts
    first_wait: Hours | Literal[0] = Retry.first_wait_hours
    factor: Annotated[float, Field(ge=1, le=100)] = Retry.factor
    longest_wait: Hours = Retry.longest_wait_hours

    @field_validator("first_wait", "longest_wait", mode="before")
    @classmethod
    def _hours(cls, value: Any) -> float:
        found = _WAIT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValueError("a wait is written like '30m', '6h' or '7d'")
        return float(found[1]) * _HOURS[found[2]]


class CollectionTable(_Table):
    """Sources that go to one destination in one way."""

    name: Name | None = None
    sources: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    destination: Annotated[str, Field(min_length=1)]
    include: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    exclude: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    completion_report: Annotated[str | None, Field(min_length=1)] = None
    model: str | None = None
    profile: Profile | None = None
    codec: Codec | None = None
    crf: Annotated[int | None, Field(ge=0, le=63)] = None
    chroma: Chroma | None = None
    deinterlace: Deinterlace | None = None
    encoder: Encoder | None = None
    color_sources: ColorSources | None = None
    label: Label | None = None
    vividness: Annotated[float | None, Field(ge=-1, le=2)] = None
    precision: Precision | None = None


class PlanTable(_Table):
    """A whole file. What a collection does not say of model and options, the plan says for all."""

    name: Name | None = None
    completion_report: Annotated[str | None, Field(min_length=1)] = None
    model: str | None = None
    profile: Profile | None = None
    codec: Codec | None = None
    crf: Annotated[int | None, Field(ge=0, le=63)] = None
    chroma: Chroma | None = None
    deinterlace: Deinterlace | None = None
    encoder: Encoder | None = None
    color_sources: ColorSources | None = None
    label: Label | None = None
    vividness: Annotated[float | None, Field(ge=-1, le=2)] = None
    precision: Precision | None = None
    window: WindowTable | None = None
    budget: BudgetTable = BudgetTable()
    retry: RetryTable = RetryTable()
    collection: Annotated[tuple[CollectionTable, ...], Field(min_length=1)]


_OPTIONS = (
    "profile",
    "codec",
    "crf",
    "chroma",
    "deinterlace",
    "encoder",
    "color_sources",
    "label",
    "vividness",
    "precision",
)


def read_plan(path: Path, options: Options, model: str) -> RestorationPlan:
    """Return the plan of a file.

    Args:
        path: Of the TOML file. Folders in it that are relative count from where it lies.
        options: For what the plan does not say.
        model: The same.

    Raises:
        UsageError: If it cannot be read or is not sound: with the line where that can be told.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error})", "Check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(path), f"is not UTF-8 ({error.reason})", "Save it as UTF-8") from error
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            str(path), f"is not TOML: {error}", "Correct that place; texts stand in quotes"
        ) from error
    try:
        table = PlanTable.model_validate(values)
    except ValidationError as error:
        raise from_validation(path, text, error, PlanTable) from error
    try:
        plan = _plan(path, table, options, model)
    except UsageError as error:
        said = f"{error.subject}: {error.seen}"
        raise UsageError(str(path), said, error.next_step) from error
    for place, seen, step in (*_unreachable(plan), *_clashes(plan)):
        raise at_key(path, text, place, seen, step)
    return plan


def _plan(path: Path, table: PlanTable, options: Options, model: str) -> RestorationPlan:
    name = table.name or re.sub(r"[^A-Za-z0-9-]+", "-", path.stem).strip("-")[:48] or "plan"
    shared = changed(options, _said(table))
    window = table.window
    return RestorationPlan(
        name,
        tuple(
            Collection(
                item.name or f"{number}",
                tuple(_from(path.parent, source) for source in item.sources),
                _from(path.parent, item.destination),
                changed(shared, _said(item)),
                item.model or table.model or model,
                item.include,
                item.exclude,
                _from(path.parent, reported) if reported else "",
            )
            for number, item in enumerate(table.collection, 1)
            for reported in [item.completion_report or table.completion_report]
        ),
        Window(window.opens, window.closes, window.zone, frozenset(window.days))
        if window
        else None,
        Budget(**table.budget.model_dump()),
        Retry(
            table.retry.attempts,
            table.retry.first_wait,
            table.retry.factor,
            table.retry.longest_wait,
        ),
    )


def _said(table: PlanTable | CollectionTable) -> dict[str, Any]:
    said = {name: getattr(table, name) for name in _OPTIONS}
    return {name: value for name, value in said.items() if value is not None}


def _from(folder: Path, place: str) -> str:
    if is_manifest(place):
        where = parse_manifest_uri(place)
        root = _from(folder, where.root) if where.root else ""
        return format_manifest_uri(ManifestUri(_from(folder, where.uri), root))
    return place if "://" in place else str(folder.absolute() / place)


def _unreachable(plan: RestorationPlan) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield (place, what was seen, what to do) of what names no store, wherever that may lie."""
    for number, item in enumerate(plan.collections):
        named = [("destination", item.destination)]
        named += [("sources", source) for source in item.sources if not is_manifest(source)]
        for key, place in named:
            try:
                check_uri(place)
            except UsageError as error:
                yield ("collection", number, key), f"{error.subject}: {error.seen}", error.next_step


def _clashes(plan: RestorationPlan) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield (place, what was seen, what to do) of collections that would disturb each other."""
    for number, item in enumerate(plan.collections):
        at = ("collection", number)
        for other in plan.collections[:number]:
            if other.name == item.name:
                yield (*at, "name"), f"{item.name!r} is another collection's name", "Change one"
            try:
                refuse_overlap(item.destination, Source(item.destination), other.destination)
            except UsageError:
                yield (
                    (*at, "destination"),
                    f"{item.destination} and {other.destination}, of {other.name!r}, lie in one"
                    " another, so outputs could take each other's names",
                    "Give every collection a folder of its own",
                )
        for source in item.sources:
            # Below which root a manifest's keys lie, it says itself: looked at when it is read.
            for other in () if is_manifest(source) else plan.collections:
                try:
                    refuse_overlap(source, Source(_fixed(source)), other.destination)
                except UsageError as error:
                    yield (*at, "sources"), f"{error.subject}: {error.seen}", error.next_step


def _fixed(source: str) -> str:
    """Return the folder of a source, up to its first wildcard."""
    return re.split(r"/?[^/]*[*?\[]", source, maxsplit=1)[0].rstrip("/") or "/"
