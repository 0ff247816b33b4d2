"""Ages as people give them: `24h`, `90d`."""

import re

from colorworker.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])")


def age_seconds(text: str, name: str) -> float:
    """Return the seconds of an age such as `90d`, `24h`, `30m` or `0s`.

    Args:
        text: A number and one letter.
        name: What was to be set by it, for the error.

    Raises:
        UsageError: If it is no such age.
    """
    found = _AGE.fullmatch(text.strip())
    if not found:
        raise UsageError(name, f"{text!r} is no age", "Write it like 24h, 90d, 30m or 0s")
    return float(found[1]) * _SECONDS[found[2]]
