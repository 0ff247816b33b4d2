"""`colorworker colorize s3://archive s3://color` on a real S3 server."""

import io
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import av
import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.media.synthetic import Recipe, make_film
from tests import s3server
from tests.faultproxy import proxy

pytestmark = pytest.mark.integration

LITE = Path(__file__).parents[2] / "colorworker" / "model" / "lite.npz"
SEGMENTS = {"COLORWORKER_MEDIA__SEGMENT_FRAMES": "12"}
STATE = ".colorworker/"
SIDECARS = {
    "reels/.DS_Store": b"Bud1",
    "reels/Thumbs.db": b"db",
    "reels/reel.xml": b"<reel/>",
    "reels/._reel.mp4": b"\0\5\x16\7",
}


def picture(name, seed):
    rows, columns = np.mgrid[0:90, 0:120]
    wave = np.sin(columns / 17 + seed) + np.cos(rows / 11)
    gray = ((wave - wave.min()) / (wave.max() - wave.min()) * 255).astype(np.uint8)
    return pyvips.Image.new_from_array(gray).write_to_buffer(Path(name).suffix)


@pytest.fixture
def archive(s3, tmp_path):
    """A bucket with versioning: three pictures, a film, sidecars and a folder object."""
    bucket = s3.make_bucket(versions=True)
    recipe = Recipe(width=96, height=64, frames=48, gop_size=12, sound="aac")
    objects = {
        "stills/a.png": picture("a.png", 0),
        "stills/b c.jpg": picture("b.jpg", 1),
        "stills/ü/c.tif": picture("c.tif", 2),
        "reels/reel.mp4": make_film(tmp_path / "reel.mp4", recipe).read_bytes(),
        "reels/": b"",
        **SIDECARS,
    }
    for key, data in objects.items():
        s3.client.put_object(Bucket=bucket, Key=key, Body=data)
    return bucket


def objects(s3, bucket):
    """Return every object's content by key."""
    pages = s3.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    return {
        key: s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in sorted(keys)
    }


def versions(s3, bucket):
    """Return key, version and ETag of all versions and delete markers."""
    found = s3.client.list_object_versions(Bucket=bucket)
    assert not found["IsTruncated"]
    markers = [(item["Key"], item["VersionId"], "") for item in found.get("DeleteMarkers", ())]
    kept = [(item["Key"], item["VersionId"], item["ETag"]) for item in found["Versions"]]
    return sorted(markers + kept)


def report_lines(held):
    (report,) = [data for key, data in held.items() if key.endswith("report.jsonl")]
    return {line["key"]: line for line in map(json.loads, report.splitlines())}


def test_a_bucket_is_colorized_and_no_secret_is_written(s3, command, archive):
    color, before = s3.make_bucket(), versions(s3, archive)

    with proxy(s3.url) as between:
        variables = {**SEGMENTS, "AWS_ENDPOINT_URL": between.url}
        job = ("colorize", f"s3://{archive}/", f"s3://{color}/out/")
        first = command.run(*job, "--log-level", "debug", **variables)
        assert first.returncode == 0, first.stderr
        read = {item.path for item in between.passed if item.method == "GET"}
        held = objects(s3, color)
        between.reset()
        second = command.here(*job, **variables)
        wrote = [item.path for item in between.passed if item.method in {"PUT", "DELETE"}]

    outputs = {key for key in held if STATE not in key}
    assert outputs == {
        f"out/{name}"
        for name in ("stills/a.png", "stills/b c.jpg", "stills/ü/c.tif", "reels/reel.mp4")
    }
    with av.open(io.BytesIO(held["out/reels/reel.mp4"])) as film:
        assert sum(1 for _ in film.decode(video=0)) == 48
    for key in outputs - {"out/reels/reel.mp4"}:
        lab = pyvips.Image.new_from_buffer(held[key], "").colourspace("lab")
        assert lab.extract_band(1, n=2).abs().max() > 4
    assert versions(s3, archive) == before

    lines = report_lines(held)
    assert {key for key, line in lines.items() if line["outcome"] == "skipped"} == {*SIDECARS}
    assert not [path for path in read if any(Path(key).name in path for key in SIDECARS)]
    assert first.stdout.splitlines()[-1].startswith(f"report: s3://{color}/out/.colorworker/jobs/")
    assert not [key for key in held if "/parts/" in key and key.endswith((".nut", ".mp4"))]

    assert second.returncode == 0, second.stderr
    about_jobs = re.compile(r"\.colorworker/(jobs/.*/(report|runs)/|index\.html$)")
    assert all(about_jobs.search(path) for path in wrote)
    again = objects(s3, color)
    assert {key: data for key, data in again.items() if not about_jobs.search(key)} == {
        key: data for key, data in held.items() if not about_jobs.search(key)
    }
    resumed = {key for key, line in report_lines(again).items() if line["resumed"]}
    assert resumed == {key.removeprefix("out/") for key in outputs}

    said = [first.stdout, first.stderr, second.stdout, second.stderr]
    everything = "\0".join([*said, *again, *(data.decode("latin-1") for data in again.values())])
    assert "botocore" in first.stderr or "urllib3" in first.stderr
    for secret in (s3server.ACCESS_KEY, s3server.SECRET_KEY, "Signature=", "X-Amz-Security-Token"):
        assert secret not in everything


