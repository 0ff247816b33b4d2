"""`colorworker status DESTINATION`."""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from colorworker.cli.exitcodes import SOME_FAILED
from colorworker.errors import UsageError
from colorworker.report.text import destination_label
from colorworker.runs.joblist import find_job, list_jobs, read_latest_jobs
from colorworker.runs.jobspage import JOBS_PAGE_KEY, write_jobs_page
from colorworker.runs.stateversion import check_state
from colorworker.runs.statustext import needs_attention, status_json, status_lines
from colorworker.settings import load_settings
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions

_HISTORY = 10
"""Runs shown with --job."""


def status(
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="Folder or s3:// that jobs write to.",
            show_default=False,
        ),
    ],
    job: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Only this job, with its latest runs: its ID or a prefix of it."
        ),
    ] = "",
    last: Annotated[
        int, typer.Option(min=0, help="Number of jobs shown, newest first; 0: all.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Rewrite the page over all jobs.")] = False,
) -> None:
    """Show job status from the destination's records, during a run or after it.

    Writes nothing unless --page is given. --json prints one object, described in
    colorworker/runs/statustext.py.

    Exit codes: 0 the newest run (of all jobs, or of the job) is in progress, was stopped or
    succeeded; 2 there are no jobs or no such job; 3 the newest run has failed items, broke or was
    lost.
    """
    settings = load_settings()
    options = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    with closing(open_store(destination, options)) as store:
        check_state(store, destination)
        folder = destination_label(store, destination)
        jobs = find_job(store, job) if job else list_jobs(store)
        if not jobs:
            raise UsageError(
                folder,
                "no job has written to it",
                "Check the path, or the bucket and its prefix",
            )
        chosen = read_latest_jobs(store, jobs, last or None, _HISTORY if job else 1)
        if page:
            write_jobs_page(store, folder, None if job else jobs)
    now = datetime.now(UTC)
    if as_json:
        print(json.dumps(status_json(store.uri, chosen, len(jobs), now), indent=1))
    else:
        for line in status_lines(folder, chosen, len(jobs), now):
            print(line)
        if page:
            print(f"\npage: {folder}/{JOBS_PAGE_KEY}")
    newest = [found.latest for found in chosen[:1] if found.latest]
    if needs_attention(newest, now):
        raise typer.Exit(SOME_FAILED)
