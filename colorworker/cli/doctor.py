"""`colorworker doctor`."""

import typer

from colorworker.executors.doctor import checks
from colorworker.settings import apply_environment, tensorflow_environment

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor() -> None:
    """Check what is installed, reachable and fast enough here. Exit code 3 if a check fails."""
    apply_environment(tensorflow_environment())
    failed = False
    for check in checks():
        failed |= check.status == "fail"
        print(f"{_MARKS[check.status]}  {check.name}: {check.detail}")
        if check.next_step:
            print(f"      {check.next_step}")
    if failed:
        raise typer.Exit(3)
