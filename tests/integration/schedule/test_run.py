"""Runs of one plan over a changing bucket: one is killed, one starts too early."""

import hashlib
import io
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.media.synthetic import Recipe, make_film
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
STATE = ".colorworker"
SETTINGS = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
    "COLORWORKER_MEDIA__ANCHOR_INTERVAL": "12",
    "COLORWORKER_MEDIA__SETTLE_ANCHORS": "0",
    "COLORWORKER_RUN__WORKERS": "1",
    "COLORWORKER_RUN__HEARTBEAT_SECONDS": "1",
}
PLAN = """\
name = "nightly"
model = "s3://{bucket}/nets/lite.npz"

[[collection]]
name = "all"
sources = ["s3://{bucket}/in/"]
destination = "s3://{bucket}/out"
exclude = ["proxies/**"]
"""


@pytest.fixture
def settings(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("COLORWORKER_", "RAY_"))]:
        monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


class Archive:
    """A bucket with sources under `in/`, and what a plan has made of them under `out/`."""

    def __init__(self, s3, folder):
        self.client, self.bucket = s3.client, s3.make_bucket()
        self.plan = folder / "plan.toml"
        self.plan.write_text(PLAN.format(bucket=self.bucket))

    def put_weights(self, scale=1.0):
        """Put the packaged network, its last kernel scaled; return the sha256 of the file."""
        packed = io.BytesIO()
        with (resources.files("colorworker.model") / "lite.npz").open("rb") as file:
            arrays = dict(np.load(file))
        last = list(arrays)[-1]
        arrays[last] = (arrays[last] * scale).astype(arrays[last].dtype)
        np.savez(packed, **arrays)
        data = packed.getvalue()
        self.client.put_object(Bucket=self.bucket, Key="nets/lite.npz", Body=data)
        return hashlib.sha256(data).hexdigest()

    def put(self, key, data):
        self.client.put_object(Bucket=self.bucket, Key=f"in/{key}", Body=data)

    def picture(self, key, seed):
        rows, columns = np.mgrid[0:24, 0:32]
        gray = ((rows * columns + 5 * seed) % 251).astype(np.uint8)
        self.put(key, pyvips.Image.new_from_array(gray).write_to_buffer(".png"))

    def held(self, prefix):
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix
        )
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}

    def count_records(self):
        return len(self.held(f"out/{STATE}/units/"))

    @property
    def records(self):
        """When and by which attempt each unit was done: equal means that it was not done again."""
        found = {}
        for key in self.held(f"out/{STATE}/units/"):
            body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            record = json.loads(body)
            found[record["unit_id"]] = (
                record["kind"], record["source_key"], record["created_at"], record["attempt_key"],
                record["weights_sha256"],
            )  # fmt: skip
        return found

    @property
    def report(self):
        """What the newest report says of each source: outcome, whether it was found, and why."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"out/{STATE}/jobs/"
        )
        found = [item for page in pages for item in page.get("Contents", ())]
        reports = [item for item in found if item["Key"].endswith("/report/report.jsonl")]
        newest = max(reports, key=lambda item: item["LastModified"])["Key"]
        body = self.client.get_object(Bucket=self.bucket, Key=newest)["Body"].read()
        lines = map(json.loads, body.splitlines())
        return {
            line["key"]: "found" if line["resumed"] else line["error_code"] or line["outcome"]
            for line in lines
        }

    @property
    def runs(self):
        """How the plan's runs say that they ended, oldest first."""
        keys = sorted(self.held(f"out/{STATE}/jobs/plan-nightly/runs/"))
        bodies = [self.client.get_object(Bucket=self.bucket, Key=key)["Body"] for key in keys]
        return [json.loads(body.read())["outcome"] for body in bodies]

    @property
    def outputs(self):
        keys = self.held("out/")
        return {key.removeprefix("out/"): tag for key, tag in keys.items() if STATE not in key}

    def run(self, *options):
        said = CliRunner().invoke(app, ["restore", str(self.plan), "--quiet", *options])
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
        return said.exit_code, said.stdout

    def start(self):
        return subprocess.Popen(
            [sys.executable, "-m", "colorworker", "restore", str(self.plan)],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def made(before, after):
    """Return how many units of each source are new, by kind, and that no old one was redone."""
    assert before.items() <= after.items()
    found = {}
    for unit_id in after.keys() - before.keys():
        kind, key = after[unit_id][:2]
        found[key, kind] = found.get((key, kind), 0) + 1
    return found


def test_runs_over_a_changing_bucket_do_nothing_twice_and_miss_nothing(s3, settings, tmp_path):
    archive = Archive(s3, tmp_path)
    weights = archive.put_weights()
    film = make_film(tmp_path / "r.mp4", Recipe(width=96, height=64, frames=360, gop_size=12))
    archive.put("reel.mp4", film.read_bytes())
    archive.put("proxies/reel.mp4", film.read_bytes())
    archive.put("torn.png", b"\x89PNG\r\n\x1a\n torn")
    for seed, key in enumerate(("a.png", "b.png", "sub/c.png")):
        archive.picture(key, seed)

    # First night: a second run comes too early, the first is killed, a third one continues.
    killed = archive.start()
    wait_for(lambda: archive.count_records() >= 2, killed)
    assert archive.run("--detailed-exit-code")[0] == 5
    killed.kill()
    killed.communicate()
    before = archive.records
    _, said = archive.run()
    first = archive.records
    made(before, first)
    assert "plan nightly: everything that is due is done" in said
    assert set(archive.outputs) == {"a.png", "b.png", "sub/c.png", "reel.mp4"}
    kinds = [record[0] for record in first.values()]
    assert (kinds.count("still"), kinds.count("segment"), kinds.count("assembly")) == (3, 30, 1)
    assert set(archive.report) == {"a.png", "b.png", "sub/c.png", "reel.mp4", "torn.png"}
    assert archive.runs == ["running", "finished"]

    # Second night: one is new, one has changed, one is gone.
    archive.picture("a.png", 50)
    archive.picture("d.png", 60)
    archive.client.delete_object(Bucket=archive.bucket, Key="in/b.png")
    outputs = archive.outputs
    code, said = archive.run()
    second = archive.records
    assert code == 0, said
    assert made(first, second) == {("a.png", "still"): 1, ("d.png", "still"): 1}
    assert "4 done (2 already done), 0 failed, 1 waiting after failures, 1 gone" in said
    assert archive.report == {
        "a.png": "succeeded", "d.png": "succeeded", "sub/c.png": "found", "reel.mp4": "found",
        "b.png": "source_gone", "torn.png": "waiting",
    }  # fmt: skip
    assert archive.outputs.items() >= {**outputs, "a.png": archive.outputs["a.png"]}.items()
    assert archive.outputs["a.png"] != outputs["a.png"]

    # Third night: other weights lie under the same key.
    others = archive.put_weights(scale=0.5)
    outputs = archive.outputs
    code, said = archive.run()
    third = archive.records
    stills = dict.fromkeys([(key, "still") for key in ("a.png", "d.png", "sub/c.png")], 1)
    assert made(second, third) == {
        **stills, ("reel.mp4", "segment"): 30, ("reel.mp4", "assembly"): 1,
    }  # fmt: skip
    # Scans do not depend on them.
    assert {record[-1] for record in second.values()} == {weights, ""}
    assert {third[unit][-1] for unit in third.keys() - second.keys()} == {others}
    changed = {key for key, tag in archive.outputs.items() if tag != outputs[key]}
    assert changed == {"a.png", "d.png", "sub/c.png", "reel.mp4"}
    # What had failed is tried anew with them.
    assert (code, "4 done (0 already done), 1 failed" in said) == (3, True)

    # Fourth night: nothing has changed.
    outputs = archive.outputs
    code, said = archive.run()
    assert (code, "4 done (4 already done)" in said) == (0, True)
    assert (archive.records, archive.outputs) == (third, outputs)
    assert set(archive.report.values()) == {"found", "waiting"}
    assert archive.runs == ["running", *["finished"] * 4]
    assert "torn.png: waiting; failed once" in archive.run("--failures")[1]
    assert "torn.png: retried next" in archive.run("--unpark", "*.png")[1]
