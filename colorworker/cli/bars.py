"""What commands that run for long have in common on stderr: silence, and a bar with words."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

Update = Callable[[int, int | None, str], None]
"""Takes in how much is done, of how much (None: unknown), and words."""


def suited(
    quiet: bool,
    shown: Callable[[], AbstractContextManager[Callable[[T], None]]],
    lines: Callable[[], AbstractContextManager[Callable[[T], None]]],
) -> AbstractContextManager[Callable[[T], None]]:
    """Return nothing, a bar or lines, as suits stderr."""
    if quiet:
        return _silence()
    return shown() if sys.stderr.isatty() else lines()


@contextmanager
def _silence() -> Iterator[Callable[[T], None]]:
    yield lambda _: None


@contextmanager
def bar(words: str) -> Iterator[Update]:
    """Give a bar on stderr that is gone when the block ends.

    Args:
        words: Shown until the first update.
    """
    with Progress(
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(words, total=None)
        yield lambda done, total, words: progress.update(
            task, completed=done, total=total, description=words
        )
