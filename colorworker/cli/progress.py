"""Shows a running job on stderr: a bar on a terminal, otherwise a line every few seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from colorworker.cli.bars import bar, choose_display
from colorworker.driver import Progress as JobProgress
from colorworker.report.text import count, whole_duration

_LINE_SECONDS = 5.0

Show = Callable[[JobProgress], None]
Describe = Callable[[JobProgress, float], str]
"""Returns the progress as text, from the seconds since the start."""


def display(*, quiet: bool, describe: Describe | None = None) -> AbstractContextManager[Show]:
    """Return a display of progress that suits stderr; by default, that of a job."""
    described = describe or describe_job
    return choose_display(quiet, partial(_bar, described), partial(_lines, described))


def describe_job(now: JobProgress, seconds: float) -> str:
    """Return the progress of a job: items, units, frames per second, time left, failures."""
    parts = [
        f"{now.items_done}/{now.items_total} items",
        f"{now.units_done}/{now.units_known} units",
    ]
    colored = now.frames_done - now.frames_resumed
    if colored and seconds > 0:
        parts.append(f"{colored / seconds:.1f} frames/s")
    parts += [*_time_left(now, seconds), f"{now.items_failed} failed"]
    return ", ".join(parts)


def describe_checks(now: JobProgress, seconds: float) -> str:
    """Return the progress of `verify`: records checked, time left, findings.

    A film has several records: its scan, its parts while they are kept, and the film.
    """
    records = f"{count(now.items_done)} of {count(now.items_total, 'record')} checked"
    findings = count(now.items_failed, "finding")
    return ", ".join([records, *_time_left(now, seconds), findings])


def _time_left(now: JobProgress, seconds: float) -> Iterator[str]:
    expected = max(now.units_known, now.units_expected)
    if now.units_done and now.units_done < expected:
        left = seconds / now.units_done * (expected - now.units_done)
        yield f"about {whole_duration(left)} left"


@contextmanager
def _lines(describe: Describe) -> Iterator[Show]:
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
def _bar(describe: Describe) -> Iterator[Show]:
    """Show a bar of units, followed by the progress as text."""
    start = time.monotonic()
    with bar("starting") as update:

        def show(now: JobProgress) -> None:
            words = describe(now, time.monotonic() - start)
            update(now.units_done, now.units_known or None, words)

        yield show
