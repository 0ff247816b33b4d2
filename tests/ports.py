"""Ports for servers that tests start."""

import random
import socket

# Above those of Ray's workers, and below those that Linux gives to clients' ends of connections:
# any of these may be taken between the look at it and the server's start.
_PORTS = range(20_000, 32_768)
_unused = iter(random.sample(_PORTS, len(_PORTS)))


def free_port():
    """Return a port that nobody listens at, and never the same again."""
    for port in _unused:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
