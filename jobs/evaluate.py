"""Measure colors on the cluster that this script runs on, for `ray job submit`.

ray job submit --entrypoint-num-cpus 4 -- python jobs/evaluate.py TRUTH --output s3://bucket/scores
    [options of `colorworker evaluate`]

It runs in one process. Request its resources at submission (also `--entrypoint-num-gpus 1`), and
Ray chooses a node that has them. TRUTH, models and output must be reachable from that node.

`ray job submit` turns every exit code except 0 into 1.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["evaluate"]
    main()
