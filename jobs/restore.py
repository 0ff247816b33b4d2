"""Run a plan on the cluster that this script runs on, for `ray job submit`.

ray job submit -- python jobs/restore.py /plans/PLAN.toml [options of `colorworker restore`]

The plan and the local folders in it must have absolute paths that are the same on every node. A run
that ends early (time window, budget, another run in progress) counts as a success, because
`ray job submit` turns every exit code except 0 into 1.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["restore", "--executor", "ray", "--on-cluster"]
    main()
