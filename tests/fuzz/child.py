"""A process that colors hostile files, one after the other, as a worker does, and reports on each.

    python -m tests.fuzz.child DESCRIPTOR

It gets (name, bytes, options) and answers with a `Run`. It may die: that is for the parent to see.
"""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from colorworker.domain.options import Options
from colorworker.store.local import LocalStore
from tests.jobharness import MAX_PIXELS, run_toy_job

ADDRESS_SPACE_BYTES = 8 << 30
"""What native code may reserve; beyond it, allocations fail."""


@dataclass(frozen=True)
class Run:
    """What became of one file."""

    outcome: str
    code: str
    sentence: str
    cpu_seconds: float
    peak_bytes: int
    """Largest resident memory while it ran."""
    base_bytes: int
    """Resident memory before it."""
    leftovers: tuple[str, ...] = ()
    """Temporary files that were left behind."""


def color(
    folder: Path, name: str, data: bytes, options: Options, max_pixels: int = MAX_PIXELS
) -> Run:
    """Color a file that is the only one of its archive."""
    archive, destination = folder / "archive", folder / "color"
    archive.mkdir()
    (archive / name).write_bytes(data)
    _forget_peak()
    base, began = _memory("VmRSS"), time.process_time()
    # The least free space is of no interest here.
    settings = {"max_attempts": 1, "min_free_bytes": 0, "max_pixels": max_pixels}
    lines = run_toy_job(archive, LocalStore(destination), options, **settings)
    used = time.process_time() - began
    (line,) = lines.values()
    temporary = destination / ".colorworker" / "tmp"
    left = tuple(sorted(path.name for path in temporary.glob("*")))
    if line.outcome == "succeeded" and not (destination / line.output_key).is_file():
        left = (*left, "no output")
    return Run(line.outcome, line.error_code, line.error, used, _memory("VmHWM"), base, left)


def _memory(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def _forget_peak() -> None:
    # proc(5): 5 resets the peak of the resident set.
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    """Answer the parent until it hangs up."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    connection = Connection(int(sys.argv[1]))
    root = Path(tempfile.mkdtemp(prefix="fuzz-", dir=os.environ.get("FUZZ_FOLDER")))
    connection.send_bytes(b"ready")
    try:
        while True:
            name, options = json.loads(connection.recv_bytes())
            folder = root / "one"
            folder.mkdir()
            most = options.pop("max_pixels", MAX_PIXELS)
            run = color(folder, name, connection.recv_bytes(), Options(**options), most)
            connection.send_bytes(json.dumps(asdict(run)).encode())
            shutil.rmtree(folder)
    except EOFError:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
