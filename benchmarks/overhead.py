"""Measure the overhead per item, apart from its pixels: many tiny pictures through the whole job.

    python benchmarks/overhead.py [--items 500] [--executors inline ray] [--workers N]

Pictures of 64 x 48 pixels, PNG and JPEG alternating, with the real network, which is loaded and has
predicted before the measurement starts. Prints CPU milliseconds per item, all threads. `parts` is
opening and decoding, predicting and encoding the same pictures in isolation; `overhead` is the
whole job minus the parts. `inline` runs all units in this process, one after another, and counts
every call of a store: on S3, each is a request. On Ray, the workers share the cores, one core each
by default. The driver and its actors are reported separately, both with all their Ray threads but
without Ray's own processes.
"""

import argparse
import os
import platform
import subprocess
import tempfile
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyvips
from command import cpu_of
from inline import InlineExecutor

from colorworker.color.guided import fit_to_luma
from colorworker.domain.options import Options
from colorworker.driver import Executor, Job, run_job
from colorworker.executors.cores import usable_cores
from colorworker.executors.worker import WorkerSpec
from colorworker.inputs.jobplan import JobPlan, freeze_job_plan, put_job_plan
from colorworker.inputs.listing import OpenSource, plan_entries
from colorworker.media.stills.vips import open_still, write_still
from colorworker.model.colorizer import load_colorizer
from colorworker.model.weights import resolve
from colorworker.pipeline.context import WorkerContext
from colorworker.report.jobpage import JobFacts
from colorworker.report.writer import ReportWriter
from colorworker.settings import apply_environment, tensorflow_environment
from colorworker.store.local import LocalStore
from colorworker.store.sources import Source

ROOT = Path(__file__).parents[1]
OPTIONS = Options()
SAMPLE = 200
"""Number of pictures whose parts are measured."""
CALLS = ("head", "get", "open", "put", "put_file", "publish", "delete")


@dataclass
class Counted:
    """A store that counts its calls and the CPU seconds of the calling threads."""

    inner: LocalStore
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def __getattr__(self, name):
        call = getattr(self.inner, name)
        if name not in CALLS:
            return call

        def counted(*arguments, **options):
            start = time.thread_time()
            try:
                return call(*arguments, **options)
            finally:
                self.calls[name] += 1
                self.seconds[name] += time.thread_time() - start

        return counted


@dataclass
class Timed:
    """A colorizer that adds up the CPU seconds of the whole process while it predicts."""

    inner: object
    seconds: float = 0.0
    calls: int = 0

    def working_shape(self, height, width):
        return self.inner.working_shape(height, width)

    def predict(self, lightness, hints=None):
        start = time.process_time()
        chroma = self.inner.predict(lightness, hints)
        self.seconds += time.process_time() - start
        self.calls += 1
        return chroma


def make_pictures(folder: Path, items: int) -> None:
    """Write gray pictures with edges, all different."""
    rows, columns = np.mgrid[0:48, 0:64]
    for number in range(items):
        gray = ((rows * (3 + number % 11) + columns * (2 + number % 7)) % 256).astype(np.uint8)
        gray[:8] = number % 256
        place = folder / f"{number // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        image = pyvips.Image.new_from_array(gray).copy(interpretation="b-w")
        image.write_to_file(str(place / f"{number:06d}{('.png', '.jpg')[number % 2]}"))


def parts_alone(source: Path, colorizer: Timed, folder: Path) -> dict[str, float]:
    """Return CPU seconds per item of decoding, predicting and encoding in isolation."""
    spent = dict.fromkeys(("decode", "predict", "encode"), 0.0)
    paths = sorted(path for path in source.rglob("*") if path.is_file())[:SAMPLE]
    for path in paths:
        start = time.process_time()
        with path.open("rb") as reader, open_still(reader, path.name, max_pixels=10**6) as picture:
            info = picture.info
            shape = colorizer.working_shape(info.upright_height, info.upright_width)
            lab = picture.proxy(*shape)
            decoded = time.process_time()
            ab = colorizer.predict(lab[None, ..., 0])[0]
            predicted = time.process_time()
            target = folder / f"part{path.suffix}"
            write_still(picture, *fit_to_luma(lab[..., 0], ab), target, path.suffix)
            target.unlink()
        times = (start, decoded, predicted, time.process_time())
        for name, begin, end in zip(spent, times, times[1:], strict=False):
            spent[name] += (end - begin) / len(paths)
    return spent


def plan_job(source: Path, destination: Path, folder: Path) -> JobPlan:
    store = LocalStore(source)
    entries = plan_entries([OpenSource(Source(str(source)), store)], OPTIONS, folder)
    plan = freeze_job_plan(entries, OPTIONS, resolve("lite"), folder / f"{destination.name}.jsonl")
    put_job_plan(LocalStore(destination), plan)
    return plan


def run_plan(plan: JobPlan, executor: Executor, destination: Path) -> dict[str, float]:
    """Run the job and its report; return CPU seconds of this thread and of finishing the report."""
    model = resolve("lite")
    facts = JobFacts(plan.job_id, ("s",), "d", "x", OPTIONS, model, "", 0.0)
    with ReportWriter(LocalStore(destination), facts) as report:
        start = time.thread_time()
        job = Job(plan.job_id, plan, OPTIONS, model, counts=plan.counts)
        end = run_job(job, executor, line=report.add)
        ran = time.thread_time()
        report.finish(interrupted=False)
        finished = time.thread_time()
    if end.items_failed or end.items_done != plan.counts.items:
        raise SystemExit(f"{end} at the end")
    return {"driver": ran - start, "report": finished - ran, "units": end.units_done}


