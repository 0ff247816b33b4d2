"""One job between buckets on a Ray cluster, while its processes, its store and its disk fail.

Everything is real: SeaweedFS behind a proxy, Ray with a head and two nodes, the command line as
driver. All choices come from one seed; what processes do in between is not repeatable.
"""

import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests import raycluster, s3server
from tests.archives import save_film, save_picture
from tests.commandline import REPOSITORY
from tests.faultproxy import Fault, FaultProxy
from tests.onnxnetworks import siggraph17
from tests.processes import descendants

FRAMES_PER_SEGMENT = 12
UNITS_PER_FILM = 4
"""Scan, two segments, assembly."""
STALL_SECONDS = 6
"""How long a worker may be silent; shorter than the time for which workers are suspended."""
SUSPENDED_SECONDS = 9.0
DISK_BYTES = 64 << 20
HOUR = 3600
FINISH_SECONDS = 240.0
FINISH_SECONDS_PER_UNIT = 2.0
"""How long a job may take without faults."""
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SETTINGS = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": str(FRAMES_PER_SEGMENT),
    "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12",
    "COLORWORKER_MEDIA__SETTLE_ANCHORS": "0",
    "COLORWORKER_RUN__CPUS_PER_WORKER": "1",
    "COLORWORKER_RUN__BATCH_STILLS": "2",
    "COLORWORKER_RUN__MAX_ATTEMPTS": "9",
    "COLORWORKER_RUN__UNIT_STALL_SECONDS": str(STALL_SECONDS),
    "COLORWORKER_RUN__HEARTBEAT_SECONDS": "2",
    "COLORWORKER_RUN__MIN_FREE_BYTES": str(4 << 20),
    "COLORWORKER_S3__CONNECT_SECONDS": "2",
    "COLORWORKER_S3__READ_SECONDS": "3",
    "COLORWORKER_S3__OUTAGE_SECONDS": "20",
}
REQUEST_FAULTS = (
    Fault(500, "InternalError"),
    Fault(503, "SlowDown"),
    Fault(drop=True),
    Fault(lose_answer=True),
    Fault(keep_share=0.5),
    Fault(delay_seconds=4.0),
    Fault(trickle_seconds=0.1),
    Fault(stale=True),
)
SHARE_OF_REQUESTS = 0.1


def write_archive(folder: Path, units: int) -> int:
    """Write pictures and films that take about that many units; return the number of items."""
    films = max(1, units // (2 * UNITS_PER_FILM))
    pictures = max(1, units - films * UNITS_PER_FILM)
    for number in range(pictures):
        save_picture(folder / f"{number:03}.tif", 32, 48, bits=16, seed=number)
    first = save_film(folder / "film-000.mkv", frames=2 * FRAMES_PER_SEGMENT, sound="flac")
    for number in range(1, films):
        # Other bytes, so that every film has units of its own.
        shutil.copy(first, folder / f"film-{number:03}.mkv")
        with (folder / f"film-{number:03}.mkv").open("ab") as file:
            file.write(b"\xec\x81" + bytes([number]))  # EBML's Void
    return pictures + films


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all outputs in a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if ".colorworker" not in path.parts
    }


class ScratchDisk:
    """A small disk of its own for temporary files, which can be full; needs root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        options = f"size={DISK_BYTES}".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        self.is_real = not libc.mount(b"none", bytes(folder), b"tmpfs", 0, options)

    def fill(self) -> None:
        """Take all space."""
        with suppress(OSError), (self.folder / "ballast").open("wb") as file:
            while True:
                file.write(bytes(1 << 20))

    def free(self) -> None:
        """Give the space back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if self.is_real:
            ctypes.CDLL(None).umount2(bytes(self.folder), 2)


