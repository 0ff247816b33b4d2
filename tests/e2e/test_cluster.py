"""Jobs on a Ray cluster whose nodes come and go while they run."""

import json
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

import pytest

from tests import raycluster, s3server
from tests.archives import Outcome, save_film
from tests.conftest import AWS
from tests.processes import suspended

VARIABLES = {
    "COLORWORKER_RUN__CPUS_PER_WORKER": "1",
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
    "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12",
    "COLORWORKER_MEDIA__SETTLE_ANCHORS": "0",
    "RAY_JOB_STOP_WAIT_TIME_S": "100",
}
RUNTIME_ENVIRONMENT = {"excludes": ["tests", "docs", "benchmarks"], "env_vars": VARIABLES}


@pytest.fixture(scope="module")
def s3(s3_server):
    """The server; boto3 finds it through the environment in every process started from here on."""
    with pytest.MonkeyPatch.context() as patch:
        for name in AWS:
            patch.delenv(name, raising=False)
        for name, value in s3server.environment(s3_server.url).items():
            patch.setenv(name, value)
        yield s3_server


@pytest.fixture(scope="module")
def running_cluster(s3):
    """A cluster whose nodes have the server's credentials in their environment."""
    cluster = raycluster.start_cluster()
    try:
        cluster.take_jobs()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(running_cluster):
    """A head without cores and two nodes with one core each."""
    while len(running_cluster.workers) < 2:
        running_cluster.add_node()
    return running_cluster


def submit(cluster, name, source, destination):
    return cluster.start(
        "job", "submit", "--submission-id", name, "--working-dir", ".", "--runtime-env-json",
        json.dumps(RUNTIME_ENVIRONMENT), "--", "python", "jobs/colorize.py", source, destination,
    )  # fmt: skip


def wait_for(condition, process, seconds=120):
    """Wait for a condition; fail the test if the process ends first or it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            out, err = process.communicate()
            pytest.fail(f"did not come about ({process.returncode}): {out[-3000:]}{err[-2000:]}")
        time.sleep(0.05)


def ended(process, seconds=200):
    """Return the exit code and all output of a process; kill it if it does not end."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out + err


def at_work(node, color):
    """Return the IDs of a node's processes that have committed a unit."""
    return node.pids & {int(worker.partition(":")[2]) for _, _, worker in color.records.values()}


def object_store_bytes(cluster):
    """Return (MiB, objects) in the object stores of all nodes, as Ray reports them."""
    # There may be other clusters on this machine.
    said = cluster.run("memory", "--stats-only", f"--address={cluster.address}")
    found = re.search(r"Plasma memory usage (\d+) MiB, (\d+) objects", said)
    return tuple(map(int, found.groups()))


