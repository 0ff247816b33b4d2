"""Color a batch of pictures: read in parallel, predicted as one batch, written in parallel.

For a small picture, round trips to the store take longer than computing, and a GPU predicts eight
in the time of one. So several threads wait for stores at the same time, and the model gets pictures
of one shape as one batch. Only one thread computes at a time: most of that is Python, and in
parallel it takes a fifth more CPU time for no gain. Every picture has its own record and outcome.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock

import numpy as np

from colorworker.domain.records import Record, UnitResult
from colorworker.domain.units import Still
from colorworker.errors import ColorworkerError
from colorworker.pipeline.choices import write_choices
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.outcome import failure, outcome_of, success
from colorworker.pipeline.provenance.sidecars import write_sidecars
from colorworker.pipeline.still import (
    Floats,
    OpenStill,
    finish_in_color,
    open_for_color,
    with_detail,
)

_BATCH = 8
"""Pictures that are open at a time; also the model's largest batch."""
_THREADS = 4
"""Pictures that are read or written at the same time."""
_SMALL_BYTES = 4 << 20
"""Larger sources are colored one by one: each may need all the memory of a worker."""


def color_batch(
    context: WorkerContext, stills: Sequence[Still], attempt: int
) -> tuple[UnitResult, ...]:
    """Color the pictures that are not done yet; return one result per picture, in order.

    Raises:
        UsageError: If this machine is at fault, not the pictures. Those that are done stay done.
    """
    results: dict[str, UnitResult] = {}
    for group in _groups(stills):
        # The pool must end before the pictures are closed, also on errors.
        with ExitStack() as closing, ThreadPoolExecutor(_THREADS, "still") as pool:
            results |= _color_group(context, group, attempt, pool, closing)
    return tuple(results[still.unit_id] for still in stills)


def _color_group(
    context: WorkerContext,
    stills: Sequence[Still],
    attempt: int,
    pool: ThreadPoolExecutor,
    closing: ExitStack,
) -> dict[str, UnitResult]:
    """Color pictures that may be open at the same time; return their results by unit id."""
    computing = Lock()

    def begin(still: Still) -> OpenStill | UnitResult:
        try:
            begun = open_for_color(context, still, attempt, computing)
            if not isinstance(begun, OpenStill):
                write_sidecars(context, still, begun[0])
        except ColorworkerError as error:
            return failure(context, still.unit_id, attempt, error)
        if isinstance(begun, OpenStill):
            closing.callback(begun.close)
            return begun
        record, resumed = begun
        return success(context, still, attempt, record, resumed=resumed)

    def finish(still: OpenStill, ab: Floats) -> UnitResult:
        def work() -> tuple[Record, bool]:
            options, rated = still.unit.options, still
            if options.gives_choices and not options.preview:
                with computing:
                    rated = write_choices(context, still)
            if options.detail > 1 and not options.preview:
                with computing, still.timer.phase("predict"):
                    rated = with_detail(context, rated, ab)
            return finish_in_color(context, rated, ab, computing)

        return outcome_of(context, still.unit, attempt, work)

    begun = list(pool.map(begin, stills))
    results = [item for item in begun if isinstance(item, UnitResult)]
    opened = [item for item in begun if isinstance(item, OpenStill)]
    # Pictures are written while the model predicts those of another shape.
    written = [pool.submit(finish, still, ab) for still, ab in _predict(context, opened)]
    results += [future.result() for future in written]
    return {result.unit_id: result for result in results}


def _predict(
    context: WorkerContext, stills: Sequence[OpenStill]
) -> Iterator[tuple[OpenStill, Floats]]:
    """Yield each picture with the a* and b* of what the network sees of it, (h, w, 2).

    Pictures of the same shape and model settings are predicted as one batch.
    """
    alike: dict[tuple[object, ...], list[OpenStill]] = defaultdict(list)
    for still in stills:
        options = still.unit.options
        alike[
            still.view.lightness.shape,
            options.prediction_settings,
            options.exemplar,
            options.reference_strength,
        ].append(still)
    for group in alike.values():
        lightness = np.stack([still.view.lightness for still in group])
        with ExitStack() as phases:
            for still in group:
                phases.enter_context(still.timer.phase("predict"))
            chroma = colorizer_for(context, group[0].unit.options).predict(lightness)
        for still in group:
            still.timer.seconds["predict"] /= len(group)
        yield from zip(group, chroma, strict=True)


def _groups(stills: Sequence[Still]) -> Iterator[Sequence[Still]]:
    """Yield groups of pictures that may be open at the same time: large ones are alone."""
    small = [still for still in stills if still.asset.size_bytes <= _SMALL_BYTES]
    for start in range(0, len(small), _BATCH):
        yield small[start : start + _BATCH]
    for still in stills:
        if still.asset.size_bytes > _SMALL_BYTES:
            yield [still]
