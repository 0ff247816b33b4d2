"""`colorworker colorize SOURCE... DESTINATION`."""

import logging
import platform
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from colorworker.cli.dryrun import dry_run, refuse_calibrating
from colorworker.cli.exitcodes import INTERRUPTED, SOME_FAILED
from colorworker.cli.interrupt import StopFlag, leave
from colorworker.cli.progress import display
from colorworker.domain.adjustments import Wish, parse_wishes
from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.options import (
    Chroma,
    Codec,
    ColorSources,
    Deinterlace,
    Encoder,
    Label,
    Options,
    Profile,
)
from colorworker.errors import UsageError
from colorworker.inputs.manifesturi import is_manifest, parse_manifest_uri
from colorworker.job import Control, JobEnd, JobRequest, run
from colorworker.settings import ExecutorName, Settings, load_settings

LogLevel = Literal["debug", "info", "warning", "error"]


def colorize(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE... DESTINATION",
            help="Files, folders, quoted globs or manifest:LIST, and last the folder for the"
            " color.",
            show_default=False,
        ),
    ],
    profile: Annotated[
        Profile,
        typer.Option(
            help="access: small and playable. mezzanine: for editing, ProRes or DNxHR in MOV."
            " archive: TIFF, and FFV1 in MKV."
        ),
    ] = "access",
    codec: Annotated[
        Codec | None,
        typer.Option(
            help="Of films. access: h264 (default), hevc or av1. mezzanine: prores (default) or"
            " dnxhr."
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            min=0, max=63, help="Of access films; lower is better. By default the codec's own."
        ),
    ] = None,
    chroma: Annotated[
        Chroma,
        typer.Option(help="Of access films: as fine as the source's, or 4:2:0 as browsers want."),
    ] = "source",
    deinterlace: Annotated[
        Deinterlace,
        typer.Option(help="bwdif: whole pictures of interlaced frames, every 2nd line its own."),
    ] = "off",
    encoder: Annotated[
        Encoder,
        typer.Option(
            help="Of access films. nvenc: NVIDIA's engine, which every worker must have. Untried."
        ),
    ] = "software",
    executor: Annotated[
        ExecutorName | None,
        typer.Option(help="Where units run. By default ray if RAY_ADDRESS is set, else inprocess."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Weights. By default the packaged lite.")
    ] = None,
    vividness: Annotated[
        float | None,
        typer.Option(min=-1, max=2, help="1: as trained; lower is calmer. By default 0.8."),
    ] = None,
    anchor_interval: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=48,
            help="Most frames of a film between two predictions; others follow motion. By default"
            " 12.",
        ),
    ] = None,
    per_frame: Annotated[
        bool,
        typer.Option(
            "--per-frame",
            help="Predict every frame of a film alone: three times the work, and it flickers.",
        ),
    ] = False,
    color_sources: Annotated[
        ColorSources, typer.Option(help="What to do with sources that are in color already.")
    ] = "skip",
    workers: Annotated[int | None, typer.Option(min=1, help="Units worked on at a time.")] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Only these keys: `*.mkv`, `reels/**`. Repeatable."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Not these keys, whatever else is said. Repeatable."),
    ] = None,
    completion_report: Annotated[
        str,
        typer.Option(
            metavar="PREFIX", help="Also report in the format of S3 Batch Operations, below there."
        ),
    ] = "",
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="Of one film: begin there, at 1:02.5 or 62.5."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="TIME", help="Of one film: end there; that frame is not in it."
        ),
    ] = None,
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML: shots of films that get colors of their own.",
            dir_okay=False,
        ),
    ] = None,
    label: Annotated[
        Label,
        typer.Option(
            help="How outputs say they are colorized: tag in the metadata, burn in a corner too."
        ),
    ] = "tag",
    preview: Annotated[
        bool, typer.Option(help="Only write a page with a before/after picture of every item.")
    ] = False,
    dry: Annotated[
        bool,
        typer.Option("--dry-run", help="Only say what would be done, and what that would take."),
    ] = False,
    calibrate: Annotated[
        bool | None,
        typer.Option(
            help="With --dry-run: measure anew how fast this machine is, or do not measure it."
            " By default it is measured once, in about a minute.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="No progress on stderr.")] = False,
    on_cluster: Annotated[
        bool, typer.Option("--on-cluster", hidden=True, help="Refuse paths that are relative.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Of the log on stderr.")] = "warning",
) -> None:
    """Colorize black-and-white pictures and films. Running it again resumes.

    Exit codes: 0 all done, 2 could not start or nothing matched, 3 some items failed,
    130 interrupted.
    """
    logging.basicConfig(
        level=log_level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    if log_level != "debug":
        # libvips warns of every torn tile; the item's own line says it once.
        logging.getLogger("pyvips").setLevel(logging.ERROR)
    if len(paths) < 2:
        raise UsageError("colorize", "only one path is given", "Give SOURCE... and DESTINATION")
    if on_cluster:
        refuse_relative([*paths, *filter(None, [completion_report])])
    settings = load_settings()
    options = replace(
        options_of(settings),
        profile=profile,
        codec=codec,
        chroma=chroma,
        deinterlace=deinterlace,
        encoder=encoder,
        color_sources=color_sources,
        label=label,
        excerpt=parse_excerpt(start, end),
        preview=preview,
    )
    options = spaced(options, anchor_interval, per_frame=per_frame)
    if crf is not None:
        options = replace(options, crf=crf)
    if vividness is not None:
        options = replace(options, vividness=vividness)
    request = JobRequest(
        sources=tuple(paths[:-1]),
        destination=paths[-1],
        options=options,
        model=model or settings.model.name,
        executor=executor or settings.run.executor,
        workers=workers or settings.run.workers,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        completion_report=completion_report,
        wishes=wishes_of(shots, options),
    )
    if dry:
        dry_run(request, settings, calibrate)
        return
    refuse_calibrating(calibrate)
    if code := _run(request, settings, quiet=quiet):
        raise typer.Exit(code)


def _run(request: JobRequest, settings: Settings, *, quiet: bool) -> int:
    """Run the job, print how it ended, and return the exit code."""
    control = Control(
        stop_flag=partial(StopFlag, settings.run.stop_seconds),
        display=partial(display, quiet=quiet),
    )
    # Ray's listener prints to stdout when a worker dies; stdout is for results only.
    with redirect_stdout(sys.stderr):
        end = run(request, settings, control)
    _print_end(end)
    if end.progress.units_running:
        leave()
    if end.stopped:
        return INTERRUPTED
    return SOME_FAILED if end.progress.items_failed else 0


def _print_end(end: JobEnd) -> None:
    seen = end.progress
    done = seen.items_done - seen.items_failed
    print(f"{done} of {seen.items_total} items done or skipped, {seen.items_failed} failed")
    if end.completion_report:
        print(f"completion report: {end.completion_report}")
    print(f"report: {end.page}")


def options_of(settings: Settings) -> Options:
    """Return the options that settings alone decide."""
    return Options(
        vividness=settings.model.vividness,
        temperature=settings.model.temperature,
        precision=settings.model.precision,
        segment_frames=settings.media.segment_frames,
        anchor_interval=settings.media.anchor_interval,
        settle_anchors=settings.media.settle_anchors,
        crf=settings.media.crf,
        preset=settings.media.preset,
        broadcast_gamut=settings.media.broadcast_gamut,
    )


def wishes_of(path: Path | None, options: Options) -> tuple[Wish, ...]:
    """Return what a file of adjustments says; nothing where there is none.

    Raises:
        UsageError: If it cannot be read, or cannot be used with these options.
    """
    if path is None:
        return ()
    if options.excerpt:
        raise UsageError("--shots", "does not go with --from and --to", "Leave one of them out")
    try:
        return parse_wishes(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"cannot be read ({error})", "Check the path") from error


def spaced(options: Options, anchor_interval: int | None, *, per_frame: bool) -> Options:
    """Return the options with those that say which frames are predicted, as far as given.

    Raises:
        UsageError: If both are.
    """
    if not per_frame:
        return replace(options, anchor_interval=anchor_interval or options.anchor_interval)
    if anchor_interval is not None:
        raise UsageError(
            "--per-frame",
            f"leaves no frames between predictions, and --anchor-interval {anchor_interval} asks"
            " for some",
            "Give one of them",
        )
    return replace(options, anchor_interval=1, settle_anchors=0)


def refuse_relative(paths: Iterable[str]) -> None:
    """Refuse what would be looked for below a job's own copy of the working directory.

    Raises:
        UsageError: If a path does not say where it begins.
    """
    for path in paths:
        place = parse_manifest_uri(path).uri if is_manifest(path) else path
        if "://" not in place and not Path(place).is_absolute():
            raise UsageError(
                path,
                f"is relative, and on a cluster it would be looked for in {Path.cwd()} on"
                f" {platform.node()}, the job's own copy of its working directory",
                "Give an absolute path that every node has, or a bucket as s3://bucket/prefix",
            )
