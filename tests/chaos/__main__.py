"""The long version of `test_chaos.py`.

    python -m tests.chaos --seed 1 --units 300 --faults 200 --seconds 420

Prints which faults happened how often, how drivers ended, and everything that is wrong at the end.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests import s3server
from tests.chaos.storm import Storm


def main() -> int:
    """Return the exit code: 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1e9, help="no fault after this")
    parser.add_argument("--pause", type=float, default=1.0, help="mean seconds between faults")
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="colorworker-chaos-"))
    (folder / "weed").mkdir()
    server = s3server.start_server(folder / "weed")
    storm = Storm(folder, wanted.seed, wanted.units, server)
    began = time.monotonic()
    try:
        expected = storm.undisturbed()
        storm.start_cluster()
        storm.run(wanted.faults, wanted.seconds, wanted.pause)
        problems = storm.problems(expected)
    except BaseException:
        sys.stderr.write(storm.last_log())
        raise
    finally:
        storm.close()
        storm.server.stop()
    print(f"seed {wanted.seed}: {storm.items} items in {time.monotonic() - began:.0f} s; {folder}")
    for name, count in storm.log.most_common():
        print(f"{count:6} {name}")
    print("exit codes of drivers:", dict(storm.endings))
    for problem in problems:
        print("PROBLEM", problem)
    return bool(problems)


if __name__ == "__main__":
    raise SystemExit(main())