@dataclass
class Storm:
    """The job, its surroundings, and the faults."""

    folder: Path
    seed: int
    units: int
    server: s3server.S3Server
    log: Counter = field(default_factory=Counter)
    drivers: list = field(default_factory=list)
    endings: Counter = field(default_factory=Counter)
    """Exit codes of drivers; negative ones were killed here."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._request_chance = random.Random(self.seed + 1)
        self._lock = threading.Lock()
        self.requests_fail = False
        self.archive, self.color = (self.server.make_bucket() for _ in range(2))
        self.items = write_archive(self.folder / "archive", self.units)
        for path in (self.folder / "archive").iterdir():
            self.server.client.upload_file(str(path), self.archive, path.name)
        self.model = self.folder / "net.onnx"
        self.model.write_bytes(siggraph17())
        self.clock = self.folder / "clock"
        self.set_clock(0)
        self.disk = ScratchDisk(self.folder / "scratch")
        self.proxy = FaultProxy(self.server.url, self._choose)
        self.proxy.start()

    def start_cluster(self) -> None:
        """Start a head and two nodes, whose processes use the proxy."""
        os.environ.update(s3server.environment(self.proxy.url))
        self.cluster = raycluster.start_cluster()
        for _ in range(2):
            self.cluster.add_node()

    def close(self) -> None:
        """End all processes."""
        for driver in self.drivers:
            driver.kill()
            driver.wait()
        if cluster := getattr(self, "cluster", None):
            cluster.stop()
        self.proxy.stop()
        self.disk.close()

    def _choose(self, seen) -> Fault:
        with self._lock:
            if not self.requests_fail or self._request_chance.random() > SHARE_OF_REQUESTS:
                return Fault()
            fault = self._request_chance.choice(REQUEST_FAULTS)
            self.log["request"] += 1
            return fault

    # The job.

    def words(self, source: str, destination: str, *more: str) -> list[str]:
        return [
            sys.executable, "-m", "colorworker", "colorize", source, destination,
            "--profile", "archive", "--model", str(self.model), "--model-profile", "siggraph17",
            *more,
        ]  # fmt: skip

    def start_driver(self) -> None:
        environment = {
            **self.cluster.environment,
            **SETTINGS,
            "RAY_ADDRESS": self.cluster.address,
            "COLORWORKER_RUN__SCRATCH": str(self.disk.folder),
            "COLORWORKER_RUN__CACHE": str(self.folder / "cache"),
        }
        if FAKETIME.exists():
            environment |= {
                "LD_PRELOAD": str(FAKETIME),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_NO_CACHE": "1",
            }
        log = self.folder / f"driver-{len(self.endings) + len(self.drivers)}-{time.time_ns()}.log"
        with log.open("wb") as output:
            self.drivers.append(
                subprocess.Popen(
                    self.words(f"s3://{self.archive}/", f"s3://{self.color}/"),
                    cwd=REPOSITORY, env=environment, stdout=output, stderr=output,
                )
            )  # fmt: skip

    def undisturbed(self) -> dict[str, str]:
        """Run the same job on this machine alone, and return the hashes of its outputs."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "COLORWORKER_"))}
        place = self.folder / "undisturbed"
        words = self.words(str(self.folder / "archive"), str(place), "--executor", "local")
        subprocess.run(
            words, cwd=REPOSITORY, env={**kept, **SETTINGS, "COLORWORKER_RUN__WORKERS": "2"},
            check=True, capture_output=True, timeout=FINISH_SECONDS + self.units,
        )  # fmt: skip
        return hashes(place)

    def reap(self) -> bool:
        """Note drivers that have ended; return whether one has finished the job."""
        finished = False
        for driver in [each for each in self.drivers if each.poll() is not None]:
            self.drivers.remove(driver)
            self.endings[driver.returncode] += 1
            finished |= driver.returncode == 0
        return finished

    # The faults.

    def faults(self):
        """Return the faults by name and how often each is chosen."""
        known = {
            "kill a worker": (self.kill_worker, 6),
            "suspend a worker": (self.suspend_worker, 3),
            "kill the driver": (self.kill_driver, 2),
            "suspend the driver": (self.suspend_driver, 1),
            "start a second driver": (self.second_driver, 1),
            "kill a node": (self.kill_node, 1),
            "kill a raylet": (self.kill_raylet, 1),
            "kill the store": (self.kill_store, 2),
            "suspend the store": (self.suspend_store, 2),
        }
        if self.disk.is_real:
            known["fill the disk"] = self.full_disk, 1
        if FAKETIME.exists():
            known["move the clock"] = self.move_clock, 2
        return known

    def strike(self) -> None:
        """Choose a fault and let it happen."""
        known = self.faults()
        (name,) = self.chance.choices(list(known), [weight for _, weight in known.values()])
        if known[name][0]():
            self.log[name] += 1

    def _workers(self) -> list[int]:
        nodes = self.cluster.workers
        found = {pid for node in nodes for pid in descendants(node.process.pid, "ray::UnitActor")}
        return sorted(found)

    def _signal(self, pids, number) -> bool:
        if not pids:
            return False
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(pids), number)
        return True

    def _later(self, seconds, what, *arguments) -> None:
        timer = threading.Timer(seconds, what, arguments)
        timer.daemon = True
        timer.start()

    def _resume_later(self, pid, seconds) -> None:
        def resume() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        os.kill(pid, signal.SIGSTOP)
        self._later(seconds, resume)

    def kill_worker(self) -> bool:
        number = self.chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGSEGV))
        return self._signal(self._workers(), number)

    def suspend_worker(self) -> bool:
        """Suspend it past the time after which it counts as dead; then it goes on."""
        workers = self._workers()
        if workers:
            with suppress(ProcessLookupError):
                self._resume_later(self.chance.choice(workers), SUSPENDED_SECONDS)
        return bool(workers)

    def kill_driver(self) -> bool:
        if self.drivers:
            self.chance.choice(self.drivers).kill()
        return bool(self.drivers)

    def suspend_driver(self) -> bool:
        if self.drivers:
            self._resume_later(self.chance.choice(self.drivers).pid, 7.0)
        return bool(self.drivers)

    def second_driver(self) -> bool:
        if len(self.drivers) == 1:
            self.start_driver()
            return True
        return False

    def kill_node(self) -> bool:
        self.chance.choice(self.cluster.workers).kill()
        self.cluster.add_node()
        return True

    def kill_raylet(self) -> bool:
        """Kill only the raylet; its workers notice, and its agents end."""
        node = self.chance.choice(self.cluster.workers)
        raylets = [pid for pid in node.pids if _name_of(pid) == "raylet"]
        struck = self._signal(raylets, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            node.process.wait(5)
        node.kill()
        self.cluster.add_node()
        return struck

    def kill_store(self) -> bool:
        self.server = self.server.restarted()
        return True

    def suspend_store(self) -> bool:
        self._resume_later(self.server.process.pid, self.chance.choice((1.0, 5.0)))
        return True

    def full_disk(self) -> bool:
        self.disk.fill()
        self._later(3.0, self.disk.free)
        return True

    def move_clock(self) -> bool:
        self.set_clock(self.chance.choice((-HOUR, HOUR)))
        self._later(4.0, self.set_clock, 0)
        return True

    def set_clock(self, seconds: int) -> None:
        self.clock.write_text(f"{seconds:+d}\n")

    # The end.

    def run(self, faults: int, seconds: float, pause: float = 1.0) -> None:
        """Run the job and let faults happen; then let it finish in peace.

        Args:
            faults: Faults of processes, clock and disk.
            seconds: Let no more faults happen after this.
            pause: Mean time between two faults, in seconds.
        """
        end = time.monotonic() + seconds
        self.requests_fail = True
        happened = 0
        while happened < faults and time.monotonic() < end:
            self.reap()
            if not self.drivers:
                self.start_driver()
            time.sleep(self.chance.uniform(0.2, 2 * pause))
            before = sum(self.log.values()) - self.log["request"]
            self.strike()
            happened += sum(self.log.values()) - self.log["request"] - before
        self.requests_fail = False
        if self.log["suspend a worker"]:
            time.sleep(SUSPENDED_SECONDS)
        self.set_clock(0)
        self.disk.free()
        self.finish()

    def finish(self) -> None:
        """Run the job until a driver says that all is done."""
        end = time.monotonic() + FINISH_SECONDS + self.units * FINISH_SECONDS_PER_UNIT
        done = False
        while not done or self.drivers:
            if not self.drivers:
                self.start_driver()
            time.sleep(0.2)
            done = self.reap() or done
            if time.monotonic() > end:
                raise TimeoutError(f"not done: {self.endings}\n{self.last_log()}")

    def last_log(self) -> str:
        """Return the end of what the last driver wrote."""
        logs = sorted(self.folder.glob("driver-*.log"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text(errors="replace")[-3000:]

    def sweep(self) -> None:
        """Delete what jobs have left behind."""
        subprocess.run(
            [sys.executable, "-m", "colorworker", "sweep", f"s3://{self.color}/", "--delete",
             "--older-than", "0s", "--reports-older-than", "0s"],
            cwd=REPOSITORY, env=self.cluster.environment, check=True, capture_output=True,
        )  # fmt: skip

    def objects(self) -> dict[str, bytes]:
        """Return all objects of the destination."""
        pages = self.server.client.get_paginator("list_objects_v2").paginate(Bucket=self.color)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        get = self.server.client.get_object
        return {key: get(Bucket=self.color, Key=key)["Body"].read() for key in keys}

    def problems(self, expected: dict[str, str]) -> list[str]:
        """Return what is wrong with the destination; call it at the end.

        Args:
            expected: Hashes of the outputs of an undisturbed run.
        """
        self.sweep()
        found = self.objects()
        outputs = {
            key: hashlib.sha256(data).hexdigest()
            for key, data in found.items()
            if not key.startswith(".colorworker/")
        }
        problems = []
        if outputs.keys() != expected.keys():
            problems.append(f"outputs: {sorted(outputs.keys() ^ expected.keys())}")
        differ = [key for key in outputs if outputs[key] != expected.get(key)]
        problems += [f"{key} differs from the undisturbed run's" for key in differ]
        records = {
            key: json.loads(data)
            for key, data in found.items()
            if key.startswith(".colorworker/units/")
        }
        named = Counter(record["output_key"] for record in records.values())
        problems += [f"{key}: {named[key]} records" for key in outputs if named[key] != 1]
        for record in records.values():
            key = record["output_key"]
            if key and outputs.get(key) != record["sha256"]:
                problems.append(f"{key}: its record has another checksum")
        attempts = {record["attempt_key"] for record in records.values()}
        parts = [key for key in found if key.startswith(".colorworker/parts/")]
        problems += [f"left behind: {key}" for key in parts if key not in attempts]
        uploads = self.server.client.list_multipart_uploads(Bucket=self.color).get("Uploads", [])
        problems += [f"upload left behind: {each['Key']}" for each in uploads]
        lines = [json.loads(line) for line in self._report(found).splitlines()]
        keys = Counter(line["key"] for line in lines)
        if len(keys) != self.items or set(keys.values()) != {1}:
            problems.append(f"the report has {len(keys)} of {self.items} items: {keys}")
        problems += [f"{each['key']}: {each['error']}" for each in lines
                     if each["outcome"] != "succeeded"]  # fmt: skip
        left = [path.name for path in self.disk.folder.iterdir() if path.name != "ballast"]
        problems += [f"temporary file left behind: {name}" for name in left]
        return problems

    def _report(self, found: dict[str, bytes]) -> bytes:
        reports = sorted(key for key in found if key.endswith("report.jsonl"))
        return found[reports[-1]] if reports else b""


def _name_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
