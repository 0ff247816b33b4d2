"""`colorworker references export SOURCE... REFS`."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from colorworker.cli.exitcodes import SOME_FAILED
from colorworker.cli.optionparameters import with_option_parameters
from colorworker.domain.entries import Entry
from colorworker.domain.options import Options, override
from colorworker.errors import ColorworkerError, UsageError
from colorworker.inputs.listing import open_sources, plan_entries
from colorworker.job import store_options
from colorworker.pipeline.sequenceframes import open_asset
from colorworker.settings import Settings, load_settings
from colorworker.store.objectstore import ObjectStore, OpenStore
from colorworker.store.openstore import open_store

app = typer.Typer(help="Prepare frames of films to be colored by hand.", no_args_is_help=True)


_TAKEN = ("sequences", "fps", "sequence_gaps", "sequence_transfer")
"""Options of jobs that also say which films there are to export from."""


@app.callback()
def _only() -> None:
    """Keep `export` a subcommand: with a single command, typer would drop its name."""


def export(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... REFS",
            help="Films, folders, quoted globs or manifest:LIST, then the folder for the frames.",
            show_default=False,
        ),
    ],
    per_shot: Annotated[
        int, typer.Option(min=1, help="Frames per shot, spread evenly over it.")
    ] = 1,
    every: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="FRAMES",
            help="Instead: the first frame of every shot, and then one every so many frames.",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only matching keys, such as `*.mkv`. Repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Exclude matching keys (overrides --include). Repeatable."
        ),
    ] = None,
    *,
    kind: type[Options],
    **given: Any,
) -> None:
    """Write gray frames of every shot of films, to be colored and given to `colorize --references`.

    Frames that are there already are kept, so nothing that has been colored is lost.

    Exit codes: 0 all written, 2 could not start or there are no films, 3 some films failed.
    """
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    if len(paths) < 2:
        raise UsageError("references export", "only one path is given", "Give SOURCE... and REFS")
    settings = load_settings(kind)
    options = override(settings.options(kind), given)
    opened = partial(open_store, options=store_options(settings))
    chosen = (tuple(include or ()), tuple(exclude or ()))
    films = failed = 0
    with ExitStack() as stack:
        references = stack.enter_context(closing(opened(paths[-1])))
        for entry in _films(stack, paths[:-1], paths[-1], chosen, options, opened):
            films += 1
            if entry.outcome:
                failed += 1
                print(entry.error, file=sys.stderr)
                continue
            try:
                print(_exported(entry, references, opened, settings, per_shot, every))
            except UsageError:
                raise
            except ColorworkerError as error:
                failed += 1
                print(error, file=sys.stderr)
    if not films:
        raise UsageError(", ".join(paths[:-1]), "no film matched", "Check the paths")
    if failed:
        raise typer.Exit(SOME_FAILED)


def _films(
    stack: ExitStack,
    sources: list[str],
    references: str,
    chosen: tuple[tuple[str, ...], tuple[str, ...]],
    options: Options,
    opened: OpenStore,
) -> Iterator[Entry]:
    """Yield the films of the sources; problems of other entries are for `colorize` to report."""
    found = open_sources(stack, sources, (references,), *chosen, opened)
    with TemporaryDirectory(prefix="colorworker-") as folder:
        for entry in plan_entries(found, options, Path(folder)):
            if entry.kind == "film" and entry.outcome in {"", "failed"}:
                yield entry


def _exported(
    entry: Entry,
    references: ObjectStore,
    opened: OpenStore,
    settings: Settings,
    per_shot: int,
    every: int | None,
) -> str:
    """Export the frames of one film; return a line about it."""
    from colorworker.pipeline.referenceexport import export_references

    with (
        closing(opened(entry.root)) as store,
        open_asset(store, entry.key, etag=entry.etag, version=entry.version) as reader,
    ):
        done = export_references(
            reader,
            entry.key,
            references,
            per_shot=per_shot,
            every=every,
            max_pixels=settings.media.max_pixels,
        )
    kept = f", {done.kept} kept" if done.kept else ""
    shots = "1 shot" if done.shots == 1 else f"{done.shots} shots"
    frames = "1 frame" if done.written == 1 else f"{done.written} frames"
    return f"{entry.key}: {shots}, {frames} written{kept}"


app.command()(with_option_parameters(export, Options, _TAKEN))
