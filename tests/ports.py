"""Free TCP ports for servers that tests start."""

import random
import socket

# Above the ports of Ray's workers and below Linux's ephemeral ports, which could be taken by a
# client between the check and the server's start.
_PORTS = range(20_000, 32_768)
_unused = iter(random.sample(_PORTS, len(_PORTS)))


def free_port():
    """Return a port that nothing listens on, a different one on every call."""
    for port in _unused:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
