"""`colorworker train CONFIG.toml`."""

import logging
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from colorworker.cli.exitcodes import INTERRUPTED
from colorworker.cli.interrupt import StopFlag
from colorworker.cli.logs import LogFormat, LogLevel, configure_logging
from colorworker.cli.train_progress import display
from colorworker.settings import load_settings
from colorworker.training.events import TrainingResult
from colorworker.training.launch import launch, read_config


def train(
    config: Annotated[
        Path,
        typer.Argument(metavar="CONFIG.toml", help="Training configuration; see jobs/configs."),
    ],
    data: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Folder, s3:// prefix or glob of pictures or shards."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Folder or s3:// prefix for checkpoints and weights."),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="NAME|PATH|URI", help="Weights to start from.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of Ray Train workers; 1 trains here, without Ray."),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Train on Ray even with one worker.")] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of passes over the pictures.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many steps.")
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress on stderr.")] = False,
    log_level: Annotated[
        LogLevel, typer.Option(help="Lowest level of log messages on stderr.")
    ] = "warning",
    log_format: Annotated[
        LogFormat, typer.Option(help="Form of log messages: text, or one JSON object per line.")
    ] = "text",
) -> None:
    """Train a network. Run the same command again to resume from the last checkpoint.

    Exit codes: 0 trained, 2 could not start, 130 stopped and can be resumed.
    """
    configure_logging(log_level, log_format)
    # libvips logs every step of every picture.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    given: dict[str, Any] = {
        "data.train": data,
        "run.output": output,
        "model.weights": weights,
        "cluster.workers": workers,
        "optimizer.epochs": epochs,
        "optimizer.max_steps": max_steps,
    }
    wanted = read_config(config, given)
    settings = load_settings()
    # Keras and Ray print to stdout; stdout is for results only.
    with redirect_stdout(sys.stderr):
        result = launch(
            wanted,
            settings,
            on_ray=ray,
            stop_flag=partial(StopFlag, settings.run.stop_seconds),
            display=partial(display, quiet=quiet),
        )
    _print_result(result, wanted.run.output.rstrip("/"))
    if result.reason in {"stopped", "stopped while copying"}:
        raise typer.Exit(INTERRUPTED)


def _print_result(result: TrainingResult, folder: str) -> None:
    if result.reason == "stopped while copying":
        print("stopped while copying the pictures; run the same command again to resume")
        return
    if result.reason == "stopped":
        print(f"stopped at step {result.step}; run the same command again to resume")
        return
    print(f"{result.reason} at step {result.step}")
    if result.resumed_at:
        print(f"resumed from steps: {', '.join(map(str, result.resumed_at))}")
    for name, value in result.validation.items():
        print(f"validation {name}: {value:.4f}")
    print(f"weights: {folder}/{result.weights_key}")
    print(f"sha256: {result.weights_sha256}")
