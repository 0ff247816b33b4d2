"""Parse TOML and JSON that people wrote: whatever is wrong with it, it is a ValueError."""

import json
import tomllib
from typing import Any

_MAX_LETTERS = 8 << 20
"""Longer texts are not parsed. Files that people write have some kB."""
_MAX_DEPTH = 50
_MAX_BITS = 64
"""Of integers, as TOML requires. Python refuses to write those of thousands of digits."""
_TOO_DEEP = "it is nested too deep"


def parse_toml(text: str) -> dict[str, Any]:
    """Return the table in a TOML file.

    Raises:
        ValueError: If it is not valid, too long, nested too deep, or has too large an integer.
    """
    _refuse_long(len(text))
    try:
        found = tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _refuse_extremes(found)
    return found


def parse_json(text: str | bytes) -> Any:
    """Return the value in a JSON text.

    Raises:
        ValueError: If it is not valid, too long, nested too deep, or has too large an integer.
    """
    _refuse_long(len(text))
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _refuse_extremes(found)
    return found


def _refuse_long(length: int) -> None:
    if length > _MAX_LETTERS:
        raise ValueError(f"it is too long ({length} letters, {_MAX_LETTERS} are allowed)")


def _refuse_extremes(found: Any) -> None:
    """Refuse what later steps could not even show in a message."""
    waiting = [(found, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError(_TOO_DEEP)
        if isinstance(value, int) and value.bit_length() > _MAX_BITS:
            raise ValueError(f"it has an integer of {value.bit_length()} bits")
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            waiting += [(each, depth + 1) for each in inner]
