"""Errors in plan files, with file, line, key and what to do."""

import re
from pathlib import Path

from pydantic import BaseModel, ValidationError

from colorworker.errors import UsageError
from colorworker.inputs.validationtext import Place, error_text

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")

_MOST_COMPARED = 100
"""Errors whose lines are looked up; each takes a pass over the text."""


def from_validation(
    path: Path, text: str, error: ValidationError, table: type[BaseModel]
) -> UsageError:
    """Return the first error in the order of lines, with the number of further errors."""
    errors = error.errors()
    places = [item["loc"] for item in errors]
    # pydantic also calls a list empty if none of its members is valid.
    errors = [
        item
        for item in errors
        if item["type"] != "too_short"
        or not any(place[: len(item["loc"])] == item["loc"] != place for place in places)
    ]
    # A missing key may be a misspelled one. The error about the misspelled one is more helpful.
    found = sorted(
        errors[:_MOST_COMPARED],
        key=lambda item: (item["type"] == "missing", _line(text, item["loc"]) or 0),
    )
    first, more = found[0], len(errors) - 1
    others = f" ({more} more like this)" if more else ""
    seen, step = error_text(first, table)
    return at_key(path, text, first["loc"], seen + others, step)


def at_key(path: Path, text: str, place: Place, seen: str, next_step: str) -> UsageError:
    """Return the error about one key of the file.

    Args:
        path: The file.
        text: The file's content, which is searched for the key.
        place: Tables and keys from the outside in; numbers count tables of one name.
        seen: What is wrong.
        next_step: What to do.
    """
    line = _line(text, place)
    where = f"{path}, line {line}" if line else str(path)
    return UsageError(where, f"{_dotted(place)}: {seen}", next_step)


def line_of_collection(path: Path, number: int) -> str:
    """Return where a collection (from 0) is: `plan.toml, line 12`; only the file if it is gone."""
    try:
        line = _line(path.read_text(encoding="utf-8"), ("collection", number, "destination"))
    except (OSError, UnicodeDecodeError):
        line = None
    return f"{path}, line {line}" if line else str(path)


def _dotted(place: Place) -> str:
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".") or "plan"


def _line(text: str, place: Place) -> int | None:
    """Return the line (from 1) of the key, or else of its table; None if neither is found.

    tomllib does not report lines, so this searches for headers and `key =`. A key in an inline
    table gets the table's line.
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
