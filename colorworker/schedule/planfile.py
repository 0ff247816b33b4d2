"""Read plan files.

name = "nightly"                       # default: the file's name; the plan's state has this name
model = "lite"                         # two with blend = 0.6, the share of the first

[window]
opens = 22:00:00
closes = 06:00:00
zone = "Europe/Berlin"
days = ["mon", "tue", "wed", "thu", "fri"]

[budget]                               # limits of one run
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
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from colorworker.domain.coloroptions import PLACES
from colorworker.domain.durations import duration_seconds
from colorworker.domain.models import ModelChoice, choose_model
from colorworker.domain.options import Options, override, with_item_options
from colorworker.domain.parsing import parse_toml
from colorworker.domain.schedule import Budget, Collection, RestorationPlan, Retry
from colorworker.domain.timewindow import DAYS, Window
from colorworker.errors import UsageError
from colorworker.inputs.manifesturi import (
    ManifestUri,
    format_manifest_uri,
    is_manifest,
    parse_manifest_uri,
)
from colorworker.inputs.optionmodels import given_options, with_option_fields
from colorworker.schedule.planerrors import at_key, from_validation
from colorworker.store.openstore import check_uri
from colorworker.store.sources import Source, refuse_overlap

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,47}$")]
Text = Annotated[str, Field(min_length=1)]
ModelNames = Text | Annotated[tuple[Text, ...], Field(min_length=1, max_length=2)]
"""One network, or two that are blended."""
Hours = Annotated[float, Field(gt=0, le=8760)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowTable(_Table):
    """Hours during which the plan may run."""

    opens: time
    closes: time
    zone: ZoneInfo
    days: Annotated[tuple[Literal[DAYS], ...], Field(min_length=1)] = DAYS  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _check_times(self) -> "WindowTable":
        if self.opens == self.closes:
            raise ValueError(
                "it opens and closes at the same time, so it never opens;"
                " leave out [window] to run around the clock"
            )
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens and closes are times in the zone and must not name a zone")
        return self


class BudgetTable(_Table):
    """Limits of one run."""

    items: Annotated[int | None, Field(gt=0)] = None
    hours: Hours | None = None
    money: Annotated[float | None, Field(gt=0)] = None
    price_per_hour: Annotated[float | None, Field(gt=0)] = None

    @model_validator(mode="after")
    def _check_price(self) -> "BudgetTable":
        if (self.money is None) != (self.price_per_hour is None):
            raise ValueError("money and price_per_hour go together; give both or neither")
        return self


class RetryTable(_Table):
    """How often failed items are tried, and how long to wait in between."""

    attempts: Annotated[int, Field(gt=0, le=100)] = Retry.attempts
    first_wait: Hours | Literal[0] = Retry.first_wait_hours
    factor: Annotated[float, Field(ge=1, le=100)] = Retry.factor
    longest_wait: Hours = Retry.longest_wait_hours

    @field_validator("first_wait", "longest_wait", mode="before")
    @classmethod
    def _hours(cls, value: Any) -> float:
        try:
            return duration_seconds(value if isinstance(value, str) else "", "wait") / 3600
        except UsageError as error:
            raise ValueError("write a duration like '30m', '6h' or '7d'") from error


class CollectionTable(_Table):
    """Sources that go to one destination with the same options."""

    name: Name | None = None
    sources: Annotated[tuple[Text, ...], Field(min_length=1)]
    destination: Text
    include: tuple[Text, ...] = ()
    exclude: tuple[Text, ...] = ()
    completion_report: Text | None = None
    model: ModelNames | None = None
    model_profile: Text | None = None
    blend: Annotated[float, Field(ge=0, le=1)] | None = None


class PlanTable(_Table):
    """A whole file. Its model and options apply to all collections that do not set their own."""

    name: Name | None = None
    completion_report: Text | None = None
    model: ModelNames | None = None
    model_profile: Text | None = None
    blend: Annotated[float, Field(ge=0, le=1)] | None = None
    window: WindowTable | None = None
    budget: BudgetTable = BudgetTable()
    retry: RetryTable = RetryTable()
    collection: Annotated[tuple[CollectionTable, ...], Field(min_length=1)]


def plan_table(kind: type[Options]) -> type[PlanTable]:
    """Return the table of a whole file, with the options of `kind` that plans can set."""
    collection = with_option_fields(CollectionTable, kind, "plan")
    collections = Annotated[tuple[collection, ...], Field(min_length=1)]  # type: ignore[valid-type]
    return with_option_fields(PlanTable, kind, "plan", collection=(collections, ...))


def read_plan(path: Path, options: Options, model: ModelChoice) -> RestorationPlan:
    """Return the plan in a file.

    Args:
        path: The TOML file. Relative paths in it start at its folder.
        options: Used where the plan sets nothing.
        model: Used where the plan sets nothing.

    Raises:
        UsageError: If the plan cannot be read or is not valid, with the line where it is known.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(str(path), f"cannot be read ({error})", "Check the path") from error
    except UnicodeDecodeError as error:
        raise UsageError(str(path), f"is not UTF-8 ({error.reason})", "Save it as UTF-8") from error
    try:
        values = parse_toml(text)
    except ValueError as error:
        raise UsageError(
            str(path), f"is not TOML: {error}", "Correct that line; texts need quotes"
        ) from error
    expected = plan_table(type(options))
    try:
        table = expected.model_validate(values)
    except ValidationError as error:
        raise from_validation(path, text, error, expected) from error
    try:
        plan = _plan(path, table, options, model)
    except UsageError as error:
        seen = f"{error.subject}: {error.seen}"
        raise UsageError(str(path), seen, error.next_step) from error
    for place, seen, step in (*_unknown_stores(plan), *_clashes(plan)):
        raise at_key(path, text, place, seen, step)
    return plan


