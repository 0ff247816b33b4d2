"""Measure driver, planner, executor and state at scale: real Ray, simulated pixels.

    python benchmarks/scale.py [--actors 1 4 16 64] [--stores folder s3] [--shapes constant heavy
        stragglers] [--seconds 1] [--units 60] [--batch 1] [--segments 0] [--planned 10000 1000000]

Each job is planned, driven and reported like any other, on a local Ray with that many actors of
0.01 CPU. Only the pixels are missing: see `simulated.py`. `--units` counts per actor. `--segments`
makes the items films of that many segments; otherwise they are pictures, `--batch` to a unit.

- efficiency: stated latencies / (actors x time from the first unit's begin to the last one's end).
  `steady` ends when the last unit begins. The rest of the actors' time is spent on the store
  (`store`) and between units (`gap`: result to driver, next unit to actor).
- tail: seconds after the last unit began, and the share of the actors that idles in it.
- driver: CPU milliseconds per unit of the driver's thread, and of its process with Ray's threads.
- requests and bytes per unit: on S3 as the server counts them, of actors and driver together; on a
  folder, calls of the store by actors.
- MiB: proportional set size (shared pages count in part) of the driver and of one actor.

`--planned` runs jobs of that many pictures in one process, each with an executor that answers at
once, and reports the peak memory (RSS) and CPU of planning, driving and reporting.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import simulated  # noqa: E402
from actortimes import Watched, shares_of  # noqa: E402
from command import cpu_of, pss_kib, with_children  # noqa: E402
from countingserver import Server  # noqa: E402
from simulated import Workload  # noqa: E402

from colorworker.domain.models import ModelRef  # noqa: E402
from colorworker.domain.options import Options  # noqa: E402
from colorworker.domain.records import UnitResult  # noqa: E402
from colorworker.driver import Executor, Job, run_job  # noqa: E402
from colorworker.executors.instruments import instruments  # noqa: E402
from colorworker.executors.metered import MeteredExecutor  # noqa: E402
from colorworker.executors.sizing import PoolSize  # noqa: E402
from colorworker.executors.worker import WorkerSpec  # noqa: E402
from colorworker.inputs.jobplan import JobPlan, freeze_job_plan, put_job_plan  # noqa: E402
from colorworker.inputs.listing import OpenSource, plan_entries  # noqa: E402
from colorworker.pipeline.context import WorkerContext  # noqa: E402
from colorworker.pipeline.outcome import success  # noqa: E402
from colorworker.report.jobpage import JobFacts  # noqa: E402
from colorworker.report.writer import ReportWriter  # noqa: E402
from colorworker.runs.heartbeat import Heartbeat, call_both  # noqa: E402
from colorworker.store.memory import MemoryStore  # noqa: E402
from colorworker.store.objectstore import ObjectInfo, ObjectStore  # noqa: E402
from colorworker.store.openstore import open_store  # noqa: E402
from colorworker.store.sources import Source  # noqa: E402

OPTIONS, MODEL = Options(), ModelRef("lite", "0" * 64)
ACTOR_CPUS = 0.01
WARM_UP = Workload("constant", 0.01)
SHAPES = ("constant", "heavy", "stragglers")
STORES = ("folder", "s3")


class Archive(MemoryStore):
    """A source that lists a workload's items and holds no objects."""

    def __init__(self, workload: Workload, items: int) -> None:
        super().__init__("archive")
        self.uri = "s3://archive"
        self._workload, self._items = workload, items

    def list(self, _prefix: str = "") -> Iterator[ObjectInfo]:
        suffix = ".mkv" if self._workload.segments else ".tif"
        for number in range(self._items):
            key = f"{self._workload.folder}/{number // 1000:06d}/{number:08d}{suffix}"
            yield ObjectInfo(key, 4_000_000 + number, f"{number:032x}")


@dataclass(frozen=True)
class Clocks:
    """CPU seconds so far, by who used them, and what the store has counted."""

    thread: float
    process: float
    actors: float
    ray: float
    store: float
    counts: Counter[str]


def read_clocks(actors: Sequence[int], server: Server | None) -> Clocks:
    pid = os.getpid()
    known = {pid, *actors, *([server.pid] if server else [])}
    return Clocks(
        time.thread_time(),
        time.process_time(),
        sum(map(cpu_of, actors)),
        sum(cpu_of(each) for each in with_children(pid) if each not in known),
        cpu_of(server.pid) if server else 0.0,
        server.counts() if server else Counter(),
    )


def plan_job(workload: Workload, items: int, destination: ObjectStore, folder: Path) -> JobPlan:
    source = OpenSource(Source("s3://archive"), Archive(workload, items))
    entries = plan_entries([source], OPTIONS, folder)
    plan = freeze_job_plan(entries, OPTIONS, MODEL, folder / f"{workload.folder}.jsonl")
    put_job_plan(destination, plan)
    return plan


