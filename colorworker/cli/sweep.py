"""`colorworker sweep DESTINATION`."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from colorworker.domain.durations import duration_seconds
from colorworker.report.text import count, destination_label, size, visible
from colorworker.runs.orphans import Orphan
from colorworker.runs.sweep import AgeLimits, age_limits, sweep
from colorworker.settings import load_settings
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions


def sweep_destination(
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="Folder or s3:// that jobs write to.",
            show_default=False,
        ),
    ],
    delete: Annotated[
        bool, typer.Option("--delete", help="Really remove it; by default it is only named.")
    ] = False,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="What is younger stays; such as 24h or 30m.")
    ] = "24h",
    reports_older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Of runs' reports; a job's latest always stays.")
    ] = "90d",
    quiet: Annotated[bool, typer.Option(help="Only the sums.")] = False,
) -> None:
    """Remove what jobs have left behind and nothing needs; by default only say what that is.

    That is: attempts that did not win, parts of films that stand, temporary files, folders that are
    empty, uploads in parts that were never completed, before/after pictures that no record names,
    and reports of old runs. Outputs and done-records are never touched, nor what a run that is
    going on may have put.

    Exit codes: 0 done, 2 could not start or the store gave up.
    """
    ages = (
        duration_seconds(older_than, "--older-than"),
        duration_seconds(reports_older_than, "--reports-older-than"),
    )
    settings = load_settings()
    options = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    with closing(open_store(destination, options)) as store:
        folder = destination_label(store, destination)
        limits = age_limits(store, *ages)
        _print_live(limits)
        for swept in sweep(store, limits, delete=delete):
            counts[swept.kind] += 1
            sizes[swept.kind] += swept.size_bytes
            if not quiet:
                print(_line(swept))
    _print_sums(folder, counts, sizes, delete=delete)


def _print_live(limits: AgeLimits) -> None:
    if limits.live:
        since = datetime.fromtimestamp(limits.before, UTC).isoformat(timespec="seconds")
        print(f"{count(len(limits.live), 'run')} going on: what was put after {since} stays")


def _line(swept: Orphan) -> str:
    when = datetime.fromtimestamp(swept.modified_at, UTC).isoformat(timespec="seconds")
    return f"{swept.kind:<14} {swept.size_bytes:>14} {when} {visible(swept.key)}"


def _print_sums(folder: str, counts: Counter[str], sizes: Counter[str], *, delete: bool) -> None:
    for kind, number in counts.items():
        print(f"{count(number, kind)}: {size(sizes[kind])}")
    if not counts:
        print(f"{visible(folder)}: nothing to sweep")
    elif delete:
        print(f"{visible(folder)}: {size(sizes.total())} removed")
    else:
        print(f"{visible(folder)}: {size(sizes.total())} could go; --delete removes them")