def _plan(path: Path, table: PlanTable, options: Options, model: ModelChoice) -> RestorationPlan:
    name = table.name or re.sub(r"[^A-Za-z0-9-]+", "-", path.stem).strip("-")[:48] or "plan"
    shared = with_item_options(options, given_options(table, type(options), "plan"))
    window = table.window
    return RestorationPlan(
        name,
        tuple(
            _collection(path.parent, item, number, table, shared, model)
            for number, item in enumerate(table.collection, 1)
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


def _collection(
    folder: Path,
    item: CollectionTable,
    number: int,
    table: PlanTable,
    shared: Options,
    model: ModelChoice,
) -> Collection:
    report = item.completion_report or table.completion_report
    chosen = _model(item, table, model)
    given = given_options(item, type(shared), "plan")
    usual = model.default_vividness or Options.vividness
    if shared.vividness == usual and "vividness" not in given_options(table, type(shared), "plan"):
        given = {"vividness": chosen.default_vividness or Options.vividness, **given}
    options = with_item_options(shared, given)
    places = {name: place for name in PLACES if (place := getattr(options, name))}
    options = override(options, {name: _absolute(folder, place) for name, place in places.items()})
    return Collection(
        item.name or f"{number}",
        tuple(_absolute(folder, source) for source in item.sources),
        _absolute(folder, item.destination),
        options,
        chosen,
        item.include,
        item.exclude,
        _absolute(folder, report) if report else "",
    )


def _model(item: CollectionTable, table: PlanTable, model: ModelChoice) -> ModelChoice:
    """Return the networks of a collection: its own, the plan's, or those given."""
    source = item if item.model else table
    if not source.model:
        return model
    return choose_model(source.model, source.model_profile or "", source.blend)


def _absolute(folder: Path, place: str) -> str:
    """Return the path or URI with relative paths starting at a folder."""
    if is_manifest(place):
        where = parse_manifest_uri(place)
        root = _absolute(folder, where.root) if where.root else ""
        return format_manifest_uri(ManifestUri(_absolute(folder, where.uri), root))
    return place if "://" in place else str(folder.absolute() / place)


def _unknown_stores(plan: RestorationPlan) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield (key, what was seen, what to do) for every URI that no store handles."""
    for number, item in enumerate(plan.collections):
        named = [("destination", item.destination)]
        named += [("sources", source) for source in item.sources if not is_manifest(source)]
        for key, place in named:
            try:
                check_uri(place)
            except UsageError as error:
                yield ("collection", number, key), f"{error.subject}: {error.seen}", error.next_step


def _clashes(plan: RestorationPlan) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield (key, what was seen, what to do) for collections that would interfere."""
    for number, item in enumerate(plan.collections):
        at = ("collection", number)
        for other in plan.collections[:number]:
            if other.name == item.name:
                yield (
                    (*at, "name"),
                    f"another collection has the name {item.name!r}",
                    "Rename one",
                )
            try:
                refuse_overlap(item.destination, Source(item.destination), other.destination)
            except UsageError:
                yield (
                    (*at, "destination"),
                    f"{item.destination} and {other.destination} of {other.name!r} are the same or"
                    " nested, so outputs could overwrite each other",
                    "Give every collection its own folder",
                )
        for source in item.sources:
            # The root of a manifest's keys is known when the manifest is read, and checked then.
            for other in () if is_manifest(source) else plan.collections:
                try:
                    refuse_overlap(source, Source(_fixed(source)), other.destination)
                except UsageError as error:
                    yield (*at, "sources"), f"{error.subject}: {error.seen}", error.next_step


def _fixed(source: str) -> str:
    """Return the folder of a source, up to its first wildcard."""
    return re.split(r"/?[^/]*[*?\[]", source, maxsplit=1)[0].rstrip("/") or "/"
