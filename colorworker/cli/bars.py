"""Progress displays on stderr, shared by the long-running commands."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

Update = Callable[[int, int | None, str], None]
"""Takes the amount done, the total (None: unknown), and a text."""


def choose_display(
    quiet: bool,
    make_bar: Callable[[], AbstractContextManager[Callable[[T], None]]],
    make_lines: Callable[[], AbstractContextManager[Callable[[T], None]]],
) -> AbstractContextManager[Callable[[T], None]]:
    """Return a silent display if `quiet`, a bar if stderr is a terminal, else lines."""
    if quiet:
        return _silence()
    return make_bar() if sys.stderr.isatty() else make_lines()


@contextmanager
def _silence() -> Iterator[Callable[[T], None]]:
    yield lambda _: None


@contextmanager
def bar(text: str) -> Iterator[Update]:
    """Show a bar on stderr until the block ends.

    Args:
        text: Shown until the first update.
    """
    with Progress(
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total, words: progress.update(
            task, completed=done, total=total, description=words
        )
