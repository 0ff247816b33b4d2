"""The command line as people start it: in a process of its own, or quicker in this one."""

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
# The films' stripes move so fast that every frame would be predicted, and every segment's
# look-ahead too: without settling there is next to none, and the tests take half the time.
QUICK = {"COLORWORKER_MEDIA__SETTLE_ANCHORS": "0", "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12"}


@dataclass(frozen=True)
class Command:
    """The command line, in an environment without settings of its own."""

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
        """Run it in this process, which has imported TensorFlow once for all."""
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
    # Not cleared and filled again: TensorFlow reads some of it whenever it likes, from C.
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
    """Return the command line without the settings of whoever runs the tests.

    `cache` is its folder of what was measured on a machine: nothing is expected by that of others.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLORWORKER_", "RAY_"))
    }
    return Command({**kept, **QUICK, "COLORWORKER_RUN__CACHE": str(cache)})
