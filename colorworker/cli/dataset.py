"""`colorworker dataset inspect PREFIX`."""

import logging
import sys
from collections import Counter
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions

app = typer.Typer(help="Look at pictures to train and measure on.", no_args_is_help=True)
_BAR = 40
_NAMES = 10


@app.callback()
def _only() -> None:
    """Keep `inspect` a command of its own."""


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
        typer.Option(metavar="FILE.png", help="Write the histogram and a contact sheet beside it."),
    ] = None,
    min_colorfulness: Annotated[
        float, typer.Option(min=0, help="Below it a picture counts as gray.")
    ] = 6.0,
    pictures: Annotated[int, typer.Option(min=1, max=400, help="On the sheet.")] = 60,
) -> None:
    """Count pictures, gray ones and broken ones, and show how colorful they are.

    Exit codes: 0 looked at, 2 nothing there or no way to it.
    """
    # libvips tells of every step of every picture.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    apply_environment(tensorflow_environment())
    from colorworker.training.dataset import open_dataset
    from colorworker.training.intake import IntakeRules
    from colorworker.training.localcopy import LocalCopy

    settings = load_settings()
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    rules = IntakeRules(
        128, min_colorfulness=min_colorfulness, max_pixels=settings.media.max_pixels
    )
    console = Console(stderr=True)
    with closing(LocalCopy(settings.run.scratch or Path(gettempdir()), 1 << 40)) as local_copy:
        with Status("reading the pictures", console=console):
            dataset = open_dataset(
                prefix, local_copy, rules, opened=partial(open_store, options=stores)
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
    """Return colorfulness in steps of 10 as lines of text; about 40 is a usual photograph."""
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
