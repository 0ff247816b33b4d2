"""Turn the keyword arguments of the API's functions into a job request."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from colorworker.domain.coloroptions import PLACES
from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import Options, override
from colorworker.domain.perframe import predict_every_frame
from colorworker.errors import UsageError
from colorworker.inputs.shotsfile import read_shot_adjustments
from colorworker.job import JobRequest
from colorworker.settings import ExecutorName, Settings

PathLike = str | os.PathLike[str]

_INTERNAL = {"excerpt", "adjustments", "reference_frames", "hint_files", "exemplar"}
_OPTIONS = {field.name for field in fields(Options)} - _INTERNAL | {"per_frame"}
_JOB = {"model", "model_profile", "blend", "executor", "workers", "include", "exclude"}
_JOB |= {"completion_report", "start", "end", "shots"}


def job_request(
    settings: Settings,
    sources: PathLike | Iterable[PathLike],
    destination: PathLike,
    keywords: Mapping[str, Any],
) -> JobRequest:
    """Return the job that the arguments of `colorize` describe.

    Args:
        settings: Settings of this process, for everything that no keyword sets.
        sources: One or more.
        destination: Folder or URI.
        keywords: Named like the options of the command line, with underscores.

    Raises:
        UsageError: If a keyword is unknown, or its value is invalid.
    """
    of_job = {name: value for name, value in keywords.items() if name in _JOB}
    others = {name: value for name, value in keywords.items() if name not in _JOB}
    named = (of_job.get(name) for name in ("model", "model_profile", "blend"))
    model = model_choice(settings, *named)
    options = options_from(settings, others, also_known=_JOB, model=model)
    excerpt = parse_excerpt(_time(of_job.get("start")), _time(of_job.get("end")))
    options = override(options, {"excerpt": excerpt})
    shots = of_job.get("shots")
    adjustments = read_shot_adjustments(Path(path_text("shots", shots)), options) if shots else ()
    return JobRequest(
        sources=_sources(sources),
        destination=path_text("destination", destination),
        options=options,
        model=model,
        executor=_executor(of_job.get("executor")) or settings.run.executor,
        workers=_workers(of_job.get("workers")) or settings.run.workers,
        include=_several("include", of_job.get("include") or ()),
        exclude=_several("exclude", of_job.get("exclude") or ()),
        completion_report=path_text("completion_report", of_job.get("completion_report") or ""),
        shot_adjustments=adjustments,
    )


def options_from(
    settings: Settings,
    keywords: Mapping[str, Any],
    also_known: Iterable[str] = (),
    options: Iterable[str] = _OPTIONS,
    model: ModelChoice | None = None,
) -> Options:
    """Return the options that settings and keywords give; None leaves an option as it is.

    Args:
        settings: Settings of this process.
        keywords: Names of options and their values.
        also_known: Names that the caller handles itself, to suggest for a misspelled one.
        options: Names of the options that the caller takes; all by default.
        model: The chosen networks, on which the default of the vividness depends.

    Raises:
        UsageError: If a keyword is unknown, or its value is invalid.
    """
    taken = set(options)
    for name in keywords:
        if name not in taken:
            known = sorted({*taken, *also_known})
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}" if close else f"Use {', '.join(known)}"
            raise UsageError(f"option {name}", "is not known", hint)
    given = {name: value for name, value in keywords.items() if name != "per_frame"}
    for name in PLACES:
        if given.get(name) is not None:
            given[name] = path_text(name, given[name])
    chosen = override(settings.options(model=model), given)
    per_frame = keywords.get("per_frame")
    if not isinstance(per_frame, bool | None):
        raise UsageError(f"per_frame {per_frame}", "is not of type bool", "Give True or False")
    if per_frame:
        return predict_every_frame(chosen, given.get("anchor_interval"))
    return chosen


def model_choice(
    settings: Settings,
    model: PathLike | Iterable[PathLike] | None,
    profile: PathLike | None,
    blend: float | None,
) -> ModelChoice:
    """Return the networks that the keywords `model`, `model_profile` and `blend` name.

    Raises:
        UsageError: If a keyword has the wrong type, or they do not go together.
    """
    if blend is not None and (isinstance(blend, bool) or not isinstance(blend, int | float)):
        raise UsageError(f"blend {blend!r}", "is not a number", "Give a number from 0 to 1")
    names = _several("model", model) if model else ()
    return settings.chosen_model(names, path_text("model_profile", profile or ""), blend)


def path_text(name: str, path: PathLike) -> str:
    """Return a path, pattern or URI as text.

    Raises:
        UsageError: If it is neither text nor a path; the message begins with the name.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise UsageError(f"{name} {path!r}", "is not a path", "Give a string or a pathlib.Path")
    return text


def _sources(sources: PathLike | Iterable[PathLike]) -> tuple[str, ...]:
    paths = _several("sources", sources)
    if not paths or not all(paths):
        raise UsageError("sources", "a path is missing", "Give the path of a file or a folder")
    return paths


def _several(name: str, paths: PathLike | Iterable[PathLike]) -> tuple[str, ...]:
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable):
        return (path_text(name, paths),)
    return tuple(path_text(name, path) for path in paths)


def _executor(name: ExecutorName | None) -> ExecutorName | None:
    known = get_args(ExecutorName)
    if name is not None and name not in known:
        raise UsageError(f"executor {name}", "is not known", f"Use {' or '.join(known)}")
    return name


def _workers(number: Any) -> int | None:
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError(f"workers {number}", "is not a positive integer", "Give 1 or more")
    return number


def _time(time: str | float | None) -> str | None:
    """Return a time as text; a number is in seconds and rounded to milliseconds."""
    return f"{time:.3f}" if isinstance(time, int | float) else time
