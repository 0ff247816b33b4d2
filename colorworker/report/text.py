"""Format durations, sizes, counts, times and names for pages and the command line."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

from colorworker.store.objectstore import ObjectStore

_JOINERS = "\u200c\u200d"
"""Zero-width joiners: invisible, but Persian and emoji need them."""


def visible(text: str) -> str:
    """Return the text with unprintable characters (control, bidi, stray bytes) escaped.

    In a file name, such a character could hide or reorder what a person reads, or steer a terminal.
    Nothing is shortened; `store.keys.printable` does that, for error messages.
    """
    return "".join(
        character
        if character in _JOINERS or unicodedata.category(character)[0] != "C"
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def duration(seconds: float) -> str:
    """Return a measured duration: `0.42 s`, `12.3 s`, `4 min 05 s`, `3 h 12 min`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def whole_duration(seconds: float) -> str:
    """Return a duration known only to the second: `under 1 s`, `9 s`, `4 min 05 s`."""
    if seconds < 1:
        return "under 1 s"
    return f"{round(seconds)} s" if seconds < 100 else duration(seconds)


def size(number: float) -> str:
    """Return a number of bytes in decimal units: `812 bytes`, `4.2 GB`."""
    if number < 1000:
        return f"{number:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        number /= 1000
        if number < 999.95:
            return f"{number:.1f} {unit}"
    return f"{number / 1000:.1f} TB"


def count(number: int, one: str = "", many: str = "") -> str:
    """Return a number with narrow spaces between thousands, and its noun if one is given.

    Args:
        number: What to show.
        one: Singular of the noun.
        many: Plural; by default the singular with an `s`.
    """
    digits = f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    noun = one if number == 1 else many or f"{one}s"
    return f"{digits} {noun}" if one else digits


def date_and_time(iso: str) -> str:
    """Return an ISO 8601 time in UTC as `22 Nov 2026, 18:36 UTC`."""
    time = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def destination_label(store: ObjectStore, destination: str) -> str:
    """Return a destination as the user gave it, without a trailing slash."""
    return store.uri if "://" in destination else str(Path(destination))
