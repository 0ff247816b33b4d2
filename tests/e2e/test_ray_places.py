"""Nodes of a Ray cluster that cannot do the job's units: nothing is charged to an item."""

import json
import platform
import time

import pytest
import ray

from tests import raycluster
from tests.archives import Outcome

VARIABLES = {
    "COLORWORKER_RUN__CPUS_PER_WORKER": "1",
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
}


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    """A folder in which TensorFlow does not load."""
    package = tmp_path_factory.mktemp("stubs") / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libcublas.so.12: not found')\n")
    return package.parent


@pytest.fixture
def cluster():
    started = raycluster.start_cluster()
    yield started
    started.stop()


def colorize(command, cluster, source, destination, *options):
    return command.run(
        "colorize", source, destination, *options,
        RAY_ADDRESS=cluster.address, **{**cluster.environment, **VARIABLES},
    )  # fmt: skip


def attempts(destination):
    folder = destination / ".colorworker" / "units"
    return {json.loads(path.read_bytes())["attempt"] for path in folder.glob("*.json")}


@pytest.mark.timeout(600)
def test_a_worker_without_tensorflow_is_retired_and_the_others_do_the_job(
    cluster, command, archive, tmp_path, stub
):
    color = Outcome(tmp_path / "color")
    cluster.add_node(PYTHONPATH=f"{stub}:{raycluster.REPOSITORY}")
    cluster.add_node()

    done = colorize(command, cluster, archive, color.destination)

    assert done.returncode == 0, done.stderr
    assert "4 of 4 items done or skipped, 0 failed" in done.stdout
    assert done.stderr.count("is retired: tensorflow: does not load") == 1
    assert {line["outcome"] for line in color.lines.values()} == {"succeeded"}
    assert attempts(color.destination) == {1}


@pytest.mark.timeout(600)
def test_the_job_ends_without_failed_items_if_no_worker_is_left(
    cluster, command, archive, tmp_path, stub
):
    color = tmp_path / "color"
    for _ in range(2):
        cluster.add_node(PYTHONPATH=f"{stub}:{raycluster.REPOSITORY}")
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "[retry]\nattempts = 1\n"
        f'[[collection]]\nname = "all"\nsources = ["{archive}"]\ndestination = "{color}"\n'
    )
    began = time.monotonic()

    done = colorize(command, cluster, archive, color)
    took = time.monotonic() - began
    variables = {"RAY_ADDRESS": cluster.address, **cluster.environment, **VARIABLES}
    restored = command.run("restore", plan, **variables)
    failures = command.run("restore", plan, "--failures")

    assert (done.returncode, restored.returncode) == (2, 2), done.stderr + restored.stderr
    assert done.stderr.splitlines()[-1].startswith("colorworker: tensorflow: does not load (Import")
    assert took < 120
    assert "tensorflow: does not load" in restored.stdout
    assert (failures.returncode, failures.stdout) == (0, "")
    assert not list(color.glob(".colorworker/jobs/*/report/report.jsonl"))
    for path in color.glob(".colorworker/jobs/*/runs/*.json"):
        counts = json.loads(path.read_text())["counts"]
        assert (counts["items_failed"], counts["items_parked"]) == (0, 0)


@pytest.mark.timeout(600)
def test_a_cluster_of_another_version_is_refused_with_both_versions(command, archive, tmp_path):
    cluster = raycluster.start_cluster(version="2.58.0")
    try:
        done = colorize(command, cluster, archive, tmp_path / "color")
    finally:
        cluster.stop()

    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("colorworker: ")]
    python = platform.python_version()
    assert f"runs Ray 2.58.0 on Python {python}" in line
    assert f"this process Ray {ray.__version__} on Python {python}" in line
    assert "pip install 'ray==2.58.0'" in line
    assert not list(tmp_path.glob("color/.colorworker/jobs/*"))
