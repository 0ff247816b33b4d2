"""`colorworker doctor`."""

from typing import Annotated

import typer

from colorworker.executors.doctor import checks
from colorworker.settings import apply_environment, load_settings, tensorflow_environment

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def doctor(
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH|URI",
            help="Network to check and time; two for a blend. Default: lite.",
        ),
    ] = None,
    model_profile: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Conventions of the network; see colorize.")
    ] = "",
    blend: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of the first of two networks.")
    ] = None,
) -> None:
    """Check what is installed, reachable and fast enough here. Exit code 3 if a check fails."""
    apply_environment(tensorflow_environment())
    failed = False
    for check in checks(load_settings().chosen_model(model or (), model_profile, blend)):
        failed |= check.status == "fail"
        print(f"{_MARKS[check.status]}  {check.name}: {check.detail}")
        if check.next_step:
            print(f"      {check.next_step}")
    if failed:
        raise typer.Exit(3)