def drive(
    plan: JobPlan, executor: Executor, destination: ObjectStore, batch: int, metrics: str
) -> tuple[int, float]:
    """Run a job with everything that `job.py` puts around it; return its units, and CPU seconds of
    this thread for the report."""
    facts = JobFacts(plan.job_id, ("s",), "d", "x", OPTIONS, MODEL, "", 0.0)
    with (
        Heartbeat(destination, plan.job_id) as heartbeat,
        ReportWriter(destination, facts, heartbeat.run_id) as report,
        instruments("", metrics) as measured,
    ):
        metered = MeteredExecutor(executor, measured, plan.job_id)
        metered.plan(plan.counts.items)
        line = call_both(call_both(report.add, heartbeat.add_item), metered.add_item)
        job = Job(plan.job_id, plan, OPTIONS, MODEL, batch, counts=plan.counts)
        end = run_job(job, metered, line=line, progress=heartbeat.update_progress)
        start = time.thread_time()
        report.finish(interrupted=False)
        if end.items_failed or end.items_done != plan.counts.items:
            raise SystemExit(f"{end} at the end")
        return end.units_done, time.thread_time() - start


def measure(
    executor: Executor,
    workload: Workload,
    units: int,
    arguments: argparse.Namespace,
    destination: ObjectStore,
    server: Server | None,
    folder: Path,
) -> dict[str, float]:
    """Run one job on the executor; return a row of the table."""
    items = -(-units // (workload.segments + 2)) if workload.segments else units * arguments.batch
    pids = [int(worker.rpartition(":")[2]) for worker in executor.workers()]
    watched = Watched(executor)
    with closing(plan_job(workload, items, destination, folder)) as plan:
        before = read_clocks(pids, server)
        done, report = drive(plan, watched, destination, arguments.batch, "ray")
    after = read_clocks(pids, server)
    ran = watched.units()
    shares = shares_of(ran, len(pids))
    each = 1000 / done
    counted = after.counts - before.counts
    requests = counted["requests"] if server else sum(unit.calls for unit in ran)
    size = counted["bytes"] if server else sum(unit.bytes for unit in ran)
    return {
        "actors": len(pids),
        "units": done,
        **asdict(shares),
        "driver_thread_ms": (after.thread - before.thread - report) * each,
        "driver_ms": (after.process - before.process - report) * each,
        "report_ms": report * each,
        "actor_ms": (after.actors - before.actors) * each,
        "ray_ms": (after.ray - before.ray) * each,
        "store_ms": (after.store - before.store) * each,
        "requests": requests / done,
        "kib": size / done / 1024,
        "driver_mib": pss_kib(os.getpid()) / 1024,
        "actor_mib": sum(map(pss_kib, pids)) / len(pids) / 1024,
    }


def show(name: str, row: dict[str, float]) -> None:
    print(
        f"{name:18s}{row['actors']:5.0f}{row['units']:7.0f}{row['seconds']:8.1f}"
        f"{row['efficiency'] * 100:7.1f}{row['steady'] * 100:7.1f}{row['store'] * 100:6.1f}"
        f"{row['gap'] * 100:6.1f}{row['tail_seconds']:7.1f}{row['tail_idle'] * 100:6.0f}"
        f"{row['driver_thread_ms']:8.2f}{row['driver_ms']:7.2f}{row['actor_ms']:7.1f}"
        f"{row['ray_ms']:6.1f}{row['store_ms']:7.1f}{row['requests']:7.2f}{row['kib']:7.1f}"
        f"{row['driver_mib']:7.0f}{row['actor_mib']:6.0f}",
        flush=True,
    )


HEAD = (
    f"{'':38s}efficiency     of the rest      tail      CPU ms per unit{'':26s}per unit       MiB\n"
    "store shape       actors  units  wall s  all %  stdy % store%  gap%     s idle% thread driver"
    " actors   Ray  store  reqs.    KiB driver actor"
)


@contextmanager
def actors_of(destination: str, count: int, start_seconds: float) -> Iterator[Executor]:
    """Start Ray and that many actors."""
    from colorworker.executors.rayactors import RayExecutor

    spec = WorkerSpec(destination, MODEL)
    size = PoolSize(ACTOR_CPUS, min_workers=count, max_workers=count)
    executor = RayExecutor(spec, size, run_unit=simulated.run_unit, start_seconds=start_seconds)
    with closing(executor):
        end = time.monotonic() + start_seconds
        while len(executor.workers()) < count:
            executor.wait(1.0)
            if time.monotonic() > end:
                raise SystemExit(f"only {len(executor.workers())} of {count} actors have started")
        yield executor


def measure_all(arguments: argparse.Namespace) -> Iterator[dict[str, float]]:
    for store in arguments.stores:
        for count in arguments.actors:
            with tempfile.TemporaryDirectory(prefix="scale-") as name:
                yield from _measure_pool(arguments, store, count, Path(name))


def _measure_pool(
    arguments: argparse.Namespace, store: str, count: int, folder: Path
) -> Iterator[dict[str, float]]:
    (folder / "weed").mkdir()
    server = Server(folder / "weed") if store == "s3" else None
    try:
        uri = f"s3://{server.make_bucket()}" if server else str(folder / "color")
        began = time.monotonic()
        with closing(open_store(uri)) as destination, actors_of(uri, count, 420) as executor:
            started = time.monotonic() - began
            measure(executor, WARM_UP, 2 * count, arguments, destination, server, folder)
            for shape in arguments.shapes:
                workload = Workload(shape, arguments.seconds, arguments.segments)
                units = arguments.units * count
                row = measure(executor, workload, units, arguments, destination, server, folder)
                show(f"{store} {shape}", row)
                kind = {"store": store, "shape": shape, "mean_seconds": arguments.seconds}
                yield {**kind, "batch": arguments.batch, "started": started, **row}
    finally:
        if server:
            server.stop()


class Instant:
    """An executor whose units are done at once, without a store."""

    slots = 128

    def __init__(self, destination: ObjectStore) -> None:
        self._context = WorkerContext(
            destination, lambda _: destination, lambda _: None, MODEL, "one:1"
        )
        self._results: list[UnitResult] = []

    def submit(self, unit, attempt: int) -> None:
        stills = tuple(
            success(self._context, still, attempt, self._record(still, attempt), resumed=False)
            for still in unit.stills
        )
        self._results.append(
            UnitResult(unit.unit_id, "succeeded", attempt=attempt, worker="one:1", stills=stills)
        )

    def wait(self, _timeout_seconds: float) -> list[UnitResult]:
        results, self._results = self._results, []
        return results

    def _record(self, still, attempt: int):
        return simulated.still_record(self._context, still, attempt)


def plan_in_process(items: int, batch: int, folder: Path) -> dict[str, float]:
    """Plan, drive and report a job in this process; return CPU seconds and peak memory."""
    with closing(open_store(str(folder / "color"))) as destination:
        start = time.process_time()
        with closing(plan_job(WARM_UP, items, destination, folder)) as plan:
            planned = time.process_time()
            told = {"plan": planned - start, "peak_mib": peak_mib()}
            print(json.dumps(told), file=sys.stderr, flush=True)  # The rest may take an hour.
            done, report = drive(plan, Instant(destination), destination, batch, "local")
            ended = time.process_time()
    return {
        "items": items,
        "units": done,
        "plan": planned - start,
        "drive": ended - planned - report,
        "report": report,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plan_apart(items: int, batch: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        command = [sys.executable, __file__, "--one", folder, "--planned", str(items),
                   "--batch", str(batch)]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(done.stdout)
    each = 1e6 / items
    print(
        f"{items:9d} planned: {row['plan'] * each:6.1f} us of CPU an item to plan,"
        f" {row['drive'] * each:6.1f} to drive, {row['report'] * each:6.1f} to report;"
        f" {row['drive'] * 1000 / row['units']:.3f} ms a unit of {batch};"
        f" peak {row['peak_mib']:.1f} MiB",
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actors", type=int, nargs="*", default=[1, 4, 16, 64])
    parser.add_argument("--stores", nargs="+", default=STORES, choices=STORES)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, choices=SHAPES)
    parser.add_argument("--seconds", type=float, default=1.0, help="mean latency of a unit")
    parser.add_argument("--units", type=int, default=60, help="units per actor")
    parser.add_argument("--batch", type=int, default=1, help="pictures per unit")
    parser.add_argument("--segments", type=int, default=0, help="segments per film; 0: pictures")
    parser.add_argument("--planned", type=int, nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="file for all rows, one JSON object a line")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(plan_in_process(arguments.planned[0], arguments.batch, arguments.one)))
        return
    # By default, Ray runs workers at a low priority, and other programs would slow them down.
    os.environ |= {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # noqa: TID251
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(
        f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores, load"
        f" {os.getloadavg()[0]:.1f}, mean latency {arguments.seconds:g} s"
    )
    rows = [plan_apart(items, arguments.batch) for items in arguments.planned]
    if arguments.actors:
        print(HEAD)
        rows += measure_all(arguments)
    if arguments.json:
        with arguments.json.open("a") as file:
            file.writelines(json.dumps({"commit": commit, **row}) + "\n" for row in rows)


if __name__ == "__main__":
    main()
