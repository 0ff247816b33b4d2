"""The colorizer process of the local executor: the only one that imports TensorFlow."""

import socket
from functools import partial

from colorworker.errors import UsageError
from colorworker.executors.childprocess import Ready
from colorworker.executors.parentlink import ParentLink, leave
from colorworker.executors.preflight import network_runtime
from colorworker.executors.remotecolorizer import ColorizerService
from colorworker.executors.worker import Colorizers, load_network


def main(link_descriptor: int, answering_descriptor: int) -> None:
    """Predict for all worker processes until the parent ends.

    Args:
        link_descriptor: Connection to the parent.
        answering_descriptor: Socket that gives the connections of workers.
    """
    link = ParentLink(link_descriptor)
    try:
        with link.progress.working():
            network_runtime()
    except UsageError as error:
        link.send(error)
        leave(0)
    link.send(Ready())
    service = ColorizerService(Colorizers(partial(load_network, link.spec)), link.progress)
    service.serve(socket.socket(fileno=answering_descriptor))
