"""Turn the keyword arguments of the API's functions into a job request."""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from colorworker.domain.excerpt import parse_excerpt
from colorworker.domain.options import Options, override, predict_every_frame
from colorworker.errors import UsageError
from colorworker.inputs.shotsfile import read_shot_adjustments
from colorworker.job import JobRequest
from colorworker.settings import Settings

PathLike = str | os.PathLike[str]

_INTERNAL = {"excerpt", "adjustments"}
_OPTIONS = {field.name for field in fields(Options)} - _INTERNAL | {"per_frame"}
_JOB = {"model", "executor", "workers", "include", "exclude", "completion_report"}
_JOB |= {"start", "end", "shots"}


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
    options = options_from(settings, others, also_known=_JOB)
    excerpt = parse_excerpt(of_job.get("start"), of_job.get("end"))
    options = override(options, {"excerpt": excerpt})
    shots = of_job.get("shots")
    return JobRequest(
        sources=_several(sources),
        destination=os.fspath(destination),
        options=options,
        model=os.fspath(of_job.get("model") or settings.model.name),
        executor=of_job.get("executor") or settings.run.executor,
        workers=of_job.get("workers") or settings.run.workers,
        include=_several(of_job.get("include") or ()),
        exclude=_several(of_job.get("exclude") or ()),
        completion_report=os.fspath(of_job.get("completion_report") or ""),
        shot_adjustments=() if shots is None else read_shot_adjustments(Path(shots), options),
    )


def options_from(
    settings: Settings, keywords: Mapping[str, Any], also_known: Iterable[str] = ()
) -> Options:
    """Return the options that settings and keywords give; None leaves an option as it is.

    Args:
        settings: Settings of this process.
        keywords: Names of options and their values.
        also_known: Names that the caller handles itself, to suggest for a misspelled one.

    Raises:
        UsageError: If a keyword is unknown, or its value is invalid.
    """
    for name in keywords:
        if name not in _OPTIONS:
            known = sorted({*_OPTIONS, *also_known})
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}" if close else f"Use {', '.join(known)}"
            raise UsageError(f"option {name}", "is not known", hint)
    given = {name: value for name, value in keywords.items() if name != "per_frame"}
    options = override(settings.options(), given)
    if keywords.get("per_frame"):
        return predict_every_frame(options, given.get("anchor_interval"))
    return options


def _several(paths: PathLike | Iterable[PathLike]) -> tuple[str, ...]:
    if isinstance(paths, str | os.PathLike):
        return (os.fspath(paths),)
    return tuple(os.fspath(path) for path in paths)
