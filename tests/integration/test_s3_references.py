"""Reference frames in a bucket: exported, colored, used, changed and removed, by the command."""

import json
import tomllib

import cv2
import numpy as np
import pytest

from colorworker.media.synthetic import Recipe, make_film

pytestmark = pytest.mark.integration

FRAMES, GOP = 48, 12
VARIABLES = {
    "COLORWORKER_MEDIA__SEGMENT_FRAMES": str(GOP),
    "COLORWORKER_RUN__KEEP_PARTS": "true",
}
FILM = "reels/reel.mp4"


def names(s3, bucket):
    return {item["Key"] for item in s3.client.list_objects_v2(Bucket=bucket).get("Contents", ())}


def put(s3, bucket, key, tint):
    """Replace a gray reference by one in color: gray plus a tint of (B, G, R)."""
    data = s3.client.get_object(Bucket=bucket, Key=key)["Body"].read()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    gray = picture.mean(-1, keepdims=True)
    _, png = cv2.imencode(".png", np.clip(gray + tint, 0, 255).astype(np.uint8))
    s3.client.put_object(Bucket=bucket, Key=key, Body=png.tobytes())


def records(s3, bucket):
    """Return the kind of every done-record by key."""
    keys = [key for key in names(s3, bucket) if "/units/" in key]
    read = {key: s3.client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    return {key: json.loads(data)["kind"] for key, data in read.items()}


def test_one_changed_reference_in_a_bucket_redoes_its_shot_and_the_join_only(s3, command, tmp_path):
    archive, refs, color = (s3.make_bucket() for _ in range(3))
    film = make_film(
        tmp_path / "reel.mp4", Recipe(width=96, height=64, frames=FRAMES, gop_size=GOP)
    )
    s3.client.put_object(Bucket=archive, Key=FILM, Body=film.read_bytes())
    job = ("colorize", f"s3://{archive}/", f"s3://{color}/out", "--references", f"s3://{refs}/r")

    exported = command.here("references", "export", f"s3://{archive}/", f"s3://{refs}/r")
    assert exported.returncode == 0, exported.stderr
    listed = s3.client.get_object(Bucket=refs, Key=f"r/{FILM}/references.toml")["Body"].read()
    shots = tomllib.loads(listed.decode())["shot"]
    assert len(shots) == 2
    first, second = (f"r/{FILM}/{shot['reference'][0]['file']}" for shot in shots)
    put(s3, refs, first, (-40, 0, 60))
    put(s3, refs, second, (60, 0, -40))

    before = command.here(*job, **VARIABLES)
    assert before.returncode == 0, before.stderr
    held = records(s3, color)
    put(s3, refs, second, (-40, 60, -40))
    after = command.here(*job, **VARIABLES)
    assert after.returncode == 0, after.stderr

    of_second = sum(
        start < shots[1]["first_frame"] + shots[1]["frames"]
        and shots[1]["first_frame"] < start + GOP
        for start in range(0, FRAMES, GOP)
    )
    assert 0 < of_second < FRAMES // GOP
    new = [kind for key, kind in records(s3, color).items() if key not in held]
    assert sorted(new) == ["assembly", *["segment"] * of_second]
