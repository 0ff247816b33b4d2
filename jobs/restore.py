"""Run a restoration plan on the cluster that this runs in: for `ray job submit`.

ray job submit -- python jobs/restore.py /plans/PLAN.toml [options of `colorworker restore`]

The plan and local folders in it must have absolute paths that are the same on every node. What
ends before all is done, by its window or budget or because another run goes on, has succeeded:
`ray job submit` turns every exit code but 0 into 1.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["restore", "--executor", "ray", "--on-cluster"]
    main()
