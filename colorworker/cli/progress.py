"""Shows a running job on stderr: a bar on a terminal, otherwise a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from colorworker.cli.bars import bar, choose_display
from colorworker.driver import Progress as JobProgress
from colorworker.report.text import whole_duration

_LINE_SECONDS = 5.0

Show = Callable[[JobProgress], None]


def display(*, quiet: bool) -> AbstractContextManager[Show]:
    """Return a display of a job's progress that suits stderr."""
    return choose_display(quiet, _bar, _lines)


def describe(now: JobProgress, seconds: float) -> str:
    """Return the progress as text: items, units, frames per second, time left, failures."""
    parts = [
        f"{now.items_done}/{now.items_total} items",
        f"{now.units_done}/{now.units_known} units",
    ]
    colored = now.frames_done - now.frames_resumed
    if colored and seconds > 0:
        parts.append(f"{colored / seconds:.1f} frames/s")
    expected = max(now.units_known, now.units_expected)
    if now.units_done and now.units_done < expected:
        left = seconds / now.units_done * (expected - now.units_done)
        parts.append(f"about {whole_duration(left)} left")
    parts.append(f"{now.items_failed} failed")
    return ", ".join(parts)


@contextmanager
def _lines() -> Iterator[Show]:
    """Print a line at the start, every few seconds, and at the end."""
    start = time.monotonic()
    printed = start - _LINE_SECONDS
    latest: JobProgress | None = None

    def show(now: JobProgress) -> None:
        nonlocal latest, printed
        latest = now
        if time.monotonic() - printed >= _LINE_SECONDS:
            printed = time.monotonic()
            print(describe(now, printed - start), file=sys.stderr, flush=True)

    yield show
    if latest is not None:
        print(describe(latest, time.monotonic() - start), file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Show]:
    """Show a bar of units, followed by the progress as text."""
    start = time.monotonic()
    with bar("starting") as update:

        def show(now: JobProgress) -> None:
            words = describe(now, time.monotonic() - start)
            update(now.units_done, now.units_known or None, words)

        yield show
