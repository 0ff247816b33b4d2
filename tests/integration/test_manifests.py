"""Jobs with manifests on a real server: all formats, versions, and completion reports."""

import csv
import gzip
import hashlib
import io
import json
import os

import av
import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.errors import UsageError
from colorworker.media.synthetic import Recipe, make_film

pytestmark = pytest.mark.integration


def picture(seed):
    rows, columns = np.mgrid[0:24, 0:32]
    gray = ((rows * columns + 40 * seed) % 251).astype(np.uint8)
    return pyvips.Image.new_from_array(gray).write_to_buffer(".png")


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


class Site:
    """Buckets for sources (with versioning), manifests, outputs and reports."""

    def __init__(self, s3):
        self.client = s3.client
        self.archive = s3.make_bucket(versions=True)
        self.lists, self.color, self.reports = (s3.make_bucket() for _ in range(3))

    def put(self, bucket, key, data):
        return self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def get(self, bucket, key):
        return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, bucket, prefix=""):
        found = self.client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())
        return {item["Key"] for item in found if ".colorworker/" not in item["Key"]}

    def colorize(self, source, *options):
        command = ["colorize", source, f"s3://{self.color}/", "--quiet", *options]
        return CliRunner().invoke(app, command)

    def lines(self, job=""):
        """Return the lines of the latest report by key."""
        prefix = ".colorworker/jobs/"
        found = self.client.list_objects_v2(Bucket=self.color, Prefix=prefix)["Contents"]
        reports = [item for item in found if item["Key"].endswith("report/report.jsonl")]
        latest = max(reports, key=lambda item: item["LastModified"])["Key"]
        return {
            line["key"]: line for line in map(json.loads, self.get(self.color, latest).splitlines())
        }

    def completion(self):
        """Return the rows of each CSV file of the only completion report."""
        (name,) = [key for key in self.keys(self.reports) if key.endswith("manifest.json")]
        manifest = json.loads(self.get(self.reports, name))
        files = {}
        for result in manifest["Results"]:
            data = self.get(result["Bucket"], result["Key"])
            assert md5(data) == result["MD5Checksum"]
            rows = list(csv.reader(io.StringIO(data.decode())))
            files[result["TaskExecutionStatus"]] = {row[1]: row for row in rows}
        return files


