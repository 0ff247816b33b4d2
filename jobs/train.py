"""Train on the cluster that this script runs on, for `ray job submit`.

ray job submit -- python jobs/train.py CONFIG.toml [options of `colorworker train`]

Data and output are buckets, or folders that every node has under one absolute path. Submit the same
job again to resume from the last checkpoint.
"""

import sys

from colorworker.cli.entry import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "--ray"]
    main()
