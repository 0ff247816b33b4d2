"""Entry point of the command line: reports a library that does not load as one sentence."""

import sys

from colorworker.cli.exitcodes import NOT_STARTED
from colorworker.errors import ColorworkerError
from colorworker.executors.preflight import media_libraries


def main() -> None:
    """Run the command line; a library that does not load gives one sentence and exit code 2."""
    try:
        media_libraries()
    except ColorworkerError as error:
        print(f"colorworker: {error}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    from colorworker.cli.app import main as run

    run()