def test_a_key_or_a_glob_in_a_bucket_can_be_the_source(s3, command, archive, tmp_path):
    one = command.here("colorize", f"s3://{archive}/stills/ü/c.tif", str(tmp_path / "one"))
    some = command.here(
        "colorize",
        f"s3://{archive}/**/?.[pt]*",
        str(tmp_path / "some"),
        "--dry-run",
        "--no-calibrate",
    )

    assert one.returncode == 0, one.stderr
    assert (tmp_path / "one" / "c.tif").stat().st_size > 1000
    assert "stills/a.png -> stills/a.png" in some.stdout
    assert "stills/ü/c.tif -> stills/ü/c.tif" in some.stdout
    assert "reel" not in some.stdout


@pytest.mark.parametrize(
    ("source", "destination", "words"),
    [
        ("s3://{archive}/stills", "s3://{archive}", "inside the destination"),
        ("s3://{archive}", "s3://{archive}/color", "inside the source"),
        ("s3://{archive}/stills/a.png", "s3://{archive}/stills", "inside the source"),
        ("s3://{archive}/nothing", "s3://{archive}-color", "no such object or prefix"),
        ("s3://{archive}/stills/*.mp4", "{folder}/color", "nothing matched"),
        ("s3://{archive}-gone/", "s3://{archive}-color", "no such bucket"),
        ("s3://{archive}/stills", "s3://{archive}-color", "no such bucket"),
        ("s3:///stills", "s3://{archive}-color", "s3://bucket/prefix"),
    ],
)
def test_a_job_that_cannot_start_reports_why_and_writes_nothing(
    s3, command, archive, source, destination, words, tmp_path
):
    before = versions(s3, archive)

    done = command.here(
        "colorize",
        source.format(archive=archive),
        destination.format(archive=archive, folder=tmp_path),
    )

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert versions(s3, archive) == before
    assert not (tmp_path / "color").exists()


def records(held):
    return {key: data for key, data in held.items() if "/units/" in key}


def source_reads(between, archive):
    """Return the keys of the archive that were read."""
    start = f"/{archive}/"
    paths = (unquote(urlsplit(item.path).path) for item in between.passed if item.method == "GET")
    return {path.removeprefix(start) for path in paths if path.startswith(start)} - {""}


def test_only_new_work_is_done_and_old_records_stay(s3, tmp_path):
    archive, color = s3.make_bucket(versions=True), s3.make_bucket()
    recipe = Recipe(width=96, height=64, frames=12, gop_size=6, sound="aac")
    film = make_film(tmp_path / "reel.mkv", recipe).read_bytes()
    for key, data in (("a.png", picture("a.png", 0)), ("reel.mkv", film)):
        s3.client.put_object(Bucket=archive, Key=key, Body=data)
    weights = dict(np.load(LITE))
    weights["bins"] = weights["bins"] * weights["bins"].dtype.type(0.5)
    np.savez(tmp_path / "paler.npz", **weights)
    states = []

    with proxy(s3.url) as between:
        variables = {
            "AWS_ENDPOINT_URL": between.url, "COLORWORKER_MEDIA__SEGMENT_FRAMES": "6",
            "COLORWORKER_MEDIA__SETTLE_ANCHORS": "0", "RAY_ADDRESS": None,
        }  # fmt: skip

        def run(*options):
            between.reset()
            command = ["colorize", f"s3://{archive}/", f"s3://{color}/", *options]
            done = CliRunner().invoke(app, command, env=variables)
            assert done.exit_code == 0, done.output
            states.append(objects(s3, color))
            return source_reads(between, archive)

        assert run() == {"a.png", "reel.mkv"}
        s3.client.put_object(Bucket=archive, Key="b.jpg", Body=picture("b.jpg", 1))
        before = versions(s3, archive)
        assert run() == {"b.jpg"}
        assert run("--vividness", "0.3") == {"a.png", "b.jpg", "reel.mkv"}
        assert run("--model", str(tmp_path / "paler.npz")) == {"a.png", "b.jpg", "reel.mkv"}

    first, added, options, model = states
    assert len(records(first)) == 5  # The still; the film's scan, two segments and assembly.
    for old, new, count in ((first, added, 1), (added, options, 5), (options, model, 5)):
        assert records(old).items() <= records(new).items()
        assert len(records(new)) - len(records(old)) == count
    outputs = {"a.png", "b.jpg", "reel.mkv"}
    assert {key for key in model if not key.startswith(STATE)} == outputs
    assert all(len({state[key] for state in (added, options, model)}) == 3 for key in outputs)
    assert first["a.png"] == added["a.png"]
    assert versions(s3, archive) == before
