"""Measure the time and memory that planning a million sources takes.

    python benchmarks/planning.py [--keys 10000 1000000] [--from sorted shuffled csv ...]

A store makes up the keys one by one, the way S3 would list them: 92 % pictures, 2 % films, 6 %
sidecars, and one in 100 collides with another's output name. Each plan is made in its own process:
list, classify, sort, name, freeze the job plan, put it into a folder, and read it back once, as the
driver does. `shuffled` is the order in which folders and some services list. The other origins are
lines of a manifest on disk: `csv` has no sizes, so its folders are listed too; `inventory` is one
compressed table; in `jsonl`, every second object has its own options. Waiting for a service is not
included. Prints CPU seconds of all threads, and the peak memory of the process, including
interpreter and imports.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.inputs.jobplan import freeze_job_plan, put_job_plan
from colorworker.inputs.listing import OpenSource, plan_entries
from colorworker.inputs.manifests import open_manifest
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.objectstore import ObjectInfo
from colorworker.store.openstore import open_store
from colorworker.store.sources import Source

ROOT = Path(__file__).parents[1]
ENDINGS = (*(".jpg" for _ in range(45)), *(".tif" for _ in range(47)), ".avi", ".mov", ".mp4.md5",
           *(".xml" for _ in range(5)))  # fmt: skip


MANIFESTS = ("csv", "inventory", "jsonl")


class Bucket(MemoryStore):
    """A store that lists a given number of keys and holds no objects."""

    def __init__(self, keys: int, order: str) -> None:
        super().__init__("bucket")
        self.uri = "s3://bucket"
        self._keys = keys
        # A step that shares no factor with the number of keys visits each key once.
        self._step = 7_368_787 if order == "shuffled" else 1

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        first, last = 0, self._keys
        if prefix:
            first = int(prefix.split("/")[1][4:]) * 100
            last = min(first + 100, last)
        for place in range(first, last):
            number = place * self._step % self._keys
            stem = number // 2 * 2 if number % 100 in (10, 11) else number
            ending = ENDINGS[number * 7919 // 3 % 100]
            key = f"collection-{number // 5000:04d}/box-{number // 100:06d}/scan_{stem:08d}{ending}"
            yield ObjectInfo(key, 4_000_000 + number, f"{number:032x}")


def write_manifest(folder: Path, keys: int, kind: str) -> str:
    """Write a manifest of all keys and return it as a source."""
    found = Bucket(keys, "sorted").list()
    if kind == "csv":
        path = folder / "keys.csv"
        lines = (f"bucket,{info.key}\n" for info in found)
    elif kind == "jsonl":
        path = folder / "keys.jsonl"
        own = ('"profile": "archive", ', "")
        lines = (
            f'{{"uri": "s3://bucket/{info.key}", {own[number % 2]}"size_bytes": {info.size_bytes},'
            f' "etag": "{info.etag}"}}\n'
            for number, info in enumerate(found)
        )
    else:
        path = folder / "manifest.json"
        table = folder / "table.csv.gz"
        with gzip.open(table, "wt", 6) as file:
            file.writelines(
                f'"bucket","{info.key}","{info.size_bytes}","{info.etag}"\n' for info in found
            )
        lines = iter([json.dumps({
            "sourceBucket": "bucket", "destinationBucket": "arn:aws:s3:::lists",
            "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size, ETag",
            "files": [{"key": "table.csv.gz", "size": table.stat().st_size, "MD5checksum":
                       hashlib.md5(table.read_bytes(), usedforsecurity=False).hexdigest()}],
        })])  # fmt: skip
    with path.open("w") as file:
        file.writelines(lines)
    return f"manifest:{path}"


def opened(folder: Path, uri: str):
    return LocalStore(folder) if uri == "s3://lists" else open_store(uri)


def plan(folder: Path, keys: int, origin: str) -> dict[str, float]:
    """Plan once, in this process; manifests are written to the folder."""
    bucket = Bucket(keys, origin)
    wall, cpu = time.monotonic(), time.process_time()
    manifest = None
    if origin in MANIFESTS:
        (path,) = [path for path in folder.iterdir() if not path.name.endswith(".gz")]
        manifest = open_manifest(f"manifest:{path}", partial(opened, folder))
    source = OpenSource(Source(bucket.uri), bucket, manifest)
    with tempfile.TemporaryDirectory(prefix="colorworker-") as name:
        scratch = Path(name)
        entries = plan_entries([source], Options(), scratch)
        model = ModelRef("lite", "0" * 64)
        with closing(freeze_job_plan(entries, Options(), model, scratch / "plan.jsonl")) as frozen:
            manifest_bytes = frozen.size_bytes
            put_job_plan(LocalStore(scratch / "destination"), frozen)
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


def apart(keys: int, origin: str) -> dict[str, float]:
    """Plan in a separate process."""
    with tempfile.TemporaryDirectory(prefix="colorworker-") as folder:
        if origin in MANIFESTS:
            write_manifest(Path(folder), keys, origin)
        command = [sys.executable, __file__, "--one", folder, "--keys", str(keys), "--from", origin]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument(
        "--from", nargs="+", dest="origins", default=["sorted", "shuffled", *MANIFESTS]
    )
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(plan(arguments.one, arguments.keys[0], arguments.origins[0])))
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    print(f"commit {commit}, {platform.machine()}, {os.cpu_count()} cores")
    print("from          keys  to be done   wall s    CPU s  read CPU s  manifest MiB  peak MiB")
    for origin in arguments.origins:
        peaks = []
        for keys in arguments.keys:
            seen = apart(keys, origin)
            peaks.append(seen["peak_mib"])
            print(
                f"{origin:9s}{keys:9d}{seen['todo']:12.0f}{seen['wall']:9.1f}{seen['cpu']:9.1f}"
                f"{seen['read']:12.1f}{seen['manifest_mib']:14.1f}{seen['peak_mib']:10.1f}",
                flush=True,
            )
        print(f"{origin:9s}peak memory, most keys / fewest: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
