"""`colorworker sweep DESTINATION`."""

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from colorworker.domain.durations import duration_seconds
from colorworker.report.text import count, destination_label, size, visible
from colorworker.runs.orphans import Orphan
from colorworker.runs.stateversion import check_state
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
        bool, typer.Option("--delete", help="Delete the files; by default they are only listed.")
    ] = False,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Keep files newer than this, such as 24h or 30m.")
    ] = "24h",
    reports_older_than: Annotated[
        str,
        typer.Option(metavar="AGE", help="Keep reports newer than this, and each job's latest."),
    ] = "90d",
    quiet: Annotated[bool, typer.Option(help="Print only the totals.")] = False,
) -> None:
    """List leftover files that are safe to delete; with --delete, delete them.

    These are superseded attempts, parts of finished films, temporary files, empty folders,
    incomplete multipart uploads, before/after pictures without a record, and reports of old runs.
    Outputs, done-records and files that a run in progress may have written are never touched.

    Exit codes: 0 done, 2 could not start or the store failed.
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
        check_state(store, destination)
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
        print(f"{count(len(limits.live), 'run')} in progress: files newer than {since} are kept")


def _line(swept: Orphan) -> str:
    when = datetime.fromtimestamp(swept.modified_at, UTC).isoformat(timespec="seconds")
    return f"{swept.kind:<14} {swept.size_bytes:>14} {when} {visible(swept.key)}"


def _print_sums(folder: str, counts: Counter[str], sizes: Counter[str], *, delete: bool) -> None:
    for kind, number in counts.items():
        print(f"{count(number, kind)}: {size(sizes[kind])}")
    if not counts:
        print(f"{visible(folder)}: nothing to sweep")
    elif delete:
        print(f"{visible(folder)}: {size(sizes.total())} deleted")
    else:
        print(f"{visible(folder)}: {size(sizes.total())} can be deleted; use --delete")