@pytest.fixture
def site(s3, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("COLORWORKER_", "RAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLORWORKER_MEDIA__ANCHOR_INTERVAL", "12")
    monkeypatch.setenv("COLORWORKER_MEDIA__SETTLE_ANCHORS", "0")
    return Site(s3)


def lightness(data):
    """Return the rounded L* of a picture."""
    return pyvips.Image.new_from_buffer(data, "").colourspace("lab")[0].numpy().round()


def test_a_batch_manifest_with_versions_gets_a_completion_report(site):
    old = picture(1)
    version = site.put(site.archive, "a b.png", old)["VersionId"]
    latest = site.put(site.archive, "a b.png", picture(2))["VersionId"]
    other = site.put(site.archive, "c.png", picture(3))["VersionId"]
    rows = [
        f"{site.archive},a+b.png,{version}",
        f"{site.archive},c.png,{other}",
        f"{site.archive},gone.png,{latest}",
        f"elsewhere,d.png,{other}",
        f"{site.archive},c.png,{other}",
    ]
    site.put(site.lists, "keys.csv", "\r\n".join(rows).encode())

    done = site.colorize(
        f"manifest:s3://{site.lists}/keys.csv",
        "--completion-report",
        f"s3://{site.reports}/batch",
    )

    assert done.exit_code == 3, done.output
    assert "\n! keys.csv, line 3: gone.png: there is no such object" in done.output
    assert site.keys(site.color) == {"a b.png", "c.png"}
    assert np.abs(lightness(site.get(site.color, "a b.png")) - lightness(old)).max() <= 1
    lines = site.lines()
    assert "keys.csv, line 3: gone.png: there is no such object" in lines["gone.png"]["error"]
    assert "names the bucket 'elsewhere'" in lines["keys.csv, line 4"]["error"]
    assert "c.png was already named by keys.csv, line 2" in lines["keys.csv, line 5"]["error"]
    files = site.completion()
    assert files["succeeded"]["a%20b.png"] == [
        site.archive, "a%20b.png", version, "succeeded", "", "200",
        f"written: s3://{site.color}/a b.png",
    ]  # fmt: skip
    assert files["failed"]["gone.png"][3:6] == ["failed", "key_missing", "404"]
    assert len(files["succeeded"]) == 2
    assert len(files["failed"]) == 3


def test_an_object_that_changed_after_the_inventory_fails(site):
    etags = [site.put(site.archive, f"reels/{name}.png", picture(1))["ETag"] for name in "ab"]
    rows = "".join(
        f'"{site.archive}","reels%2F{name}.png","99","{etag.strip(chr(34))}"\n'
        for name, etag in zip("ab", etags, strict=True)
    )
    packed = gzip.compress(rows.encode())
    site.put(site.lists, "inv/data/1.csv.gz", packed)
    manifest = json.dumps({
        "sourceBucket": site.archive, "destinationBucket": f"arn:aws:s3:::{site.lists}",
        "version": "2016-11-30", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size, ETag",
        "files": [{"key": "inv/data/1.csv.gz", "size": len(packed), "MD5checksum": md5(packed)}],
    }).encode()  # fmt: skip
    site.put(site.lists, "inv/manifest.json", manifest)
    site.put(site.lists, "inv/manifest.checksum", md5(manifest).encode())
    site.put(site.archive, "reels/b.png", picture(2))

    done = site.colorize(
        f"manifest:s3://{site.lists}/inv/manifest.json#root=s3://{site.archive}/reels"
    )

    assert done.exit_code == 3, done.output
    assert site.keys(site.color) == {"a.png"}
    assert site.lines()["b.png"]["error_code"] == "source_changed"


def test_items_in_json_lines_have_their_own_profiles_and_output_names(site, tmp_path):
    film = make_film(tmp_path / "reel.mp4", Recipe(width=64, height=48, frames=12))
    for key in ("x/reel.mp4", "y/reel.mp4"):
        site.put(site.archive, key, film.read_bytes())
    site.put(site.archive, "a.png", picture(1))
    items = [
        {"uri": f"s3://{site.archive}/x/reel.mp4"},
        {"uri": f"s3://{site.archive}/y/reel.mp4", "profile": "archive", "output": "y/keep.mkv"},
        {"uri": f"s3://{site.archive}/a.png", "vividness": 0.0},
        {"uri": f"s3://{site.archive}/a.png", "vividnes": 0.0},
    ]
    site.put(site.lists, "items.jsonl", "\n".join(map(json.dumps, items)).encode())
    source = f"manifest:s3://{site.lists}/items.jsonl"

    first = site.colorize(source)
    lines = site.lines()
    second = site.colorize(source)

    assert first.exit_code == second.exit_code == 3, first.output
    assert site.keys(site.color) == {"x/reel.mp4", "y/keep.mkv", "a.png"}
    codecs = []
    for key in ("x/reel.mp4", "y/keep.mkv"):
        with av.open(io.BytesIO(site.get(site.color, key))) as made:
            codecs.append(made.streams.video[0].codec.name)
    assert codecs == ["h264", "ffv1"]
    assert (
        "items.jsonl, line 4: vividnes: is not a known key" in lines["items.jsonl, line 4"]["error"]
    )
    assert all(line["resumed"] for line in site.lines().values() if not line["error"])
    (name,) = site.client.list_objects_v2(Bucket=site.color, Prefix=".colorworker/jobs/")[
        "Contents"
    ][:1]
    frozen = site.get(site.color, name["Key"]).splitlines()
    own = {entry["key"]: entry.get("own_options") for entry in map(json.loads, frozen[1:])}
    assert own["x/reel.mp4"] is None
    assert own["y/reel.mp4"] == {"profile": "archive"}
    assert own["a.png"] == {"vividness": 0.0}


def test_a_truncated_manifest_starts_no_job(site):
    site.put(site.archive, "a.png", picture(1))
    whole = gzip.compress(f"{site.archive},a.png\n".encode() * 5000)
    site.put(site.lists, "keys.csv.gz", whole[:-20])

    done = site.colorize(f"manifest:s3://{site.lists}/keys.csv.gz")

    assert isinstance(done.exception, UsageError)
    assert "keys.csv.gz: is cut short or damaged" in str(done.exception)
    assert not site.client.list_objects_v2(Bucket=site.color).get("Contents")


def test_every_run_of_a_restoration_plan_reads_the_manifest_again(site, tmp_path):
    for key in ("in/a.png", "in/b.png"):
        site.put(site.archive, key, picture(1))
    site.put(site.lists, "keys.csv", f"{site.archive},in/a.png\n".encode())
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f'completion_report = "s3://{site.reports}/"\n'
        "[[collection]]\n"
        f'sources = ["manifest:s3://{site.lists}/keys.csv#root=s3://{site.archive}/in"]\n'
        f'destination = "s3://{site.color}/out"\n'
    )

    first = CliRunner().invoke(app, ["restore", str(plan), "--quiet"])
    site.put(site.lists, "keys.csv", f"{site.archive},in/a.png\n{site.archive},in/b.png\n".encode())
    second = CliRunner().invoke(app, ["restore", str(plan), "--quiet"])

    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    assert "1: 1 done (0 already done)" in first.output
    assert "1: 2 done (1 already done)" in second.output
    assert site.keys(site.color) == {"out/a.png", "out/b.png"}
    assert len([key for key in site.keys(site.reports) if key.endswith("manifest.json")]) == 2
