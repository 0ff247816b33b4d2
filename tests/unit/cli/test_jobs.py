"""What is refused where a job runs on a cluster and not where its command was given."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("paths", "named"), [(("docs/demo", "/colour"), "docs/demo"), (("s3://a/", "colour"), "colour")]
)
def test_a_job_refuses_paths_that_are_relative_and_says_where_they_would_lead(paths, named):
    ran = subprocess.run(
        [sys.executable, "jobs/colorize.py", *paths], cwd=ROOT, capture_output=True, text=True
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith(f"colorworker: {named}: is relative")
    assert str(ROOT) in ran.stderr
    assert "absolute path that every node has" in ran.stderr
