"""Print the items of a job and an estimate of its time, without writing anything."""

import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from colorworker.cli.dryrun_view import print_plan
from colorworker.domain.costs import Estimate, MediaEstimate
from colorworker.errors import ColorworkerError, UsageError
from colorworker.estimate.films import InspectionContext
from colorworker.estimate.sampling import Recorded, Volume
from colorworker.inputs.sequences import likely_sequences
from colorworker.job import JobRequest, estimator, planned_job, refuse_empty_plan, worker_spec
from colorworker.model.networks import describe_model
from colorworker.report.text import count, duration, size, visible
from colorworker.settings import Settings
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

_WORKERS_SHOWN = (4, 16, 64)
"""Further numbers of workers to print the time for."""


def dry_run(
    request: JobRequest,
    settings: Settings,
    calibrate: bool | None,
    *,
    may_be_empty: bool = False,
) -> Estimate | None:
    """Print every item and its output, then how long all of it will take; return the estimate.

    Args:
        request: The job.
        settings: Settings of this process.
        calibrate: Measure this machine again (True), only missing rates (None), or not at all
            (False).
        may_be_empty: Accept sources in which nothing matches.

    Raises:
        UsageError: If the job could not start.
    """
    with planned_job(request, settings) as planned:
        plan, model, stores = planned.plan, planned.model, planned.stores
        if not may_be_empty:
            refuse_empty_plan(request, plan)
        to_do = plan.counts.stills + plan.counts.films
        spec = worker_spec(settings, model, stores, request.destination)
        with closing(open_store(request.destination, stores)) as destination:
            recorded = _recorded(destination) if to_do else Recorded()
            films = InspectionContext(
                request.options, model, spec.settings.max_pixels, destination, recorded
            )
            opened = partial(open_store, options=stores)
            print_plan(plan, films, opened, _say)
            for pattern, frames in likely_sequences(plan):
                print(
                    f"{visible(pattern)}: {count(frames, 'numbered picture')} of one size look like"
                    " the frames of a film; --sequences film or frames colors them as one"
                )
            print(f"network: {visible(describe_model(model, opened))}")
        if not to_do:
            return None
        try:
            volume, expected = estimator(request, settings, spec).estimate_dry_run(
                plan, recorded, calibrate, _say
            )
        except ColorworkerError as error:
            print(f"no estimate: {visible(str(error))}", file=sys.stderr)
            return None
    for said in estimate_text(volume, expected, preview=request.options.preview):
        print(said, flush=True)
    return expected


def refuse_calibrating(calibrate: bool | None) -> None:
    """Refuse --calibrate and --no-calibrate without --dry-run.

    Raises:
        UsageError: If one of them is given.
    """
    if calibrate is not None:
        raise UsageError(
            "--calibrate" if calibrate else "--no-calibrate",
            "works only with --dry-run",
            "Add --dry-run; later runs use its measurements",
        )


def estimate_text(volume: Volume, expected: Estimate | None, *, preview: bool) -> Iterator[str]:
    """Yield lines about the work to do and its expected time and output."""
    done = f"; {count(volume.items_done, 'item')} already done" if volume.items_done else ""
    yield f"to do: {count(volume.items, 'item')}, {size(volume.size_bytes)}{done}"
    if not volume.items:
        return
    if expected is None:
        unmeasured = "this machine is not measured yet; --calibrate measures it in about a minute"
        yield f"no estimate: {'previews are not measured' if preview else unmeasured}"
        return
    films = expected.films
    if films.items:
        yield (
            f"films: {films.film_seconds / 60:.1f} minutes, {count(films.frames, 'frame')}"
            f"{_sampled(films)}"
        )
    if expected.stills.items:
        yield f"pictures: {count(expected.stills.items)}{_sampled(expected.stills)}"
    yield from time_text(expected)
    yield f"output: about {size(expected.bytes_out)}, depending on the grain of the sources"
    if expected.approximated:
        yield f"not measured, estimated from similar media: {', '.join(expected.approximated)}"
    yield f"measured on this machine at {expected.measured_at}; --calibrate measures again"


def time_text(expected: Estimate) -> Iterator[str]:
    """Yield a line on how long it will take, here and with more workers."""
    own = max(1, expected.workers)
    here = f"expected: {duration(expected.wall_seconds(own))} with {count(own, 'worker')}"
    others = [n for n in _WORKERS_SHOWN if n > own]
    more = [f"{duration(expected.wall_seconds(n))} with {n}" for n in others]
    yield f"{here} like this machine's, {', '.join(more)}" if more else here


def _sampled(part: MediaEstimate) -> str:
    if part.sampled >= part.items:
        return ""
    return f", estimated from the headers of {count(part.sampled)} of {count(part.items)}"


def _say(said: str) -> None:
    print(said, file=sys.stderr, flush=True)


def _recorded(destination: ObjectStore) -> Recorded:
    """Return the units that a destination has records of; none if it cannot be read."""
    try:
        return Recorded(destination)
    except ColorworkerError as error:
        _say(f"assuming that nothing is done yet: {visible(str(error))}")
        return Recorded()
