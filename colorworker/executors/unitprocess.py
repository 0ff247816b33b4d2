"""A worker process of the local executor: runs one unit at a time, without TensorFlow."""

import socket
from functools import partial

from colorworker.errors import UsageError
from colorworker.executors.childprocess import COLORIZER_WANTED, Ready
from colorworker.executors.parentlink import ParentLink
from colorworker.executors.remotecolorizer import RemoteColorizers
from colorworker.executors.worker import open_context, run_on_worker


def main(link_descriptor: int, asking_descriptor: int) -> None:
    """Run units until the parent ends.

    Args:
        link_descriptor: Connection to the parent.
        asking_descriptor: Socket that passes connections to the colorizer process.
    """
    link = ParentLink(link_descriptor)
    colorizers = RemoteColorizers(
        socket.socket(fileno=asking_descriptor), link.progress, partial(link.send, COLORIZER_WANTED)
    )
    with link.progress.working():
        # Imported before the first unit, so that no unit is charged for it.
        import colorworker.pipeline.unit  # noqa: F401

        context = open_context(link.spec, colorizers, link.progress)
    link.send(Ready(context.scratch_files()))
    for unit, attempt in link.messages():
        try:
            with link.progress.working():
                answer = run_on_worker(context, unit, attempt)
        except UsageError as error:
            link.send(error)
        else:
            link.send(answer)
