"""Shows a running training on stderr: a bar on a terminal, otherwise a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from colorworker.cli.bars import bar, choose_display
from colorworker.training.events import TrainingProgress

_LINE_SECONDS = 10.0

Show = Callable[[TrainingProgress], None]


def display(*, quiet: bool) -> AbstractContextManager[Show]:
    """Return a display of a training's progress that suits stderr."""
    return choose_display(quiet, _bar, _lines)


def describe(now: TrainingProgress, seconds: float, first_step: int) -> str:
    """Return the progress as text.

    Args:
        now: The progress.
        seconds: Seconds since the first one.
        first_step: Step of the first one.
    """
    parts = [
        f"epoch {now.epoch + 1}/{now.epochs}",
        f"step {now.step}/{now.total_steps}",
        f"loss {now.loss:.4f}",
    ]
    if now.pictures_per_second:
        parts.append(f"{now.pictures_per_second:.1f} pictures/s")
    if now.doing == "measuring":
        parts.append("measuring")
    done = now.step - first_step
    if done and now.step < now.total_steps:
        left = round(seconds / done * (now.total_steps - now.step))
        parts.append(f"about {left // 3600} h {left % 3600 // 60} min left")
    return ", ".join(parts)


@contextmanager
def _lines() -> Iterator[Show]:
    """Print a line every few seconds, and whenever an epoch ends."""
    first: TrainingProgress | None = None
    start = printed = time.monotonic()

    def show(now: TrainingProgress) -> None:
        nonlocal first, start, printed
        clock = time.monotonic()
        if first is None:
            first, start, printed = now, clock, clock - _LINE_SECONDS
        if clock - printed >= _LINE_SECONDS or now.doing == "measuring":
            printed = clock
            print(describe(now, clock - start, first.step), file=sys.stderr, flush=True)

    yield show


@contextmanager
def _bar() -> Iterator[Show]:
    """Show a bar of steps, followed by the progress as text."""
    first: TrainingProgress | None = None
    start = time.monotonic()
    with bar("reading the pictures") as update:

        def show(now: TrainingProgress) -> None:
            nonlocal first, start
            if first is None:
                first, start = now, time.monotonic()
            words = describe(now, time.monotonic() - start, first.step)
            update(now.step, now.total_steps, words)

        yield show
