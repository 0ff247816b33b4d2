"""What is wrong with a value that somebody wrote down, in words: from pydantic's errors."""

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Place = Sequence[str | int]
"""Names from the outside in; numbers count tables of one name."""

_SHOWN_LETTERS = 80
_TYPES = {
    "bool": ("is neither true nor false", "Write true or false, without quotes"),
    "float": ("is no number", "Write it like 2.5, without quotes"),
    "int": ("is no whole number", "Write it like 5, without quotes"),
    "string": ("is no text", "Write it in quotes"),
    "time": ("is no time of the day", "Write it like 22:00:00, without quotes"),
    "tuple": ("is no list", 'Write it in brackets, like ["a", "b"]; of tables, like [[name]]'),
}
"""By the beginning of pydantic's name of the error: `int_parsing`, `int_type`, `int_from_float`."""


def words(error: ErrorDetails, table: type[BaseModel]) -> tuple[str, str]:
    """Return (what was seen, what to do) of one of pydantic's errors.

    Args:
        error: One of those that a ValidationError lists.
        table: What was validated, for the names that are known in it.
    """
    given, kind = _shown(error["input"]), error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(table, error["loc"])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(sorted(known))}"
        return "no such key is known here", hint.rstrip("?")
    if kind == "missing":
        return "is missing", "Add it"
    if kind == "literal_error":
        return f"{given} is not known", f"Use {error['ctx']['expected']}"
    if kind == "zoneinfo_str":
        return (
            f"{given} is no time zone that this machine knows",
            "Write it like Europe/Berlin or UTC; if it is right, install the package tzdata",
        )
    if kind == "string_pattern_mismatch":
        return f"{given} is no name", "Use letters, digits, dots, dashes; at most 48"
    if kind == "too_short":
        return "is empty", "Name at least one"
    if known_type := _TYPES.get(kind.partition("_")[0]):
        return f"{given} {known_type[0]}", known_type[1]
    said = error["msg"].removeprefix("Value error, ")
    about = "" if isinstance(error["input"], dict | list) else f"{given} given; "
    return f"{about}{said[:1].lower()}{said[1:]}", "Correct it"


def _known_keys(table: type[BaseModel], place: Place) -> list[str]:
    for part in place[:-1]:
        if isinstance(part, str):
            inner = _table_in(table.model_fields[part].annotation)
            if inner is None:
                return []
            table = inner
    return list(table.model_fields)


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """Return the table that a field holds, be it optional or one of many."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."
