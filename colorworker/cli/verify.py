"""`colorworker verify DESTINATION`."""

import sys
from functools import partial
from typing import Annotated

import typer

from colorworker.api.verification import (
    VerifyControl,
    VerifyReport,
    VerifyRequest,
    run_verification,
)
from colorworker.cli.colorize import refuse_relative
from colorworker.cli.exitcodes import INTERRUPTED, SOME_FAILED
from colorworker.cli.interrupt import StopFlag
from colorworker.cli.logs import LogFormat, LogLevel, configure_logging
from colorworker.cli.progress import describe_checks, display
from colorworker.domain.fixity import Finding
from colorworker.report.text import count, date_and_time, size, visible
from colorworker.runs.fixity.passes import Choices
from colorworker.settings import ExecutorName, load_settings


def verify(
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DESTINATION",
            help="Folder or s3:// that jobs write to.",
            show_default=False,
        ),
    ],
    sources: Annotated[
        bool, typer.Option("--sources", help="Read the sources too, where they were.")
    ] = False,
    source_root: Annotated[
        str,
        typer.Option(
            metavar="ROOT",
            help="Folder or s3:// in which the sources lie now; implies --sources.",
        ),
    ] = "",
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where checks run. Default: ray if RAY_ADDRESS is set, else local."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of checks at a time.")
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Start anew instead of continuing an interrupted check."),
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress on stderr.")] = False,
    on_cluster: Annotated[
        bool, typer.Option("--on-cluster", hidden=True, help="Refuse relative paths.")
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(help="Lowest level of log messages on stderr.")
    ] = "warning",
    log_format: Annotated[
        LogFormat, typer.Option(help="Form of log messages: text, or one JSON object per line.")
    ] = "text",
) -> None:
    """Read everything that jobs wrote, and compare it with their records. Run it again to resume.

    Outputs and parts of films are hashed, films are counted frame by frame and the checksums of
    their FFV1 slices compared. Nothing but the report is written. Each finding is one line that
    begins with the key of the output.

    Exit codes: 0 all is as recorded, 2 could not start, 3 there are findings, 130 interrupted.
    """
    configure_logging(log_level, log_format)
    if on_cluster:
        refuse_relative([destination, *filter(None, [source_root])])
    settings = load_settings()
    request = VerifyRequest(
        destination,
        Choices(sources or bool(source_root), source_root),
        executor or settings.run.executor,
        workers or settings.run.workers,
        restart,
    )
    control = VerifyControl(
        stop_flag=partial(StopFlag, settings.run.stop_seconds),
        display=partial(display, quiet=quiet, describe=describe_checks),
        each=_print_finding,
        continued=_print_continued,
    )
    report = run_verification(request, settings, control)
    _print_end(report)
    if report.stopped:
        raise typer.Exit(INTERRUPTED)
    if report.findings:
        raise typer.Exit(SOME_FAILED)


def _print_finding(finding: Finding) -> None:
    print(visible(str(finding)), flush=True)


def _print_continued(begun_at: str) -> None:
    print(f"continuing the check of {date_and_time(begun_at)}", file=sys.stderr)


def _print_end(report: VerifyReport) -> None:
    found = count(len(report.findings), "finding")
    read = f"{count(report.outputs, 'output')} checked, {size(report.size_bytes)} read"
    print(f"{read}, {found}")
    if report.stopped:
        print("interrupted: run the same command again to resume")
    elif report.page:
        print(f"report: {report.page}")
