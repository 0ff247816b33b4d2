"""`colorworker train CONFIG.toml`."""

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from colorworker.cli.exitcodes import INTERRUPTED
from colorworker.errors import UsageError
from colorworker.settings import load_settings
from colorworker.training.config import parse_config
from colorworker.training.launch import run_config


def train(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="What to train; see jobs/configs.")
    ],
    data: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Folder, s3:// prefix or glob of pictures or shards."),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Where checkpoints and weights go.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="NAME|PATH|URI", help="Weights to start from.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Ray Train workers; 1 runs here, without Ray.")
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Train on Ray even with one worker.")] = False,
    epochs: Annotated[int | None, typer.Option(min=1, help="Times through the pictures.")] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="End after so many steps.")] = None,
    quiet: Annotated[bool, typer.Option(help="No progress on stderr.")] = False,
    log_level: Annotated[str, typer.Option(help="Of the log on stderr.")] = "warning",
) -> None:
    """Train a network. Running it again goes on from the last checkpoint in the output.

    Exit codes: 0 trained, 2 could not start, 130 stopped after a checkpoint.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    # libvips tells of every step of every picture.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    given: dict[str, Any] = {
        "data.train": data,
        "run.output": output,
        "model.weights": weights,
        "cluster.workers": workers,
        "optimizer.epochs": epochs,
        "optimizer.max_steps": max_steps,
    }
    try:
        text = config.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(config), f"cannot be read ({error})", "Check the path") from error
    wanted = parse_config(
        text, str(config), {name: value for name, value in given.items() if value is not None}
    )
    ending = run_config(wanted, load_settings(), on_ray=ray, quiet=quiet)
    if ending.reason == "stopped":
        print(f"stopped at step {ending.step}; the same command goes on from there")
        raise typer.Exit(INTERRUPTED)
    print(f"{ending.reason} at step {ending.step}")
    if ending.resumed_at:
        print(f"went on from steps: {', '.join(map(str, ending.resumed_at))}")
    for name, value in ending.validation.items():
        print(f"validation {name}: {value:.4f}")
    folder = wanted.run.output.rstrip("/")
    print(f"weights: {folder}/{ending.weights_key}")
    print(f"sha256: {ending.weights_sha256}")
