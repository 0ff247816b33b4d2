"""How a running job looks on stderr: a bar on a terminal, a line every few seconds otherwise."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from colorworker.driver import Progress as JobProgress

_LINE_SECONDS = 5.0


class Display(Protocol):
    """Shows progress between `__enter__` and `__exit__`."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End."""
        ...

    def __call__(self, now: JobProgress, /) -> None:
        """Show a moment of the job."""
        ...


def choose_display(quiet: bool) -> Display:
    """Return the display that suits stderr."""
    if quiet:
        return _Silent()
    return _Bar() if sys.stderr.isatty() else _Lines()


def describe(now: JobProgress, seconds: float) -> str:
    """Return one moment as words: units, items, frames per second, time left, failures."""
    parts = [
        f"{now.items_done}/{now.items_total} items",
        f"{now.units_done}/{now.units_known} units",
    ]
    coloured = now.frames_done - now.frames_resumed
    if coloured and seconds > 0:
        parts.append(f"{coloured / seconds:.1f} frames/s")
    if now.units_done and now.units_done < now.units_known:
        left = seconds / now.units_done * (now.units_known - now.units_done)
        parts.append(f"about {_duration(left)} left")
    parts.append(f"{now.items_failed} failed")
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes}:{rest:02d}"


class _Silent:
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def __call__(self, _now: JobProgress, /) -> None:
        return None


class _Lines(_Silent):
    """A line at the start, every few seconds, and at the end."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._last = 0.0
        self._now: JobProgress | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._print()

    def __call__(self, now: JobProgress, /) -> None:
        self._now = now
        if time.monotonic() - self._last >= _LINE_SECONDS:
            self._print()

    def _print(self) -> None:
        if self._now is not None:
            self._last = time.monotonic()
            print(describe(self._now, self._last - self._start), file=sys.stderr, flush=True)


class _Bar(_Silent):
    """A bar of units, with the words behind it."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar = Progress(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, now: JobProgress, /) -> None:
        self._bar.update(
            self._task,
            total=now.units_known or None,
            completed=now.units_done,
            description=describe(now, time.monotonic() - self._start),
        )
