"""Linters that come as wheels beside this Python, and what they say."""

import subprocess
import sys
from pathlib import Path


def lint(tool, *arguments, text=None):
    """Return (exit code, output) of a tool of the `test` extra, given `text` on its stdin."""
    done = subprocess.run(
        [Path(sys.executable).parent / tool, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr
