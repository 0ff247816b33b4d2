"""`colorworker colorize SOURCE... DESTINATION`."""

import platform
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from colorworker.cli.dryrun import dry_run, refuse_calibrating
from colorworker.cli.exitcodes import INTERRUPTED, SOME_FAILED
from colorworker.cli.interrupt import StopFlag, leave
from colorworker.cli.logs import LogFormat, LogLevel, configure_logging
from colorworker.cli.progress import display
from colorworker.domain.coloroptions import PLACES
from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.options import Options, override
from colorworker.domain.perframe import predict_every_frame
from colorworker.errors import UsageError
from colorworker.inputs.manifesturi import is_manifest, parse_manifest_uri
from colorworker.inputs.shotsfile import read_shot_adjustments
from colorworker.job import Control, JobEnd, JobRequest, run
from colorworker.report.itemlines import ItemLine
from colorworker.report.text import visible
from colorworker.settings import ExecutorName, Settings, load_settings

_SHOWN_FAILURES = 10
"""Items whose errors are printed at the end; the report has all."""


def colorize(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... DESTINATION",
            help="Files, folders, quoted globs or manifest:LIST, then the folder for the color"
            " copies.",
            show_default=False,
        ),
    ],
    per_frame: Annotated[
        bool,
        typer.Option(
            "--per-frame",
            help="Predict every frame of a film independently: takes three times as long and"
            " flickers.",
        ),
    ] = False,
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where units run. Default: ray if RAY_ADDRESS is set, else local."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH|URI",
            help="Packaged name, path or URI of weights, or of an ONNX file, a .keras file or a"
            " SavedModel folder (folder/). Give two to blend them. Default: lite.",
        ),
    ] = None,
    model_profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="Conventions of an ONNX, Keras or SavedModel network: ddcolor, deoldify,"
            " siggraph17, eccv16, or a TOML file. Default: the .toml beside it, or detected.",
        ),
    ] = "",
    blend: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of the first of two networks, from 0 to 1."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of units at a time.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Only matching keys, such as `*.mkv` or `reels/**`. Repeatable."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Exclude matching keys (overrides --include). Repeatable."
        ),
    ] = None,
    completion_report: Annotated[
        str,
        typer.Option(
            metavar="PREFIX",
            help="Also write a report in the format of S3 Batch Operations below this prefix.",
        ),
    ] = "",
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="Start time, 1:02.5 or 62.5 (single film only)."
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="End time, exclusive (single film only)."),
    ] = None,
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML file with color adjustments for shots.", dir_okay=False
        ),
    ] = None,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be done and how long it would take."),
    ] = False,
    calibrate: Annotated[
        bool | None,
        typer.Option(
            help="With --dry-run: measure how fast this machine is again, or do not measure it."
            " Default: measure it once, which takes about a minute.",
            show_default=False,
        ),
    ] = None,
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
    *,
    kind: type[Options],
    **given: Any,
) -> None:
    """Colorize black-and-white pictures and films. Run it again to resume.

    Exit codes: 0 all done, 2 could not start or nothing matched, 3 some items failed,
    130 interrupted.
    """
    configure_logging(log_level, log_format)
    if len(paths) < 2:
        raise UsageError("colorize", "only one path is given", "Give SOURCE... and DESTINATION")
    if on_cluster:
        refuse_relative(
            [*paths, *filter(None, [completion_report, *(given[name] for name in PLACES)])]
        )
    settings = load_settings(kind)
    choice = settings.chosen_model(model or (), model_profile, blend)
    options = override(settings.options(kind, choice), given)
    options = override(options, {"excerpt": parse_excerpt(start, end)})
    if per_frame:
        options = predict_every_frame(options, given.get("anchor_interval"))
    request = JobRequest(
        sources=tuple(paths[:-1]),
        destination=paths[-1],
        options=options,
        model=choice,
        executor=executor or settings.run.executor,
        workers=workers or settings.run.workers,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        completion_report=completion_report,
        shot_adjustments=read_shot_adjustments(shots, options) if shots else (),
    )
    if dry:
        dry_run(request, settings, calibrate)
        return
    refuse_calibrating(calibrate)
    if code := _run(request, settings, quiet=quiet):
        raise typer.Exit(code)


def _run(request: JobRequest, settings: Settings, *, quiet: bool) -> int:
    """Run the job, print how it ended, and return the exit code."""
    failures: list[ItemLine] = []

    def keep_failure(line: ItemLine) -> None:
        if line.outcome == "failed" and len(failures) < _SHOWN_FAILURES:
            failures.append(line)

    control = Control(
        stop_flag=partial(StopFlag, settings.run.stop_seconds),
        display=partial(display, quiet=quiet),
        item=keep_failure,
    )
    # Ray's listener prints to stdout when a worker dies; stdout is for results only.
    with redirect_stdout(sys.stderr):
        end = run(request, settings, control)
    _print_end(end, failures)
    if end.progress.units_running:
        leave()
    if end.stopped:
        return INTERRUPTED
    return SOME_FAILED if end.progress.items_failed else 0


def _print_end(end: JobEnd, failures: Sequence[ItemLine]) -> None:
    seen = end.progress
    done = seen.items_done - seen.items_failed
    for line in failures:
        print(f"! {visible(line.error)}", file=sys.stderr)
    if seen.items_failed > len(failures):
        print(f"! and {seen.items_failed - len(failures)} more, see the report", file=sys.stderr)
    print(f"{done} of {seen.items_total} items done or skipped, {seen.items_failed} failed")
    if end.completion_report:
        print(f"completion report: {end.completion_report}")
    print(f"report: {end.page}")


def refuse_relative(paths: Iterable[str]) -> None:
    """Refuse relative paths: on a cluster, a job has its own copy of the working directory.

    Raises:
        UsageError: If a path is relative.
    """
    for path in paths:
        place = parse_manifest_uri(path).uri if is_manifest(path) else path
        if "://" not in place and not Path(place).is_absolute():
            raise UsageError(
                path,
                f"is relative; on a cluster it would be searched for in {Path.cwd()} on"
                f" {platform.node()}, the job's own copy of its working directory",
                "Give an absolute path that every node has, or a bucket as s3://bucket/prefix",
            )
