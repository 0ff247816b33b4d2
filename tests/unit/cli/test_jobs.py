"""What is refused where a job runs on a cluster and not where its command was given."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("paths", "named"), [(("docs/demo", "/color"), "docs/demo"), (("s3://a/", "color"), "color")]
)
def test_relative_paths_are_refused_on_a_cluster(paths, named):
    ran = subprocess.run(
        [sys.executable, "jobs/colorize.py", *paths], cwd=ROOT, capture_output=True, text=True
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith(f"colorworker: {named}: is relative")
    assert str(ROOT) in ran.stderr
    assert "absolute path that every node has" in ran.stderr


def test_a_plan_needs_an_absolute_path_and_a_broken_plan_starts_nothing(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text("[window]\nopens = 22:00:00\n")

    relative, broken = (
        subprocess.run(
            [sys.executable, "jobs/restore.py", path], cwd=ROOT, capture_output=True, text=True
        )
        for path in ("plan.toml", plan)
    )

    assert (relative.returncode, broken.returncode) == (2, 2)
    assert relative.stderr.startswith("colorworker: plan.toml: is relative")
    assert f"{plan}, line 1: window.closes: is missing" in broken.stderr or (
        f"{plan}: collection: is missing" in broken.stderr
    )
    assert "Traceback" not in broken.stderr


def test_a_check_needs_an_absolute_path_on_a_cluster():
    ran = subprocess.run(
        [sys.executable, "jobs/verify.py", "color"], cwd=ROOT, capture_output=True, text=True
    )

    assert ran.returncode == 2
    assert ran.stderr.startswith("colorworker: color: is relative")
