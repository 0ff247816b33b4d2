"""Ctrl-C once: finish what is in flight. Twice: stop at once."""

import os
import signal
import sys
from types import FrameType, TracebackType
from typing import NoReturn, Self

INTERRUPTED = 130
"""Exit code of a job that was interrupted: 128 + SIGINT."""


def leave(code: int = INTERRUPTED) -> NoReturn:
    """End the process at once, by default as one that was interrupted.

    Threads inside codecs cannot be ended, and would be waited for; nothing of theirs is published
    yet.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class StopFlag:
    """Turns true at the first SIGINT or SIGTERM; the second ends the process.

    Ending at once is safe at any moment: whatever was committed stays, and the rest is done again.
    """

    def __init__(self) -> None:
        self._set = False
        self._previous: dict[int, signal._HANDLER] = {}

    def __call__(self) -> bool:
        """Return whether the job is to stop."""
        return self._set

    def __enter__(self) -> Self:
        """Take over the signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._set:
            sys.stderr.write("\nStopped. Run the same command again to go on.\n")
            sys.stderr.flush()
            # Threads inside codecs cannot be interrupted, and nothing of theirs is published yet.
            os._exit(INTERRUPTED)
        self._set = True
        name = signal.Signals(number).name
        sys.stderr.write(f"\n{name}: finishing what is in flight; once more stops at once.\n")
        sys.stderr.flush()
