"""Turn pydantic's errors into sentences: what was seen, and what to do."""

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Place = Sequence[str | int]
"""Path of a value: names from the outside in, and numbers that count tables of the same name."""

_SHOWN_LETTERS = 80
_TYPES = {
    "bool": ("is neither true nor false", "Write true or false, without quotes"),
    "float": ("is not a number", "Write it like 2.5, without quotes"),
    "int": ("is not a whole number", "Write it like 5, without quotes"),
    "string": ("is not a text", "Write it in quotes"),
    "time": ("is not a time of day", "Write it like 22:00:00, without quotes"),
    "tuple": ("is not a list", 'Write it in brackets, like ["a", "b"]; write tables like [[name]]'),
}
"""By the start of the name that pydantic gives the error: `int_parsing`, `int_type`."""


def error_text(error: ErrorDetails, table: type[BaseModel]) -> tuple[str, str]:
    """Return (what was seen, what to do) for one of pydantic's errors.

    Args:
        error: An error of a ValidationError.
        table: The model that was validated; its fields are suggested for unknown names.
    """
    given, kind = _shown(error["input"]), error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(table, error["loc"])
        close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Use {', '.join(sorted(known))}"
        return "is not a known key", hint.rstrip("?")
    if kind == "missing":
        return "is missing", "Add it"
    if kind == "literal_error":
        return f"{given} is not known", f"Use {error['ctx']['expected']}"
    if kind == "zoneinfo_str":
        return (
            f"{given} is not a time zone that this machine knows",
            "Write it like Europe/Berlin or UTC; if it is correct, install the package tzdata",
        )
    if kind == "string_pattern_mismatch":
        return f"{given} is not a valid name", "Use at most 48 letters, digits, dots and dashes"
    if kind == "too_short":
        return "is empty", "Give at least one"
    if known_type := _TYPES.get(kind.partition("_")[0]):
        return f"{given} {known_type[0]}", known_type[1]
    message = error["msg"].removeprefix("Value error, ")
    about = "" if isinstance(error["input"], dict | list) else f"{given} given; "
    return f"{about}{message[:1].lower()}{message[1:]}", "Correct it"


def _known_keys(table: type[BaseModel], place: Place) -> list[str]:
    for part in place[:-1]:
        if isinstance(part, str):
            inner = _table_in(table.model_fields[part].annotation)
            if inner is None:
                return []
            table = inner
    return list(table.model_fields)


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in a field's type, which may be optional or in a list; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_table_in, get_args(annotation))), None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."
