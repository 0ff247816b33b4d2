"""Measure colors on the cluster that this runs in: for `ray job submit`.

ray job submit --entrypoint-num-cpus 4 -- python jobs/evaluate.py TRUTH --output s3://bucket/scores
    [options of `colorworker evaluate`]

It is one process; what it needs, `--entrypoint-num-gpus 1` included, is asked for at submission,
and Ray runs it on a node that has it. TRUTH, models and output must be reachable from there.

`ray job submit` turns every exit code but 0 into 1.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["evaluate"]
    main()
