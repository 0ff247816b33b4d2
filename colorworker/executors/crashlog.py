"""Read from a process's log by which signal it crashed. Imports only the standard library.

Ray enables Python's faulthandler in every actor. When native code crashes, faulthandler writes a
line such as `Fatal Python error: Segmentation fault` to stderr, and Ray redirects stderr to a file
on the actor's node.
"""

import re
from contextlib import suppress
from pathlib import Path

_SIGNALS = {
    b"Segmentation fault": "SIGSEGV",
    b"Aborted": "SIGABRT",
    b"Bus error": "SIGBUS",
    b"Illegal instruction": "SIGILL",
    b"Floating point exception": "SIGFPE",
}
"""The signals that faulthandler handles, by its names for them
(https://docs.python.org/3.11/library/faulthandler.html, `_PyFaulthandler_Init` in CPython)."""
_CRASH = re.compile(rb"^Fatal Python error: (%s)\s*$" % b"|".join(_SIGNALS), re.MULTILINE)
_TAIL_BYTES = 1 << 18
"""Bytes read from the end of a log. Stack traces and a list of modules follow the line."""


def stderr_file() -> str:
    """Return the path of the file that this process's stderr goes to; empty if it is none."""
    with suppress(OSError):  # not Linux
        path = Path("/proc/self/fd/2").resolve(strict=True)
        return str(path) if path.is_file() else ""
    return ""


def crash_signal(log: str) -> str:
    """Return the name of the signal by which the writer of a log crashed; empty if it does not say.

    Args:
        log: Path of the log.

    Returns:
        SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE or nothing.
    """
    try:
        with Path(log).open("rb") as file:
            file.seek(max(file.seek(0, 2) - _TAIL_BYTES, 0))
            names = _CRASH.findall(file.read(_TAIL_BYTES))
    except OSError:
        return ""
    return _SIGNALS[names[-1]] if names else ""
