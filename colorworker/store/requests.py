"""How many requests this process has sent to object stores, by operation."""

from collections import Counter
from collections.abc import Mapping
from threading import Lock

_SENT: Counter[str] = Counter()
_LOCK = Lock()


def count_request(operation: str) -> None:
    """Count a request, such as `GetObject`; a repeated one counts again, because it costs again."""
    with _LOCK:
        _SENT[operation] += 1


def requests_since(before: Mapping[str, int]) -> dict[str, int]:
    """Return how many requests were sent since then, without the operations that had none.

    Args:
        before: What this function returned for `{}` at that time.
    """
    with _LOCK:
        since = _SENT - Counter(before)
    return dict(since)
