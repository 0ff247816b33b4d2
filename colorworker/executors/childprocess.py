"""A child process of the local executor, seen from the parent."""

import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from colorworker.executors.silence import Silence, stalled
from colorworker.store.scratchfiles import ScratchFiles

COLORIZER_WANTED = "colorizer wanted"
"""Message: the child waits for the colorizer process."""
_EXIT_SECONDS = 5.0
"""How long a process that has closed its connection may take to end."""
_REPORTS_PER_BOUND = 10
_LONGEST_REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class Ready:
    """Message: the child can take work."""

    scratch: ScratchFiles = field(default_factory=ScratchFiles)
    """Its temporary files."""


@dataclass(frozen=True)
class Setup:
    """The first message to every child."""

    spec: Any
    """A WorkerSpec."""
    log_levels: tuple[int, int]
    """Levels of the root logger and of ours."""
    progress_seconds: float
    """How often the child reports for how many seconds its work has not advanced, as a float."""


class ChildProcess:
    """A process that runs one of our modules, and a connection for messages in both directions.

    The child does not import `__main__`, so scripts need no guard. It ends when this process does.
    """

    def __init__(self, module: str, spec: object, descriptor: int, stall_seconds: float) -> None:
        """Start the process.

        Args:
            module: Module of this room; its `main` gets two file descriptors.
            spec: Setup of the worker.
            descriptor: The second descriptor; it stays open here.
            stall_seconds: How long the child may give no sign of progress.
        """
        self._stall_seconds = stall_seconds
        self._silence = Silence()
        self.end = ""
        """How it ended, as a clause such as `was killed by SIGSEGV`; empty while it runs."""
        ours, theirs = socket.socketpair()
        with theirs:
            inherited = theirs.fileno(), descriptor
            # Not `-m`, which would search the current folder first.
            code = (
                f"import sys; sys.path[:] = {sys.path!a};"
                f" from colorworker.executors.{module} import main; main{inherited}"
            )
            warnings = [f"-W{option}" for option in sys.warnoptions]
            self._process = subprocess.Popen(  # noqa: S603 - our own code, by the same Python
                [sys.executable, *warnings, "-c", code],
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
            )
        self.connection = Connection(ours.detach())
        levels = logging.getLogger().level, logging.getLogger("colorworker").getEffectiveLevel()
        often = min(_LONGEST_REPORT_SECONDS, stall_seconds / _REPORTS_PER_BOUND)
        self.send(Setup(spec, levels, often))

    @property
    def pid(self) -> int:
        """ID of the process."""
        return self._process.pid

    def send(self, message: object) -> None:
        """Send a message; one to a dead child is dropped, because `messages` will tell."""
        with suppress(OSError):
            self.connection.send(message)

    def messages(self) -> Iterator[object]:
        """Yield the messages that have arrived. Log records go to the loggers of this process.

        Ends the process if it has been silent for too long. Afterwards, `end` tells whether and how
        it ended.
        """
        try:
            while not self.end and self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, float):
                    self._silence.begin(message)
                    continue
                self._silence.begin()
                if isinstance(message, logging.LogRecord):
                    logger = logging.getLogger(message.name)
                    if logger.isEnabledFor(message.levelno):
                        logger.handle(message)
                else:
                    yield message
        except (EOFError, OSError):
            # It is about to end by itself, and its exit code tells why.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
            self.kill()
        if not self.end and self._silence.seconds() > self._stall_seconds:
            self.kill()
            self.end = stalled(self._stall_seconds)

    def kill(self) -> None:
        """End the process if it still runs."""
        self._process.kill()
        code = self._process.wait()
        self.connection.close()
        self.end = self.end or _how_it_ended(code)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # real-time signals between the first and the last
        name = f"signal {-code}"
    return f"was killed by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