def show(name: str, rows: list[tuple[str, float]], items: int) -> None:
    print(f"\n{name}")
    for words, seconds in rows:
        print(f"  {words:34s}{seconds * 1000 / items:9.3f} ms")


def inline(source: Path, folder: Path, items: int, colorizer: Timed) -> None:
    parts = parts_alone(source, colorizer, folder)
    destination = folder / "inline"
    stores = Counted(LocalStore(source)), Counted(LocalStore(destination))
    executor = InlineExecutor(
        WorkerContext(stores[1], lambda _: stores[0], lambda _: colorizer, resolve("lite"), "one")
    )
    colorizer.seconds, colorizer.calls = 0.0, 0
    wall, start = time.monotonic(), time.process_time()
    plan = plan_job(source, destination, folder)
    planned = time.process_time() - start
    said = run_plan(plan, executor, destination)
    executor.close()
    cpu, wall = time.process_time() - start, time.monotonic() - wall
    kept = sum(parts.values()) * items
    rows = [(f"{part} alone", seconds * items) for part, seconds in parts.items()]
    rows += [
        ("listing and planning", planned),
        ("driver", said["driver"]),
        ("report", said["report"]),
        ("predict within the job", colorizer.seconds),
        ("store calls within the job", sum(sum(s.seconds.values()) for s in stores)),
        ("whole job", cpu),
        ("overhead: whole - parts", cpu - kept),
    ]
    show(f"inline: CPU an item; wall {wall * 1000 / items:.1f} ms an item", rows, items)
    print(f"  driver a unit {said['driver'] * 1000 / said['units']:.2f} ms, whole / parts"
          f" {cpu / kept:.2f}, {colorizer.calls / items:.3f} predictions an item")  # fmt: skip
    for which, store in zip(("source", "destination"), stores, strict=True):
        calls = ", ".join(
            f"{name} {count / items:.2f} ({store.seconds[name] * 1000 / items:.2f} ms)"
            for name, count in sorted(store.calls.items())
        )
        print(f"  calls of the {which} an item: {sum(store.calls.values()) / items:.2f}: {calls}")
    again = Counted(LocalStore(destination))
    idle = WorkerContext(again, lambda _: stores[0], lambda _: colorizer, resolve("lite"), "one")
    executor = InlineExecutor(idle)
    start = time.process_time()
    run_plan(plan, executor, destination)
    executor.close()
    cpu = (time.process_time() - start) * 1000 / items
    calls = ", ".join(f"{name} {count / items:.2f}" for name, count in sorted(again.calls.items()))
    print(f"  a second run: {cpu:.3f} ms CPU an item; {calls}")
    plan.close()


def on_ray(source: Path, folder: Path, items: int, actors: int) -> None:
    from colorworker.executors.rayactors import RayExecutor
    from colorworker.executors.sizing import PoolSize

    destination = folder / "ray"
    spec = WorkerSpec(LocalStore(destination).uri, resolve("lite"))
    cores = max(1, usable_cores() // actors)
    executor = RayExecutor(
        spec, PoolSize(cores, max_workers=actors), environment=tensorflow_environment(cores)
    )
    warm = folder / "warm"
    make_pictures(warm, 8 * 2 * actors)
    with closing(plan_job(warm, folder / "ray", folder)) as plan:
        run_plan(plan, executor, destination)
    (folder / "ray.jsonl").unlink(missing_ok=True)
    pids = [int(worker.partition(":")[2]) for worker in executor.workers()]
    at_work = sum(map(cpu_of, pids))
    wall, start = time.monotonic(), time.process_time()
    with closing(plan_job(source, destination, folder)) as plan:
        said = run_plan(plan, executor, destination)
    cpu, wall = time.process_time() - start, time.monotonic() - wall
    at_work = sum(map(cpu_of, pids)) - at_work
    executor.close()
    rows = [
        ("driver's thread", said["driver"]),
        ("driver's process, with planning", cpu),
        ("actors", at_work),
    ]
    words = f"on Ray, {len(pids)} actor(s): CPU an item; wall {wall * 1000 / items:.1f} ms an item"
    show(words, rows, items)
    print(f"  driver a unit {said['driver'] * 1000 / said['units']:.2f} ms of its thread,"
          f" {cpu * 1000 / said['units']:.2f} ms of its process")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--executors", nargs="+", default=["inline", "ray"])
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    apply_environment(tensorflow_environment())
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(
        f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, {arguments.items} pictures"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pictures(folder / "source", arguments.items)
        if "inline" in arguments.executors:
            colorizer = Timed(load_colorizer(resolve("lite")))
            for batch in (8, 2, 1):
                colorizer.predict(np.full((batch, 256, 352), 50, np.float32))
            inline(folder / "source", folder, arguments.items, colorizer)
        if "ray" in arguments.executors:
            workers = arguments.workers or usable_cores()
            on_ray(folder / "source", folder, arguments.items, workers)


if __name__ == "__main__":
    main()
