"""Mutate thousands of files and color them: the long version of `test_mutations.py`.

    python -m tests.fuzz --seed 1 --count 5000             # 5,000 files
    python -m tests.fuzz --seed 1 --count 1 --start 17     # repeat number 17

Prints the count of every ending and every fault with its seed and number; the file and the log of
the process are kept in the folder.
"""

import argparse
import collections
import tempfile
import time
from pathlib import Path

from tests.fuzz.campaign import Mutations, Verdict, color_all, working_folder


def main() -> int:
    """Return the exit code: 1 if there were faults."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0, help="first number")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--children", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin none after this")
    parser.add_argument("--folder", type=Path, help="for files that caused faults")
    wanted = parser.parse_args()
    folder = wanted.folder or Path(tempfile.mkdtemp(prefix="colorworker-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    working = working_folder()
    mutations = Mutations(Path(working.name), wanted.seed, large=True)
    began, endings, faults = time.monotonic(), collections.Counter(), []
    peaks: list[tuple[int, str]] = []
    slowest: list[tuple[float, str]] = []

    def cases():
        for number in range(wanted.start, wanted.start + wanted.count):
            if time.monotonic() - began > wanted.seconds:
                return
            yield mutations.case(number)

    def note(verdict: Verdict) -> None:
        endings[verdict.ending] += 1
        if endings.total() % 500 == 0:
            print(f"{endings.total()} files, {time.monotonic() - began:.0f} s", flush=True)
        if run := verdict.run:
            peaks.append(((run.peak_bytes - run.base_bytes) >> 20, verdict.case.label))
            slowest.append((round(run.cpu_seconds, 1), verdict.case.label))
        if verdict.ending in {"output_mismatch", "quarantined"}:
            print(f"LOOK {verdict.case.label} {verdict.case.options}: {verdict.run}", flush=True)
        if verdict.fault:
            faults.append(verdict)
            number = verdict.case.label.partition("number ")[2].partition(" ")[0]
            kept = folder / f"fault-{wanted.seed}-{number}-{verdict.case.name}"
            kept.write_bytes(verdict.case.data)
            if verdict.log:
                kept.with_name(f"{kept.name}.log").write_text(verdict.log)
            print(f"FAULT {verdict.case.label} {verdict.case.options}: {verdict.fault}", flush=True)

    with working:
        color_all(cases(), Path(working.name), wanted.children, note)
    done, seconds = sum(endings.values()), time.monotonic() - began
    print(f"seed {wanted.seed}, from number {wanted.start}: {done} files in {seconds:.0f} s")
    print(f"{len(faults)} faults, kept in {folder}")
    for ending, count in endings.most_common():
        print(f"{count:8} {ending}")
    print("most memory (MiB):", sorted(peaks)[-5:])
    print("most CPU (s):", sorted(slowest)[-5:])
    return bool(faults)


if __name__ == "__main__":
    raise SystemExit(main())
