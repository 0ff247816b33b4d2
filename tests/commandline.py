"""Runs the command line in a process of its own or, faster, in the test's process."""

import io
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from colorworker.cli.app import main

REPOSITORY = Path(__file__).parents[1]
# The stripes in test films move so fast that every frame would be predicted, including every
# segment's look-ahead. Without settling there is almost no look-ahead, which halves test times.
QUICK = {"COLORWORKER_MEDIA__SETTLE_ANCHORS": "0", "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12"}


@dataclass(frozen=True)
class Command:
    """The command line in a clean environment."""

    environment: dict[str, str]

    def start(self, *arguments, **changes):
        return subprocess.Popen(
            [sys.executable, "-m", "colorworker", *map(str, arguments)],
            env={**self.environment, **changes},
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **changes):
        process = self.start(*arguments, **changes)
        out, err = process.communicate(timeout=280)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def here(self, *arguments, **changes):
        """Run it in this process, which imports TensorFlow only once."""
        out, err = io.StringIO(), io.StringIO()
        words = ["colorworker", *map(str, arguments)]
        with (
            _environment({**self.environment, **changes}),
            patch.object(sys, "argv", words),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                main()
                code = 0
            except SystemExit as ending:
                code = ending.code or 0
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@contextmanager
def _environment(variables):
    # Changed in place, not cleared and refilled: TensorFlow reads it from C at any time.
    before = dict(os.environ)
    for name in before.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def make_command(cache):
    """Return the command line without the settings of the user who runs the tests.

    Args:
        cache: Folder for calibrations, so that those of the machine have no effect.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLORWORKER_", "RAY_"))
    }
    return Command({**kept, **QUICK, "COLORWORKER_RUN__CACHE": str(cache)})
