"""What is wrong with a plan, as one sentence that names file, line, key and remedy."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from colorworker.errors import UsageError

Place = Sequence[str | int]

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_SHOWN_LETTERS = 80


def from_validation(
    path: Path, text: str, error: ValidationError, table: type[BaseModel]
) -> UsageError:
    """Return the first of the errors in the order of lines, and how many more there are."""
    found = sorted(error.errors(), key=lambda item: _line(text, item["loc"]) or 0)
    first, more = found[0], len(found) - 1
    others = f" ({more} more like this)" if more else ""
    seen, step = _words(first, table)
    return at_key(path, text, first["loc"], seen + others, step)


def at_key(path: Path, text: str, place: Place, seen: str, next_step: str) -> UsageError:
    """Return the error about one key of the file.

    Args:
        path: Of the file.
        text: The file's content, in which the key's line is looked for.
        place: Tables and keys from the outside in; numbers count tables of one name.
        seen: What is wrong with it.
        next_step: What to do.
    """
    line = _line(text, place)
    where = f"{path}, line {line}" if line else str(path)
    return UsageError(where, f"{_dotted(place)}: {seen}", next_step)


def _words(error: ErrorDetails, table: type[BaseModel]) -> tuple[str, str]:
    """Return (what was seen, what to do) of one of pydantic's errors."""
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


def _dotted(place: Place) -> str:
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".") or "plan"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}..."


def _line(text: str, place: Place) -> int | None:
    """Return the line, from 1, of the key or else of its table; None if neither is found.

    tomllib does not say where a value stood, so this looks for headers and `key =`. Keys in inline
    tables are found by the table's line.
    """
    names = [part for part in place if isinstance(part, str)]
    number = next((part for part in place if isinstance(part, int)), 0)
    table, key, seen, found = "", names[-1] if names else "", 0, None
    if len(names) == 1:
        names = ["", *names]
    assigned = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    for line_number, line in enumerate(text.splitlines(), 1):
        header = _HEADER.match(line)
        if header:
            table = header[2].strip("\"' ")
            seen += header[1] == "[[" and table == names[0]
            inside = table == names[0] and (header[1] == "[" or seen == number + 1)
            if inside or (not names[0] and table == key):
                found = line_number
            if not inside:
                table = f"not {table}"
        elif names and table == names[0] and assigned.match(line):
            return line_number
    return found