@dataclass
class Bucket:
    """A bucket and the results of a job in it; like `Outcome`."""

    client: object
    name: str
    _records: dict = field(default_factory=dict)

    @property
    def keys(self):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    @property
    def versions(self):
        """Key, version and ETag of all current and former objects."""
        found = self.client.list_object_versions(Bucket=self.name)
        assert "DeleteMarkers" not in found
        return sorted((item["Key"], item["VersionId"], item["ETag"]) for item in found["Versions"])

    @property
    def records(self):
        for key in self.keys:
            if key.startswith(".colorworker/units/") and key not in self._records:
                self._records[key] = json.loads(self.read(key))
        values = self._records.values()
        return {r["unit_id"]: (r["created_at"], r["attempt_key"], r["worker"]) for r in values}

    @property
    def files(self):
        return {key for key in self.keys if not key.startswith(".colorworker/")}

    @property
    def lines(self):
        (report,) = [key for key in self.keys if key.endswith("report.jsonl")]
        lines = [json.loads(line) for line in self.read(report).splitlines()]
        return {line["key"]: line for line in lines}

    def read(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def fill(self, folder):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.client.upload_file(str(path), self.name, str(path.relative_to(folder)))


@pytest.mark.timeout(600)
def test_a_job_between_buckets_survives_a_lost_node_and_uses_one_that_joins(cluster, s3, archive):
    save_film(archive / "long.mp4", frames=960)
    source = Bucket(s3.client, s3.make_bucket(versions=True))
    source.fill(archive)
    color, untouched = Bucket(s3.client, s3.make_bucket()), source.versions
    stays, goes = cluster.workers

    job = submit(cluster, "nodes", f"s3://{source.name}/", f"s3://{color.name}/")
    try:
        # Pause whichever is first: it would do all the work while the other loads its model.
        wait_for(lambda: at_work(stays, color) or at_work(goes, color), job)
        with suspended(at_work(stays, color) | at_work(goes, color)):
            wait_for(lambda: at_work(stays, color) and at_work(goes, color), job)
        # Ask now: Ray queries every worker, and a paused one does not answer.
        in_mid_job = object_store_bytes(cluster)
        with suspended(at_work(stays, color)):
            goes.kill()
            before = color.records
            comes = cluster.add_node()
            wait_for(lambda: at_work(comes, color), job)
        code, output = ended(job)
    finally:
        job.kill()

    assert code == 0, output
    assert "5 of 5 items done or skipped, 0 failed" in output
    assert before.items() <= color.records.items()
    assert color.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4", "long.mp4"}
    assert {line["outcome"] for line in color.lines.values()} == {"succeeded"}
    assert (color.lines["long.mp4"]["frames"], color.lines["reel.mp4"]["frames"]) == (960, 72)
    assert in_mid_job == object_store_bytes(cluster) == (0, 0)
    assert source.versions == untouched
    assert f"report: s3://{color.name}/.colorworker/jobs/" in output
    assert s3server.SECRET_KEY not in output


@pytest.mark.timeout(600)
def test_the_commands_of_the_bucket_guide_work_as_written(cluster, s3, tmp_path):
    """Except for the installation and the servers, which run here already."""
    guide = (raycluster.REPOSITORY / "docs" / "cluster.md").read_text()
    section = guide.partition("\n## A bucket on a Ray cluster\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    _, _, fill, _, color, look, _ = blocks
    script = "set -e\n" + fill + color + look
    for written, here in {
        "http://127.0.0.1:8265": cluster.environment["RAY_API_SERVER_ADDRESS"],
        "s3://archive/": "s3://archive/cuts/",  # The other 8 items take long and test nothing more.
        "/tmp/": f"{tmp_path}/",
    }.items():
        assert written in script
        script = script.replace(written, here)

    ran = subprocess.run(
        ["bash", "-c", script],
        env=cluster.environment,
        cwd=raycluster.REPOSITORY,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-2000:]
    assert "22 objects in s3://archive" in ran.stdout
    assert "14 of 14 items done or skipped, 0 failed" in ran.stdout
    assert ran.stdout.endswith("14 succeeded\nthe archive is as it was\n")
    assert b"before and after" in (tmp_path / "color-report" / "report.html").read_bytes().lower()


@pytest.mark.timeout(600)
def test_a_stopped_job_finishes_running_units_and_resumes_later(
    cluster, command, archive, tmp_path
):
    save_film(archive / "long.mp4", frames=960)
    color = Outcome(tmp_path / "color")

    job = submit(cluster, "stopped", archive, color.destination)
    try:
        wait_for(lambda: len(color.records) >= 6, job)
        began = time.monotonic()
        cluster.run("job", "stop", "stopped")
        stop_seconds = time.monotonic() - began
        _, output = ended(job)
    finally:
        job.kill()
    stopped = color.records
    parts = {
        f".colorworker/parts/{path.relative_to(color.destination / '.colorworker/parts')}"
        for path in (color.destination / ".colorworker" / "parts").rglob("*")
        if path.is_file()
    }
    done = command.here("colorize", archive, color.destination, **VARIABLES)

    assert "SIGTERM: finishing running units" in output
    assert "items done or skipped" in output  # The driver ended by itself; it was not killed.
    assert stop_seconds < 60
    assert len(stopped) < 80
    assert parts <= {attempt for _, attempt, _ in stopped.values()}
    assert done.returncode == 0, done.stderr
    assert stopped.items() <= color.records.items()
    assert {line["outcome"] for line in color.lines.values()} == {"succeeded"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"GPUS_PER_WORKER": "1"}, "no node of the cluster (2 CPUs, 0 GPUs) has room for a worker"),
        (
            {"GPUS_PER_WORKER": "0.5", "MIN_WORKERS": "1", "START_SECONDS": "3"},
            "no worker of 1 CPUs and 0.5 GPUs has started in 3 s",
        ),
    ],
)
def test_a_job_does_not_wait_for_resources_that_the_cluster_lacks(
    cluster, command, archive, tmp_path, settings, sentence
):
    changes = {f"COLORWORKER_RUN__{name}": value for name, value in settings.items()}

    ran = command.run(
        "colorize", archive, tmp_path / "color",
        RAY_ADDRESS=cluster.address, **{**cluster.environment, **VARIABLES, **changes},
    )  # fmt: skip

    assert ran.returncode == 2
    assert sentence in ran.stderr


@pytest.mark.timeout(600)
def test_units_that_do_not_finish_in_time_are_abandoned_and_do_not_count(
    cluster, command, archive, tmp_path
):
    color = Outcome(tmp_path / "color")
    changes = {**cluster.environment, **VARIABLES, "COLORWORKER_RUN__STOP_SECONDS": "0"}

    job = command.start(
        "colorize", archive, color.destination, RAY_ADDRESS=cluster.address, **changes
    )
    try:
        wait_for(lambda: len(color.records) >= 3, job)
        job.send_signal(signal.SIGTERM)
        began = time.monotonic()
        code, output = ended(job)
    finally:
        job.kill()

    assert code == 130, output
    assert time.monotonic() - began < 60
    assert {line["outcome"] for line in color.lines.values()} <= {"succeeded"}
    assert color.files <= {"a.png", "sub/b.jpg", "c.tif"}
