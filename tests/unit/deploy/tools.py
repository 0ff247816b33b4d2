"""Runs linters that are installed as wheels."""

import subprocess
import sys
from pathlib import Path


def lint(tool, *arguments, text=None):
    """Return (exit code, output) of a tool from the `test` extra; `text` goes to its stdin."""
    done = subprocess.run(
        [Path(sys.executable).parent / tool, *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr
