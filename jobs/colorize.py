"""Colorize on the cluster that this script runs on, for `ray job submit`.

ray job submit -- python jobs/colorize.py SOURCE... DESTINATION [options of `colorworker colorize`]

Paths must be absolute and the same on every node: a job runs in a copy of its working directory.
`ray job submit` turns every exit code except 0 into 1; the report lists what failed.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["colorize", "--executor", "ray", "--on-cluster"]
    main()
