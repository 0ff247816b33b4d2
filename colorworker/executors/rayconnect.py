"""Into a Ray cluster, or into one that is started here, and out again."""

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import RayError

from colorworker.errors import UsageError

_REACH_SECONDS = 10.0
"""How long the head of a cluster may take to accept a connection."""


def join(address: str) -> None:
    """Connect this process to a cluster, or start one on this machine.

    Raises:
        UsageError: If there is no cluster at that address, or it does not let us in.
    """
    _refuse_unreachable(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or "local",
            include_dashboard=False if not address else None,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    except (ConnectionError, RayError) as error:
        raise UsageError(
            "ray",
            f"the cluster at {address or 'this machine'} cannot be joined ({error})",
            "Check RAY_ADDRESS, and RAY_AUTH_MODE=token with the cluster's token where it asks for"
            " one",
        ) from error
    finally:
        # ray.init puts a handler of its own there, under which SIGTERM would end the job at once.
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _refuse_unreachable(address: str) -> None:
    """Knock before `ray.init`, which would knock at a dead address for more than 100 seconds."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # Nothing, `auto` or `local`: Ray knows where.
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            address,
            f"no Ray cluster can be reached there ({error})",
            "Check RAY_ADDRESS, and that the cluster runs and its port is open from here",
        ) from error


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Be in the cluster within the block; one that this process is in already is kept.

    Raises:
        UsageError: As `join`.
    """
    if ray.is_initialized():
        yield
        return
    join(address)
    try:
        yield
    finally:
        ray.shutdown()
