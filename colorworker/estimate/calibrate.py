"""Calibrate this machine in about a minute, by running small jobs on synthetic material.

No part of the pipeline is timed separately. Jobs run from listing to publishing with the real
number of workers, at two sizes; the cost of an item, a frame and a megapixel follows from the
differences. So every change to the pipeline shows in the numbers.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from colorworker.domain.costs import Calibration, CostClass, Rate
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.driver import Executor, Job, run_job
from colorworker.errors import SourceUnsupported
from colorworker.estimate.samplemedia import make_reel, make_still, predicts_output_size
from colorworker.executors.local import LocalExecutor
from colorworker.executors.worker import WorkerSpec
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.report.itemlines import ItemLine
from colorworker.state import now
from colorworker.store.local import LocalStore
from colorworker.store.options import StoreOptions
from colorworker.store.sources import Source

BUDGET_SECONDS = 60.0
"""No new measurement starts after this time; missing rates are taken from similar kinds."""
_SMALL, _LARGE = (640, 480), (1280, 960)
"""Frame sizes of films; both larger than the network's input, as smaller ones take another path."""
_FEW, _SHORT, _LONG = 12, 30, 48
"""Frame counts: of the short films, of the longer large film, of the longer small film."""
_SMALL_STILL, _LARGE_STILL = (640, 480), (2400, 1800)
_LARGE_STILLS = 2
_LEAST = 1e-6
"""Minimum slope; on a busy machine, noise can make a slope negative."""


@dataclass(frozen=True)
class Bench:
    """The conditions of a calibration: weights, options and workers of the job."""

    model: ModelRef
    options: Options
    workers: int
    batch_stills: int
    threads: int | None = None
    """Cores for one prediction. None: TensorFlow decides."""
    scratch: Path | None = None
    stores: StoreOptions | None = None


def calibrate(
    cost_classes: Sequence[CostClass],
    bench: Bench,
    announce: Callable[[str], None] = lambda _: None,
    *,
    known: Calibration | None = None,
) -> Calibration:
    """Return the rates of the given kinds of work on this machine, as far as time allows.

    Args:
        cost_classes: What to measure, the most important first.
        bench: Conditions of the calibration.
        announce: Called with a line about what is being measured.
        known: Earlier measurements, which are kept.
    """
    began = time.monotonic()
    rates = dict(known.rates) if known else {}
    with (
        tempfile.TemporaryDirectory(prefix="colorworker-bench-", dir=bench.scratch) as name,
        closing(LocalExecutor(_worker_spec(Path(name), bench), bench.workers)) as executor,
    ):
        machine = _Machine(Path(name), bench, executor)
        start = machine.warm_up()
        for number, cost_class in enumerate(cost_classes, 1):
            if number > 1 and time.monotonic() - began > BUDGET_SECONDS:
                break
            announce(f"measuring {cost_class.name} ({number} of {len(cost_classes)})")
            # Material that cannot be made here, or that the profile refuses, gets no rate.
            with suppress(SourceUnsupported):
                measure = machine.still if cost_class.kind == "still" else machine.film
                rates[cost_class.name] = measure(cost_class)
    return Calibration(now(), round(start, 2), rates)


