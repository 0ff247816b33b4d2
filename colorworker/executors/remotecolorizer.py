"""Colorizers that predict in another process, which holds the only copy of the network.

Requests and replies hold pictures at the size at which the network sees them, about 1 MB: copying
them takes a hundredth of the time of the prediction.
"""

import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer, Floats, KnownOfBatch
from colorworker.domain.options import PredictionSettings
from colorworker.errors import ColorworkerError, PlaceFailed
from colorworker.pipeline.freedmemory import return_freed_memory
from colorworker.pipeline.unitprogress import UnitProgress

logger = logging.getLogger(__name__)

_BEGUN = "begun"
"""Sent before a request is worked on: if the process dies now, that request may be the cause."""
_ONE_BYTE = b"\0"
"""A message that only carries a file descriptor."""


@dataclass(frozen=True)
class _Request:
    settings: PredictionSettings
    method: str
    """Of Colorizer."""
    arguments: tuple[Any, ...]


class RemoteColorizers:
    """The colorizers of a worker process; requests go to the colorizer process."""

    def __init__(
        self, asking: socket.socket, progress: UnitProgress, wanted: Callable[[], None]
    ) -> None:
        """Connect when the first request is made.

        Args:
            asking: Passes connections to whichever process answers requests now.
            progress: Told when this process waits.
            wanted: Called when a connection is passed: the other process may have to be started.
        """
        self._asking, self._progress, self._wanted = asking, progress, wanted
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def __call__(self, settings: PredictionSettings) -> Colorizer:
        """Return a colorizer for these settings."""
        return _RemoteColorizer(self, settings)

    def ask(self, request: _Request) -> Any:
        """Return the answer of the colorizer process.

        Raises:
            ColorworkerError: If it cannot load the network.
            PlaceFailed: If it dies while it works on this request. If it dies before, the request
                is sent again.
            RuntimeError: If the prediction fails.
        """
        with self._lock, self._progress.waiting():
            while True:
                has_begun = False
                try:
                    connection = self._connection = self._connection or self._connect()
                    connection.send(request)
                    has_begun = connection.recv() == _BEGUN
                    answer = connection.recv()
                except (EOFError, OSError) as error:
                    self._connection = None
                    if has_begun:
                        raise PlaceFailed("the colorizer", "its process died") from error
                    continue
                if isinstance(answer, Exception):
                    raise answer
                return answer

    def _connect(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            self._wanted()
            socket.send_fds(self._asking, [_ONE_BYTE], [theirs.fileno()])
        return Connection(ours.detach())


@dataclass(frozen=True)
class _RemoteColorizer:
    """One colorizer of the other process."""

    remote: RemoteColorizers
    settings: PredictionSettings

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        shape: tuple[int, int] = self.remote.ask(
            _Request(self.settings, "working_shape", (height, width))
        )
        return shape

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        chroma: Floats = self.remote.ask(_Request(self.settings, "predict", (lightness, known)))
        return chroma

    def distribution(self, lightness: Floats) -> ColorDistribution:
        found: ColorDistribution = self.remote.ask(
            _Request(self.settings, "distribution", (lightness,))
        )
        return found


class ColorizerService:
    """Answers the requests of worker processes one at a time: one prediction uses all cores."""

    def __init__(
        self, colorizers: Callable[[PredictionSettings], Colorizer], progress: UnitProgress
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            colorizers: Returns the colorizer for settings.
            progress: Told about each request.
        """
        self._colorizers, self._progress = colorizers, progress
        self._has_predicted = False

    def serve(self, answering: socket.socket) -> None:
        """Answer requests until the socket is shut down.

        All in one thread: TensorFlow would keep memory for each thread that predicts.

        Args:
            answering: Socket that gives the connections of workers.
        """
        connections: list[Connection] = []
        while True:
            for ready in wait([answering, *connections]):
                if isinstance(ready, Connection):
                    if not self._answer_one(ready):
                        connections.remove(ready)
                        ready.close()
                    continue
                data, descriptors, _, _ = socket.recv_fds(answering, len(_ONE_BYTE), 1)
                if not data:
                    return
                connections += map(Connection, descriptors)

    def _answer_one(self, connection: Connection) -> bool:
        """Answer the next request of a worker; return False if the worker has ended."""
        try:
            request = connection.recv()
            with self._progress.working():
                connection.send(_BEGUN)
                connection.send(self._answer(request))
        except (EOFError, OSError):
            return False
        return True

    def _answer(self, request: _Request) -> Any:
        """Return the answer, or the exception to raise in the worker."""
        try:
            colorizer = self._colorizers(request.settings)
            answer = getattr(colorizer, request.method)(*request.arguments)
        except ColorworkerError as error:
            return error
        except Exception as error:  # becomes an internal error of the unit
            # The worker may lack the classes of TensorFlow's exceptions.
            logger.exception("a prediction failed")
            return RuntimeError(f"{type(error).__name__}: {error}")
        if request.method == "predict" and not self._has_predicted:
            # Compiling the network has used 100 MiB for a moment.
            self._has_predicted = True
            return_freed_memory()
        return answer
