"""`colorworker verify` and `cw.verify`, with real worker processes and a real S3 server."""

from contextlib import closing

import bagit
import pytest

import colorworker as cw
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from tests.verifying import color, flip, save_sources

pytestmark = pytest.mark.integration


def test_a_bucket_is_verified_by_worker_processes(s3, command, tmp_path):
    bucket = s3.make_bucket()
    with closing(open_store(f"s3://{bucket}/color")) as store:
        color(save_sources(tmp_path / "sources", film=False), store)

        whole = command.here("verify", store.uri, "--sources")
        picture = bytearray(store.get("a.tif"))
        picture[len(picture) // 2] ^= 1
        store.put("a.tif", bytes(picture))
        store.delete("sub/b.tif")
        damaged = command.here("verify", store.uri)

    assert whole.returncode == 0, whole.stderr
    assert whole.stdout.startswith("2 outputs checked, ")
    assert damaged.returncode == 3
    *found, summary, report = damaged.stdout.splitlines()
    assert sorted(line.partition(":")[0] for line in found) == ["a.tif", "sub/b.tif"]
    assert summary.endswith(", 2 findings")
    assert report.startswith(f"report: s3://{bucket}/color/.colorworker/verify/")


def test_python_returns_the_findings(tmp_path):
    folder = tmp_path / "color"
    color(save_sources(tmp_path / "sources", film=False), LocalStore(folder))
    flip(folder / "a.tif", 0.5)
    seen = []

    report = cw.verify(folder, workers=1, each=seen.append)

    assert not report.ok
    assert [(found.key, found.code) for found in report.findings] == [("a.tif", "changed")]
    assert tuple(seen) == report.findings
    assert report.outputs == 2


def test_a_folder_that_no_job_wrote_to_is_refused(command, tmp_path):
    ran = command.here("verify", tmp_path)

    assert ran.returncode == 2
    assert ran.stderr == (
        f"colorworker: {tmp_path}: no job has written to it. Check the path, or the bucket and"
        " its prefix.\n"
    )


def test_the_command_makes_a_valid_bag_that_later_jobs_must_update(archive, command, tmp_path):
    color = tmp_path / "color"
    job = ("colorize", archive, color, "--include", "*.png", "--quiet")

    made = command.here(*job, "--bag", "--sidecar", "premis")
    other = command.here(*job)

    assert made.returncode == 0, made.stderr
    bag = bagit.Bag(str(color))
    bag.validate()
    assert {key.rpartition(".")[2] for key in bag.payload_entries()} == {"png", "xml"}
    assert other.returncode == 2
    assert "Add --bag, or choose another destination" in other.stderr
