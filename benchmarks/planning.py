"""How long does it take to plan a million sources, and how much memory?

    python benchmarks/planning.py [--keys 10000 1000000] [--order sorted shuffled]

Keys come from a store that makes them up, one by one, as S3 would list them: 92 % pictures, 2 %
films, 6 % sidecars, and one in 100 meets another's output name. Each plan is made in a process of
its own: list, tell kinds, sort, name, freeze the manifest, put it on a folder; then it is read back
once, as the driver does. `shuffled` is what a folder or some services list. CPU seconds of all
threads; peak memory is the process's, interpreter and imports included.
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
from collections.abc import Iterator
from pathlib import Path

from colorworker.listing import OpenSource, plan_entries
from colorworker.planning.plan import freeze, put_manifest
from colorworker.store.base import ObjectInfo
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.sources import Source
from colorworker.work.job import ModelRef, Options

ROOT = Path(__file__).parents[1]
ENDINGS = (*(".jpg" for _ in range(45)), *(".tif" for _ in range(47)), ".avi", ".mov", ".mp4.md5",
           *(".xml" for _ in range(5)))  # fmt: skip


class Bucket(MemoryStore):
    """A store that lists as many keys as it is told to, and holds none."""

    def __init__(self, keys: int, order: str) -> None:
        super().__init__("bucket")
        self._keys = keys
        # A step that shares no factor with the number of keys visits each once.
        self._step = 1 if order == "sorted" else 7_368_787

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:  # noqa: ARG002 - as the port has it
        for place in range(self._keys):
            number = place * self._step % self._keys
            stem = number // 2 * 2 if number % 100 in (10, 11) else number
            ending = ENDINGS[number * 7919 // 3 % 100]
            key = f"collection-{number // 5000:04d}/box-{number // 100:06d}/scan_{stem:08d}{ending}"
            yield ObjectInfo(key, 4_000_000 + number, f"{number:032x}")


def plan(keys: int, order: str) -> dict[str, float]:
    """Plan once, in this process."""
    source = OpenSource(Source("memory://bucket"), Bucket(keys, order))
    wall, cpu = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        scratch = Path(folder)
        entries = plan_entries([source], "access", scratch)
        model = ModelRef("lite", "0" * 64)
        with freeze(entries, Options(), model, scratch / "manifest.jsonl") as frozen:
            manifest_bytes = frozen.size_bytes
            put_manifest(LocalStore(scratch / "destination"), frozen)
            planned = time.monotonic() - wall, time.process_time() - cpu
            start = time.process_time()
            read = sum(1 for _ in frozen)
            seconds = time.process_time() - start
            counts = frozen.counts
    if read != counts.items:
        raise SystemExit(f"{read} entries read back of {counts.items}")
    return {
        "items": counts.items,
        "todo": counts.stills + counts.films,
        "wall": planned[0],
        "cpu": planned[1],
        "read": seconds,
        "manifest_mib": manifest_bytes / 2**20,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def apart(keys: int, order: str) -> dict[str, float]:
    """Plan in a process of its own."""
    command = [sys.executable, __file__, "--one", "--keys", str(keys), "--order", order]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--order", nargs="+", default=["sorted", "shuffled"])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(plan(arguments.keys[0], arguments.order[0])))
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    print("order         keys  to be done   wall s    CPU s  read CPU s  manifest MiB  peak MiB")
    for order in arguments.order:
        peaks = []
        for keys in arguments.keys:
            seen = apart(keys, order)
            peaks.append(seen["peak_mib"])
            print(
                f"{order:9s}{keys:9d}{seen['todo']:12.0f}{seen['wall']:9.1f}{seen['cpu']:9.1f}"
                f"{seen['read']:12.1f}{seen['manifest_mib']:14.1f}{seen['peak_mib']:10.1f}",
                flush=True,
            )
        print(f"{order:9s}peak memory, most keys / fewest: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
