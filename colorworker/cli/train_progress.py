"""Shows a running training on stderr: a bar on a terminal, otherwise a line now and then."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from colorworker.cli.bars import bar, choose_display
from colorworker.training.events import CopyProgress, Progress, TrainingProgress

_LINE_SECONDS = 10.0

Show = Callable[[Progress], None]


def display(*, quiet: bool) -> AbstractContextManager[Show]:
    """Return a display of a training's progress that suits stderr."""
    return choose_display(quiet, _bar, _lines)


def describe(now: Progress) -> str:
    """Return the progress as text."""
    return _copying(now) if isinstance(now, CopyProgress) else _training(now)


def _copying(now: CopyProgress) -> str:
    if now.doing == "waiting":
        return "waiting for another process that copies the pictures"
    if now.doing == "checking":
        return f"checking the local copy, {now.pictures} pictures"
    share = now.done_bytes / max(1, now.total_bytes)
    parts = [
        f"copying the pictures, {now.pictures}",
        f"{now.done_bytes / 2**20:.0f} of {now.total_bytes / 2**20:.0f} MiB ({share:.0%})",
    ]
    if now.pictures_per_second:
        parts.append(f"{now.pictures_per_second:.0f} pictures/s")
    return ", ".join(parts)


def _training(now: TrainingProgress) -> str:
    parts = [
        f"epoch {now.epoch + 1}/{now.epochs}",
        f"step {now.step}/{now.total_steps}",
        f"loss {now.loss:.4f}",
    ]
    if now.pictures_per_second:
        parts.append(f"{now.pictures_per_second:.1f} pictures/s")
    if now.doing == "measuring":
        parts.append("measuring")
    if now.seconds_left and now.step < now.total_steps:
        left = round(now.seconds_left)
        parts.append(f"about {left // 3600} h {left % 3600 // 60} min left")
    return ", ".join(parts)


@contextmanager
def _lines() -> Iterator[Show]:
    """Print a line every few seconds, and whenever something else begins."""
    printed_at, doing = -math.inf, ""

    def show(now: Progress) -> None:
        nonlocal printed_at, doing
        clock = time.monotonic()
        is_new = now.doing != doing and now.doing != "training"
        doing = now.doing
        if is_new or clock - printed_at >= _LINE_SECONDS:
            printed_at = clock
            print(describe(now), file=sys.stderr, flush=True)

    yield show


@contextmanager
def _bar() -> Iterator[Show]:
    """Show a bar of bytes or steps, followed by the progress as text."""
    with bar("reading the pictures") as update:

        def show(now: Progress) -> None:
            if isinstance(now, TrainingProgress):
                update(now.step, now.total_steps, describe(now))
            else:
                update(now.done_bytes, now.total_bytes or None, describe(now))

        yield show