class _Machine:
    """Runs small jobs in a folder, one after another, with one loaded model."""

    def __init__(self, folder: Path, bench: Bench, executor: Executor) -> None:
        self._folder, self._bench, self._executor = folder, bench, executor
        self._folders = 0

    def warm_up(self) -> float:
        """Return the one-time start-up seconds of a first picture and a first film."""
        profile = self._bench.options.profile
        still, film = (
            CostClass("still", "png", "8", profile),
            CostClass("film", "h264", "yuv420p", profile),
        )
        extra = 0.0
        for cost_class, folder in (
            (still, self._stills(still, _SMALL_STILL, 1)),
            (film, self._reels(film, _SMALL, _FEW)),
        ):
            extra += self._run(folder, cost_class)[0] - self._run(folder, cost_class)[0]
        return max(0.0, extra)

    def still(self, cost_class: CostClass) -> Rate:
        """Measure the cost of pictures of this format.

        Raises:
            SourceUnsupported: If no such picture can be made here.
        """
        small, large = _megapixels(_SMALL_STILL), _megapixels(_LARGE_STILL)
        count = self._bench.batch_stills
        each = self._run(self._stills(cost_class, _SMALL_STILL, count), cost_class)[0] / count
        large_stills = self._stills(cost_class, _LARGE_STILL, _LARGE_STILLS)
        seconds, written = self._run(large_stills, cost_class)
        slope = max(_LEAST, (seconds / _LARGE_STILLS - each) / (large - small))
        made = _LARGE_STILLS * self._bench.workers * large
        read = _source_bytes(large_stills, cost_class)
        item = max(0.0, each - slope * small)
        return Rate(item, 0.0, slope, written / made, source_bytes=read / made)

    def film(self, cost_class: CostClass) -> Rate:
        """Measure the cost of films of this codec.

        Raises:
            SourceUnsupported: If no such film can be made here, or the profile refuses it.
        """
        few = self._reels(cost_class, _SMALL, _FEW), self._reels(cost_class, _LARGE, _FEW)
        more = self._reels(cost_class, _SMALL, _LONG), self._reels(cost_class, _LARGE, _SHORT)
        # The first run at a size builds tables that a job builds once; the second does not.
        (first, first_large), (again, again_large) = (
            [self._run(folder, cost_class)[0] for folder in few] for _ in range(2)
        )
        (seconds, _), (seconds_large, written) = (self._run(folder, cost_class) for folder in more)
        begun, begun_large = min(first, again), min(first_large, again_large)
        frame_small = max(_LEAST, (seconds - begun) / (_LONG - _FEW))
        frame_large = max(_LEAST, (seconds_large - begun_large) / (_SHORT - _FEW))
        small, large = _megapixels(_SMALL), _megapixels(_LARGE)
        slope = max(_LEAST, (frame_large - frame_small) / (large - small))
        item = (begun - _FEW * frame_small + begun_large - _FEW * frame_large) / 2
        made = _SHORT * self._bench.workers * large
        frame = max(0.0, frame_small - slope * small)
        once = max(0.0, first - again) + max(0.0, first_large - again_large)
        read = _source_bytes(more[1], cost_class)
        return Rate(max(0.0, item), frame, slope, written / made, once, read / made)

    def _stills(self, cost_class: CostClass, size: tuple[int, int], each: int) -> Path:
        """Return a folder with `each` pictures for every worker."""
        return self._copies(
            lambda folder: make_still(folder, "0", cost_class, *size), each * self._bench.workers
        )

    def _reels(self, cost_class: CostClass, size: tuple[int, int], frames: int) -> Path:
        """Return a folder with one film for every worker."""
        return self._copies(
            lambda folder: make_reel(folder, "0", cost_class, *size, frames), self._bench.workers
        )

    def _copies(self, make: Callable[[Path], Path], count: int) -> Path:
        self._folders += 1
        folder = self._folder / str(self._folders)
        folder.mkdir()
        first = make(folder)
        for number in range(1, count):
            shutil.copyfile(first, first.with_stem(str(number)))
        return folder

    def _run(self, folder: Path, cost_class: CostClass) -> tuple[float, int]:
        """Run a job on a folder with the class's profile; return seconds and bytes written."""
        for path in folder.iterdir():
            # A new modification time is a new version, so nothing is resumed.
            path.touch()
        bench, source = self._bench, LocalStore(folder)
        options = replace(bench.options, excerpt=None)
        if cost_class.profile != options.profile:
            # The item has its own profile, which need not match the job's encoder options.
            options = replace(options, profile=cost_class.profile, codec=None, crf=None)
        entries = list_entries([OpenSource(Source(str(folder)), source)], options)
        lines: list[ItemLine] = []
        job = Job(folder.name, entries, options, bench.model, bench.batch_stills, 1)
        begun = time.perf_counter()
        run_job(job, self._executor, line=lines.append)
        seconds = time.perf_counter() - begun
        for line in lines:
            if line.outcome != "succeeded":
                raise SourceUnsupported(
                    cost_class.name, f"{line.outcome}: {line.error.rstrip('.')}"
                )
        return seconds, sum(line.output_bytes or 0 for line in lines)


def _worker_spec(folder: Path, bench: Bench) -> WorkerSpec:
    return WorkerSpec(
        destination_uri=(folder / "out").as_uri(),
        model=bench.model,
        threads=bench.threads,
        stores=bench.stores,
    )


def _source_bytes(folder: Path, cost_class: CostClass) -> int:
    """Return the total source bytes of a folder; 0 if they do not predict the output bytes."""
    return (
        sum(path.stat().st_size for path in folder.iterdir())
        if predicts_output_size(cost_class)
        else 0
    )


def _megapixels(size: tuple[int, int]) -> float:
    return size[0] * size[1] / 1e6
