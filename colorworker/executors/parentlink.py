"""The connection of a child process to the process that started it."""

import copy
import ctypes
import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from colorworker.executors.childprocess import Setup
from colorworker.pipeline.unitprogress import UnitProgress

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h: the signal that a process gets when its parent ends."""


class ParentLink:
    """Messages from and to the parent. The process ends when the parent is gone.

    SIGINT and SIGTERM are ignored: terminals and process managers send them to every process, and
    the parent decides which units still finish.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over the process: signals, logging, and reading of messages.

        Args:
            descriptor: File descriptor of the connection.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _die_with_parent()
        self._connection = Connection(descriptor)
        self._sending = threading.Lock()
        self._received: SimpleQueue[Any] = SimpleQueue()
        setup = self._connection.recv()
        if not isinstance(setup, Setup):
            raise TypeError(f"the first message is a {type(setup).__name__}")
        self.spec = setup.spec
        self.progress = UnitProgress()
        root_level, own_level = setup.log_levels
        logging.basicConfig(level=root_level, handlers=[_Forwarder(self)])
        logging.getLogger("colorworker").setLevel(own_level)
        threading.Thread(target=self._read, name="messages", daemon=True).start()
        threading.Thread(
            target=self._report, args=(setup.progress_seconds,), name="progress", daemon=True
        ).start()

    def send(self, message: object) -> None:
        """Send a message; ends the process if the parent is gone."""
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:
            leave(1)

    def messages(self) -> Iterator[Any]:
        """Yield the parent's messages, without end."""
        while True:
            yield self._received.get()

    def _read(self) -> None:
        try:
            while True:
                self._received.put(self._connection.recv())
        except (EOFError, OSError):
            leave(1)

    def _report(self, seconds: float) -> None:
        while True:
            self.send(self.progress.look())
            time.sleep(seconds)


class _Forwarder(logging.Handler):
    """Sends log records to the parent."""

    def __init__(self, link: ParentLink) -> None:
        super().__init__()
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        sent = copy.copy(record)
        sent.msg, sent.args = record.getMessage(), None
        if record.exc_info:
            sent.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        sent.exc_info = None
        self._link.send(sent)


def leave(code: int) -> None:
    """End this process at once, whatever its threads are doing."""
    os._exit(code)


def _die_with_parent() -> None:
    """Ask Linux to kill this process with its parent, even if it is suspended or stuck."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (AttributeError, OSError):  # other systems: the reading thread notices
        return
