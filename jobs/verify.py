"""Verify a destination on the cluster that this script runs on, for `ray job submit`.

ray job submit -- python jobs/verify.py DESTINATION [options of `colorworker verify`]

Paths must be absolute and the same on every node. `ray job submit` turns every exit code except 0
into 1; the findings are in the job's output and in the report that it names.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["verify", "--executor", "ray", "--on-cluster"]
    main()
