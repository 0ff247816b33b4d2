"""An actor through which the workers of a training report to the driver, which they cannot call.

Kept apart from `raytrain`, whose import of Ray Train brings in TensorFlow: the actor needs
neither and so starts seconds earlier.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.exceptions import RayError

from colorworker.errors import UsageError
from colorworker.training.events import Progress

_LOOK_SECONDS = 1.0

Show = Callable[[Progress], None]


class Board:
    """Holds the latest report of the first worker; runs as an actor."""

    def __init__(self) -> None:
        self._moment: Progress | None = None
        self._refusal: tuple[str, str, str] | None = None

    def tell(self, moment: Progress) -> None:
        """Store the latest progress."""
        self._moment = moment

    def refuse(self, *facts: str) -> None:
        """Store why a worker cannot start. Trying again would not help."""
        self._refusal = self._refusal or facts  # type: ignore[assignment]

    def seen(self) -> tuple[Progress | None, tuple[str, str, str] | None]:
        """Return the latest progress and the first refusal."""
        return self._moment, self._refusal


def start_board() -> Any:
    """Start a board on the cluster and return its handle."""
    return ray.remote(num_cpus=0)(Board).remote()


def raise_refusal(board: Any) -> None:
    """Raise the error with which a worker refused to start, if any.

    Raises:
        UsageError: With the worker's message.
    """
    _, refusal = ray.get(board.seen.remote())
    if refusal:
        raise UsageError(*refusal)


@contextmanager
def show_progress(board: Any, show: Show) -> Iterator[None]:
    """Poll the board while the block runs and show new progress."""
    ended = threading.Event()

    def look() -> None:
        last: Progress | None = None
        while not ended.wait(_LOOK_SECONDS):
            with suppress(RayError):
                moment, _ = ray.get(board.seen.remote())
                if moment is not None and moment != last:
                    last = moment
                    show(moment)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
