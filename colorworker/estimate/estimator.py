"""What a job will take: by how fast this machine has been measured, and by the sources' headers."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from colorworker.domain.costs import Calibration, Estimate, Piece, estimate
from colorworker.domain.options import Kind, Options, Profile
from colorworker.estimate.cache import Kept, default_folder
from colorworker.estimate.calibrate import Bench, calibrate
from colorworker.estimate.samplemedia import is_makeable
from colorworker.estimate.sampling import MOST_SAMPLES, Recorded, Volume, survey
from colorworker.executors.cores import usable_cores
from colorworker.executors.worker import WorkerSpec
from colorworker.inputs.jobplan import JobPlan
from colorworker.pipeline.propagation.propagate import lookahead_frames
from colorworker.settings import ExecutorName, Settings, apply_environment, tensorflow_environment
from colorworker.store.openstore import open_store

_SAMPLES_OF_A_RUN = 64
"""Fewer than for a dry run: nobody is to wait for them."""
_BUSY_SHARE = 0.5
"""Of the cores, whose use by others is worth a warning before measuring."""
_RAY_SECONDS = 12.0
"""Until a cluster's first worker has answered: 5 to 18 seconds were seen."""


class Expecting:
    """Makes the estimates of one machine for one sort of job."""

    def __init__(
        self,
        spec: WorkerSpec,
        options: Options,
        executor: ExecutorName,
        workers: int | None,
        settings: Settings,
    ) -> None:
        """Name the calibration; it is neither read nor measured yet.

        Args:
            spec: Of the job's workers.
            options: Of the job.
            executor: Where units run; `inprocess` or `ray`.
            workers: Units worked on at a time; None where a cluster decides.
            settings: Of this process.
        """
        on_ray = executor == "ray"
        self._spec, self._options, self._workers = spec, options, workers or 0
        self._ray_seconds = _RAY_SECONDS if on_ray else 0.0
        self._threads = settings.run.cpus_per_worker if on_ray else None
        self._bench = Bench(
            spec.model,
            options,
            workers_on_a_node(workers, settings.run.cpus_per_worker) if on_ray else workers or 1,
            settings.run.batch_stills,
            self._threads,
            settings.run.scratch,
            spec.stores,
        )
        self._kept = Kept(settings.run.cache or default_folder(), self._bench)

    def of_run(self, plan: JobPlan) -> Estimate | None:
        """Return what a run is to expect; None unless the machine has been measured before.

        Previews are not what was measured.
        """
        known = None if self._options.preview else self._kept.read()
        if known is None:
            return None
        volume = self._survey(plan, None, _SAMPLES_OF_A_RUN)
        return self._estimate(volume, known)

    def of_dry_run(
        self,
        plan: JobPlan,
        recorded: Recorded,
        anew: bool | None,
        said: Callable[[str], None],
    ) -> tuple[Volume, Estimate | None]:
        """Return what is to be done, and what that takes.

        Args:
            plan: Of the job.
            recorded: Units that the destination has records of.
            anew: Measure the machine again; None: only what is not known of it; False: nothing,
                so that there may be no estimate.
            said: Takes a line on what is being measured.

        Raises:
            ColorworkerError: If the machine cannot be measured.
        """
        volume = self._survey(plan, recorded, MOST_SAMPLES)
        if self._options.preview:
            return volume, None
        known = None if anew else self._kept.read()
        if anew is not False and volume.items:
            known = self._measured(volume, known, said)
        return volume, self._estimate(volume, known) if known else None

    def _survey(self, plan: JobPlan, recorded: Recorded | None, most: int) -> Volume:
        spec = self._spec
        opened = partial(open_store, options=spec.stores)
        return survey(
            plan, plan.counts, self._options, spec.model, opened, recorded, most_samples=most
        )

    def _measured(
        self, volume: Volume, known: Calibration | None, said: Callable[[str], None]
    ) -> Calibration:
        makeable = [piece for piece in _pieces(volume) if is_makeable(piece)]
        missing = [
            piece
            for piece in one_of_each_first(makeable)
            if known is None or piece.name not in known.rates
        ]
        if known is not None and not missing:
            return known
        if busy := busy_words(os.getloadavg()[0], os.cpu_count() or 1):
            said(busy)
        apply_environment(tensorflow_environment(self._threads))
        measured = calibrate(missing, self._bench, said, known=known)
        self._kept.write(measured)
        return measured

    def _estimate(self, volume: Volume, calibration: Calibration) -> Estimate:
        made = estimate(
            volume.groups,
            calibration,
            workers=self._workers,
            lookahead_frames=lookahead_frames(self._options),
        )
        return replace(made, start_seconds=made.start_seconds + self._ray_seconds)


def workers_on_a_node(workers: int | None, cpus_per_worker: int) -> int:
    """Return how many workers share a node like this machine; None of them as many as fit."""
    room = max(1, usable_cores() // cpus_per_worker)
    return room if workers is None else min(room, workers)


def busy_words(load: float, cores: int) -> str:
    """Return a warning where others use the machine that is to be measured; else nothing.

    Args:
        load: Processes that ran or waited in the last minute.
        cores: Of the machine.
    """
    if load < _BUSY_SHARE * cores:
        return ""
    return (
        f"this machine is busy (load {load:.1f} on {cores} cores): it is measured as slow as it is"
        " now; --calibrate again when it is quiet"
    )


def one_of_each_first(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with the first of every family in front.

    What there is no time to measure is then likened to one of its own: a JPEG to no PNG.
    """
    firsts: dict[tuple[Kind, Profile, bool], Piece] = {}
    for piece in pieces:
        firsts.setdefault(piece.family, piece)
    return list(dict.fromkeys([*firsts.values(), *pieces]))


def _pieces(volume: Volume) -> list[Piece]:
    """Return what is to be measured, that with the most bytes first."""
    sizes: Counter[Piece] = Counter()
    for group in volume.groups:
        for sample in group.samples:
            sizes[sample.piece] += (
                sample.size_bytes
                * group.size_bytes
                // max(1, sum(each.size_bytes for each in group.samples))
            )
    return [piece for piece, _ in sizes.most_common()]
