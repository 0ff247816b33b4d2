"""Prints an evaluation: tables on stdout, progress on stderr."""

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from colorworker.evaluation.breakdown import cells
from colorworker.evaluation.table import (
    FILM_COLUMNS,
    Breakdown,
    Evaluation,
    FilmRow,
    breakdowns,
    columns,
    film_cells,
)
from colorworker.report.text import visible

if TYPE_CHECKING:
    from colorworker.evaluation.run import Tell

_LINE_SECONDS = 5.0
_FILE_WIDTH = 160
"""Width where stdout is not a terminal, so that tables are not folded to 80 columns."""
_FEW = 5


def show_pictures(evaluation: Evaluation) -> None:
    """Print the tables of pictures, and which ones could not be measured."""
    shown = columns(evaluation.rows)
    table = _table([heading for heading, _, _ in shown])
    truth = (evaluation.truth_colorfulness, evaluation.truth_colorfulness_absolute)
    table.add_row("truth", *(f"{value:.1f}" for value in truth), end_section=True)
    for row in evaluation.rows:
        table.add_row(visible(row.name), *cells(row, shown))
    _console().print(table)
    for part in breakdowns(evaluation):
        _show_breakdown(part)
    print(f"{evaluation.pictures} pictures measured, {len(evaluation.broken)} not")
    _failures([error for _, error in evaluation.broken])


def show_films(films: Sequence[FilmRow], failures: Sequence[str]) -> None:
    """Print the table of films, and which ones could not be measured."""
    if films:
        table = _table([heading for heading, _, _ in FILM_COLUMNS])
        for film in films:
            table.add_row(visible(f"{film.film}: {film.coloring}"), *film_cells(film))
        _console().print(table)
    _failures(failures)


@contextmanager
def progress(*, quiet: bool) -> "Iterator[Tell]":
    """Give a function that shows progress on stderr: a bar on a terminal, otherwise lines."""
    if quiet:
        yield lambda _what, _done, _total: None
    elif not sys.stderr.isatty():
        yield _lines()
    else:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task("starting", total=None)

            def show(what: str, done: int, total: int) -> None:
                bar.update(task, description=what, completed=done, total=total or None)

            yield show


def _lines() -> "Tell":
    printed = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _LINE_SECONDS:
            printed = time.monotonic()
            print(f"{what}: {done}/{total or '?'}", file=sys.stderr, flush=True)

    return show


def _show_breakdown(part: Breakdown) -> None:
    """Print a table with a section for each kind or color."""
    table = _table(["", *part.headings])
    table.columns[0].header, table.columns[1].justify = f"by {part.title}", "left"
    for group, rows in itertools.groupby(part.rows, key=lambda row: row[0]):
        for place, (_, name, *numbers) in enumerate(rows):
            table.add_row("" if place else visible(group), visible(name), *numbers)
        table.add_section()
    _console().print(table)


def _failures(errors: Sequence[str]) -> None:
    for error in errors[:_FEW]:
        print(f"not measured: {visible(error)}")
    if len(errors) > _FEW:
        print(f"... and {len(errors) - _FEW} more, on the page")


def _console() -> Console:
    width = None if sys.stdout.isatty() else _FILE_WIDTH
    return Console(width=width, highlight=False, markup=False)


def _table(headings: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
