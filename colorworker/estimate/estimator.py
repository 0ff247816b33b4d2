"""Estimate a job's time and size from this machine's calibration and the sources' headers."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from colorworker.domain.costs import Calibration, CostClass, Estimate, estimate
from colorworker.domain.options import Kind, Options, Profile
from colorworker.estimate.cache import CalibrationFile, default_folder
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
"""Headers read before a run; fewer than in a dry run, so that the job starts at once."""
_BUSY_SHARE = 0.5
"""Share of busy cores above which a calibration warns."""
_RAY_SECONDS = 12.0
"""Seconds until a cluster's first worker answers; 5 to 18 were seen."""


class Estimator:
    """Estimates jobs of one kind on this machine."""

    def __init__(
        self,
        spec: WorkerSpec,
        options: Options,
        executor: ExecutorName,
        workers: int | None,
        settings: Settings,
    ) -> None:
        """Determine the calibration to use; nothing is read or measured yet.

        Args:
            spec: Setup of the job's workers.
            options: Options of the job.
            executor: Where units run, `local` or `ray`.
            workers: Number of units at a time. None: the cluster decides.
            settings: Settings of this process.
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
        self._kept = CalibrationFile(settings.run.cache or default_folder(), self._bench)

    def estimate_run(self, plan: JobPlan) -> Estimate | None:
        """Return the estimate of a run; None if the machine has not been calibrated.

        Previews have no estimate, because the calibration does not cover them.
        """
        known = None if self._options.preview else self._kept.read()
        if known is None:
            return None
        volume = self._survey(plan, None, _SAMPLES_OF_A_RUN)
        return self._estimate(volume, known)

    def estimate_dry_run(
        self,
        plan: JobPlan,
        recorded: Recorded,
        recalibrate: bool | None,
        announce: Callable[[str], None],
    ) -> tuple[Volume, Estimate | None]:
        """Return the work to do and its estimate.

        Args:
            plan: The plan of the job.
            recorded: Units that have a done-record on the destination.
            recalibrate: True: measure everything again. None: measure only missing rates. False:
                measure nothing, so there may be no estimate.
            announce: Called with a line about what is being measured.

        Raises:
            ColorworkerError: If the machine cannot be measured.
        """
        volume = self._survey(plan, recorded, MOST_SAMPLES)
        if self._options.preview:
            return volume, None
        known = None if recalibrate else self._kept.read()
        if recalibrate is not False and volume.items:
            known = self._measured(volume, known, announce)
        return volume, self._estimate(volume, known) if known else None

    def _survey(self, plan: JobPlan, recorded: Recorded | None, most: int) -> Volume:
        spec = self._spec
        opened = partial(open_store, options=spec.stores)
        return survey(
            plan, plan.counts, self._options, spec.model, opened, recorded, most_samples=most
        )

    def _measured(
        self, volume: Volume, known: Calibration | None, announce: Callable[[str], None]
    ) -> Calibration:
        makeable = [cost_class for cost_class in _cost_classes(volume) if is_makeable(cost_class)]
        missing = [
            cost_class
            for cost_class in one_of_each_first(makeable)
            if known is None or cost_class.name not in known.rates
        ]
        if known is not None and not missing:
            return known
        if busy := busy_warning(os.getloadavg()[0], os.cpu_count() or 1):
            announce(busy)
        apply_environment(tensorflow_environment(self._threads))
        measured = calibrate(missing, self._bench, announce, known=known)
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
    """Return how many workers share a node like this one. None: as many as fit."""
    room = max(1, usable_cores() // cpus_per_worker)
    return room if workers is None else min(room, workers)


def busy_warning(load: float, cores: int) -> str:
    """Return a warning if the machine is busy, otherwise an empty string.

    Args:
        load: Load average of the last minute.
        cores: Number of cores.
    """
    if load < _BUSY_SHARE * cores:
        return ""
    return (
        f"this machine is busy (load {load:.1f} on {cores} cores), so the estimate will be too"
        " high; use --calibrate again when it is idle"
    )


def one_of_each_first(cost_classes: Sequence[CostClass]) -> list[CostClass]:
    """Return the classes with the first of every family in front.

    If time runs out, a missing rate is then taken from the same family: JPEG not from PNG.
    """
    firsts: dict[tuple[Kind, Profile, bool], CostClass] = {}
    for cost_class in cost_classes:
        firsts.setdefault(cost_class.family, cost_class)
    return list(dict.fromkeys([*firsts.values(), *cost_classes]))


def _cost_classes(volume: Volume) -> list[CostClass]:
    """Return the kinds of work to measure, those with the most bytes first."""
    sizes: Counter[CostClass] = Counter()
    for group in volume.groups:
        for sample in group.samples:
            sizes[sample.cost_class] += (
                sample.size_bytes
                * group.size_bytes
                // max(1, sum(each.size_bytes for each in group.samples))
            )
    return [cost_class for cost_class, _ in sizes.most_common()]
