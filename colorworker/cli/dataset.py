"""`colorworker dataset inspect PREFIX`."""

import logging
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from colorworker.settings import load_settings

app = typer.Typer(help="Inspect data sets for training and evaluation.", no_args_is_help=True)
_BAR = 40
_NAMES = 10


@app.callback()
def _only() -> None:
    """Keep `inspect` a subcommand: with a single command, typer would drop its name."""


@app.command()
def inspect(
    prefix: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX", help="Folder, s3:// prefix or glob of pictures or of tar shards."
        ),
    ],
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Write a histogram to this file, and a contact sheet next to it.",
        ),
    ] = None,
    min_colorfulness: Annotated[
        float, typer.Option(min=0, help="Pictures below this colorfulness count as gray.")
    ] = 6.0,
    pictures: Annotated[
        int, typer.Option(min=1, max=400, help="Number of pictures on the contact sheet.")
    ] = 60,
) -> None:
    """Count usable, gray and broken pictures, and show how colorful they are.

    Exit codes: 0 inspected, 2 there are no pictures or they cannot be reached.
    """
    # libvips logs every step of every picture.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    from colorworker.training.launch import reading_dataset

    with ExitStack() as stack:
        with Status("reading the pictures", console=Console(stderr=True)):
            dataset = stack.enter_context(
                reading_dataset(prefix, load_settings(), min_colorfulness)
            )
        inventory = dataset.inventory
        print(f"pictures: {len(inventory.kept)} to train and measure on")
        print(f"  for training: {len(inventory.train)}, for validation: {len(inventory.held_out)}")
        for name, keys in (
            ("gray", [(key, "") for key in inventory.gray]),
            ("broken", inventory.broken),
        ):
            print(f"{name}: {len(keys)}")
            for key, reason in keys[:_NAMES]:
                print(f"  {key}{': ' if reason else ''}{reason}")
        print(_histogram([float(value) for value in inventory.colorfulness], min_colorfulness))
        if sheet is not None:
            from colorworker.training.datasetsheet import contact_sheet

            pages = contact_sheet(dataset, min_colorfulness, pictures)
            for path, data in zip((sheet, _beside(sheet)), pages, strict=True):
                path.write_bytes(data)
                print(f"written: {path}", file=sys.stderr)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-colorfulness{path.suffix}")


def _histogram(values: list[float], mark: float) -> str:
    """Return a histogram of colorfulness as text; a typical photograph has about 40."""
    if not values:
        return "colorfulness: no picture decodes"
    counts = Counter(min(int(value // 10), 12) for value in values)
    most = max(counts.values())
    lines = [f"colorfulness, mean {sum(values) / len(values):.1f}, gray below {mark:g}:"]
    for step in range(max(counts) + 1):
        count = counts.get(step, 0)
        label = f"{step * 10:4d}+ " if step == 12 else f"{step * 10:4d}-{step * 10 + 10:<4d}"
        lines.append(f"{label:>9} {count:7d} {'#' * round(_BAR * count / most)}")
    return "\n".join(lines)
