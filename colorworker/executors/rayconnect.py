"""Connect to a Ray cluster, or start Ray on this machine, and disconnect again."""

import logging
import platform
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
_MISMATCH = "Version mismatch"
"""Start of the message of the RuntimeError that `ray.init` raises if versions differ."""


def connect(address: str) -> None:
    """Connect this process to a cluster, or start one on this machine.

    Args:
        address: Address of the cluster; empty starts Ray on this machine.

    Raises:
        UsageError: If there is no cluster at that address, it runs a different version of Ray or
            Python, or it denies access.
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
    except (ConnectionError, RayError, ValueError) as error:  # ValueError: not an address
        raise UsageError(
            "ray",
            f"cannot connect to the cluster at {address or 'this machine'} ({error})",
            "Check RAY_ADDRESS, and set RAY_AUTH_MODE=token with the cluster's token if it requires"
            " one",
        ) from error
    except RuntimeError as error:
        if not str(error).startswith(_MISMATCH):
            raise
        raise _version_mismatch(address, str(error)) from error
    finally:
        # ray.init installs its own handler, under which SIGTERM would end the job at once.
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to a cluster for the duration of the block; an existing connection is kept.

    Raises:
        UsageError: Like `connect`.
    """
    if ray.is_initialized():
        yield
        return
    connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_unreachable(address: str) -> None:
    """Try the address before `ray.init`, which retries a dead one for more than 100 seconds."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # Empty, `auto` or `local`: Ray finds the cluster itself.
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            address,
            f"no Ray cluster can be reached there ({error})",
            "Check RAY_ADDRESS, and that the cluster runs and its port is open from here",
        ) from error


def _version_mismatch(address: str, words: str) -> UsageError:
    """Return the error for a cluster that runs different versions.

    Args:
        address: Address of the cluster.
        words: Ray's message, with lines like `Ray: 2.60.0` and `Python: 3.11.7`, the cluster's
            versions first.
    """
    found = [line.strip().partition(": ")[2] for line in words.splitlines() if line[:4] == " " * 4]
    cluster_ray, cluster_python = [*found, "?", "?"][:2]
    return UsageError(
        "ray",
        f"the cluster at {address} runs Ray {cluster_ray} on Python {cluster_python}, and this"
        f" process Ray {ray.__version__} on Python {platform.python_version()}",
        f"Use the same versions on both sides: pip install 'ray=={cluster_ray}' under Python"
        f" {cluster_python}",
    )
