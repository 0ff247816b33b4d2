"""Lets jobs that run in the test's process predict in it, so that TensorFlow is loaded only once.

Otherwise every job would start a colorizer process, which takes ten seconds of CPU time.
"""

import os
import socket
import threading
from functools import lru_cache, partial
from multiprocessing import Pipe

from colorworker.executors.childprocess import ChildProcess, Ready
from colorworker.executors.remotecolorizer import ColorizerService
from colorworker.executors.worker import Colorizers, load_network
from colorworker.pipeline.unitprogress import UnitProgress


def start_child(module, spec, descriptor, stall_seconds):
    """Stands in for `ChildProcess`: workers are processes, the colorizer is a thread."""
    if module == "colorizerprocess":
        return ColorizerThread(spec, descriptor)
    return ChildProcess(module, spec, descriptor, stall_seconds)


class ColorizerThread:
    """Has what the executor uses of a ChildProcess."""

    def __init__(self, spec, descriptor):
        self.connection, self._ready = Pipe()
        self._ready.send(Ready())
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self.end = ""
        service = ColorizerService(
            _colorizers(spec.model, spec.threads, spec.stores), UnitProgress()
        )
        self._thread = threading.Thread(target=service.serve, args=(self._socket,), daemon=True)
        self._thread.start()

    def messages(self):
        while self.connection.poll():
            yield self.connection.recv()

    def kill(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._socket, self.connection, self._ready):
            each.close()


@lru_cache(maxsize=4)
def _colorizers(model, threads, stores):
    from colorworker.executors.worker import WorkerSpec

    return Colorizers(
        partial(load_network, WorkerSpec("file:///", model, threads=threads, stores=stores))
    )
