"""What the workers of a training tell its driver, which they cannot call.

Apart from `train_job`, whose import of Ray Train brings TensorFlow: the board's own process needs
neither, and so is there seconds earlier.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.exceptions import RayError

from colorworker.errors import UsageError
from colorworker.training.events import Moment

_LOOK_SECONDS = 1.0

Show = Callable[[Moment], None]


class Board:
    """What the first worker said last; run as an actor."""

    def __init__(self) -> None:
        self._moment: Moment | None = None
        self._refusal: tuple[str, str, str] | None = None

    def tell(self, moment: Moment) -> None:
        """Take in a moment."""
        self._moment = moment

    def refuse(self, *facts: str) -> None:
        """Take in why a worker cannot start; trying again would not help."""
        self._refusal = self._refusal or facts  # type: ignore[assignment]

    def seen(self) -> tuple[Moment | None, tuple[str, str, str] | None]:
        """Return the last moment and the first refusal."""
        return self._moment, self._refusal


def hung() -> Any:
    """Return a handle of a new board on the cluster."""
    return ray.remote(num_cpus=0)(Board).remote()


def raise_refusal(board: Any) -> None:
    """Raise what a worker refused to start for, if one did.

    Raises:
        UsageError: With the worker's words.
    """
    _, refusal = ray.get(board.seen.remote())
    if refusal:
        raise UsageError(*refusal)


@contextmanager
def watching(board: Any, show: Show) -> Iterator[None]:
    """Show what is new on the board, now and then, while the block runs."""
    ended = threading.Event()

    def look() -> None:
        last: Moment | None = None
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
