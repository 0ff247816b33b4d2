"""A job on a real bucket that is killed and resumed: status, sweep and the jobs page."""

import json
import time

import pytest
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.errors import UsageError
from colorworker.media.synthetic import Recipe, make_film
from colorworker.state import attempt_key, thumbnail_key
from tests import s3server
from tests.processes import suspended
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

STATE = ".colorworker"
SETTINGS = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": "12",
    "COLORWORKER_RUN__WORKERS": "1",
    "COLORWORKER_RUN__HEARTBEAT_SECONDS": "2",
}


def status(destination, *options):
    """Return the exit code of `status --json` and the newest job; (2, None) for a usage error."""
    said = CliRunner().invoke(app, ["status", destination, "--json", *options])
    if isinstance(said.exception, UsageError):
        return 2, None
    return said.exit_code, json.loads(said.stdout)["jobs"][0]


def sweep(destination, *options):
    """Return the keys that the command prints, by kind."""
    said = CliRunner().invoke(app, ["sweep", destination, "--older-than", "0s", *options])
    assert said.exit_code == 0, said.output
    swept = {}
    for line in said.stdout.splitlines():
        if line.rpartition(" ")[2].startswith(f"{STATE}/"):
            kind = line[:14].strip()
            swept.setdefault(kind, set()).add(line.rpartition(" ")[2])
    return swept


def etags(s3, bucket):
    """Return every object's ETag by its key in the destination."""
    pages = s3.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="out/")
    found = [found for page in pages for found in page.get("Contents", ())]
    return {item["Key"].removeprefix("out/"): item["ETag"] for item in found}


def read(s3, bucket, key):
    return s3.client.get_object(Bucket=bucket, Key=f"out/{key}")["Body"].read()


def count_records(s3, bucket):
    # Polling takes CPU time from the job.
    time.sleep(0.2)
    prefix = f"out/{STATE}/units/"
    return s3.client.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"]


def records_of(s3, bucket):
    keys = [key for key in etags(s3, bucket) if key.startswith(f"{STATE}/units/")]
    return {key: json.loads(read(s3, bucket, key)) for key in keys}


def leave_orphans(s3, bucket, record):
    """Put the files that killed workers leave behind; return the keys by kind."""
    lost, unknown = attempt_key(record["unit_id"], ".nut"), attempt_key("0" * 32, ".nut")
    thumbnail, upload = thumbnail_key("0" * 32), attempt_key("1" * 32, ".mkv")
    for key in (lost, unknown, thumbnail):
        s3.client.put_object(Bucket=bucket, Key=f"out/{key}", Body=b"half")
    for key in (f"out/{upload}", "elsewhere/upload.mkv", "out/theirs.bin"):
        begun = s3.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        s3.client.upload_part(Bucket=bucket, Key=key, UploadId=begun, PartNumber=1, Body=b"h" * 99)
    return {"attempt": {lost, unknown}, "thumbnail": {thumbnail}, "upload": {upload}}


def uploads(s3, bucket):
    found = s3.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())
    return {upload["Key"] for upload in found}


def orphans_by_hand(objects, records):
    """Return attempts and thumbnails that no record refers to, by kind."""
    named = {record["attempt_key"] for record in records.values()}
    done = {record["unit_id"] for record in records.values()}
    attempts = {key for key in objects if key.startswith(f"{STATE}/parts/")}
    thumbnails = {key for key in objects if key.startswith(f"{STATE}/thumbnails/")}
    return {
        "attempt": attempts - named,
        "thumbnail": {key for key in thumbnails if key.split("/")[-1].split(".")[0] not in done},
    }


def test_a_killed_job_is_reported_swept_and_resumed(s3, command, tmp_path, monkeypatch):
    bucket = s3.make_bucket()
    destination = f"s3://{bucket}/out"
    film = make_film(tmp_path / "reel.mp4", Recipe(width=96, height=64, frames=192, gop_size=12))
    assert status(destination)[0] == 2

    process = command.start("colorize", film, destination, **SETTINGS)
    wait_for(lambda: count_records(s3, bucket) >= 3, process)
    with suspended({process.pid}):  # Otherwise it could end meanwhile.
        code, running = status(destination)
        swept_while_running = sweep(destination)
        process.kill()
    process.communicate()
    while (lost := status(destination))[0] == 0:
        time.sleep(0.1)

    assert (code, running["latest"]["standing"], running["report"]) == (0, "running", None)
    assert running["latest"]["counts"]["items_total"] == 1
    assert swept_while_running == {}
    assert (lost[0], lost[1]["latest"]["standing"]) == (3, "lost")

    before = records_of(s3, bucket)
    segment = next(record for record in before.values() if record["kind"] == "segment")
    made = leave_orphans(s3, bucket, segment)
    # Listings have whole seconds: objects put in the current second are not older than 0 s.
    time.sleep(1.1)
    littered = etags(s3, bucket)
    expected = {kind: keys for kind, keys in orphans_by_hand(littered, before).items() if keys}
    expected["upload"] = made["upload"]
    assert all(made[kind] <= expected[kind] for kind in made)

    dry = sweep(destination)
    assert dry == expected
    assert etags(s3, bucket) == littered
    assert sweep(destination, "--delete") == expected
    gone = expected["attempt"] | expected["thumbnail"]
    assert etags(s3, bucket) == {key: littered[key] for key in littered.keys() - gone}
    assert uploads(s3, bucket) == {"elsewhere/upload.mkv", "out/theirs.bin"}
    assert sweep(destination) == {}

    again = command.here("colorize", film, destination, **SETTINGS)
    assert again.returncode == 0, again.stderr
    after = etags(s3, bucket)
    assert before.items() <= records_of(s3, bucket).items()
    assert "reel.mp4" in after

    # Read-only credentials are enough for status, because it writes nothing.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3server.READER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3server.READER_SECRET)
    code, done = status(destination, "--job", running["job_id"][:6])
    assert (code, done["runs_total"], done["latest"]["standing"]) == (0, 2, "finished")
    assert done["latest"]["counts"]["items_done"] == 1
    assert done["latest"]["counts"]["frames_resumed"] > 0
    assert [run["standing"] for run in done["earlier"]] == ["lost"]
    assert {done["report"], done["latest"]["report"]} <= after.keys()
    assert after[done["report"]] == after[done["latest"]["report"]]
    assert f"jobs/{done['job_id']}/runs/" in read(s3, bucket, f"{STATE}/index.html").decode()
    assert again.stdout.splitlines()[-1] == f"report: {destination}/{done['report']}"
    assert sweep(destination) == {}

    state = json.loads(read(s3, bucket, f"{STATE}/state.json"))
    newer = json.dumps(state | {"version": state["version"] + 1}).encode()
    s3.client.put_object(Bucket=bucket, Key=f"out/{STATE}/state.json", Body=newer)
    refused = command.here("colorize", film, destination, **SETTINGS)
    assert status(destination)[0] == refused.returncode == 2
    assert f"{destination}: its state (.colorworker/) has version" in refused.stderr
