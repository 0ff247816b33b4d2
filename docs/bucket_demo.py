"""Fill a bucket with a demo archive, and fetch the report of a job over it; see docs/cluster.md.

    python docs/bucket_demo.py fill archive color
    python docs/bucket_demo.py etags archive
    python docs/bucket_demo.py report color FOLDER

`fill` makes two buckets, the first one versioned, and puts 20 stills and 2 films into it: those of
docs/demo, strips of its photographs in other formats, and a synthetic film of stripes with sound.
`etags` prints key, version and ETag of all present and past objects. `report` copies the newest
report into a folder and counts the outcomes. boto3 finds the service as usual: AWS_ENDPOINT_URL.
"""

# ruff: noqa: T201, TID253 - a script, not a part of the package.
import json
import sys
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import boto3
import pyvips
from botocore.config import Config

from colorworker.media.synthetic import Recipe, make_film

DEMO = Path(__file__).parent / "demo"
FORMS = (".jpg", ".png", ".tif")
CUTS_PER_PHOTOGRAPH = 3
STILLS = 20


def fill(client: Any, archive: str, color: str) -> None:
    """Make the buckets and upload the 22 objects of the archive."""
    for name in (archive, color):
        client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=archive, VersioningConfiguration={"Status": "Enabled"})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {str(path.relative_to(DEMO)): path for path in sorted(DEMO.glob("*/*.*"))}
        photographs = [path for key, path in files.items() if key.startswith("photographs/")]
        for number in range(STILLS - len(photographs)):
            photograph = photographs[number % len(photographs)]
            path = cut(photograph, number // len(photographs), folder / f"cut-{number:02}")
            files[f"cuts/{path.name}"] = path
        recipe = Recipe(width=160, height=120, frames=96, rate=Fraction(24), sound="aac")
        files["reels/stripes.mkv"] = make_film(folder / "stripes.mkv", recipe)
        for key, path in files.items():
            client.upload_file(str(path), archive, key)
    print(f"{len(files)} objects in s3://{archive}")


def cut(photograph: Path, number: int, stem: Path) -> Path:
    """Write one upright strip of a photograph; its number selects the format."""
    picture = pyvips.Image.new_from_file(str(photograph))
    width = picture.width // CUTS_PER_PHOTOGRAPH
    path = stem.with_suffix(FORMS[(number + len(photograph.name)) % len(FORMS)])
    picture.crop(number * width, 0, width, picture.height).write_to_file(str(path))
    return path


def etags(client: Any, bucket: str) -> None:
    """Print key, version and ETag of every object, to show whether anything has changed."""
    found = client.list_object_versions(Bucket=bucket)
    for item in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]:
        print(item["Key"], item["VersionId"], item.get("ETag", "deleted"))


def report(client: Any, bucket: str, folder: Path) -> None:
    """Copy the newest report and print the number of each outcome."""
    held = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=".colorworker/")
    found = [item for page in held for item in page.get("Contents", ())]
    reports = [item for item in found if item["Key"].endswith("/report/report.jsonl")]
    key = max(reports, key=lambda item: item["LastModified"])["Key"]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("report.jsonl", "report.html"):
        client.download_file(bucket, key.replace("report.jsonl", name), str(folder / name))
    lines = [json.loads(line) for line in (folder / "report.jsonl").read_bytes().splitlines()]
    outcomes = Counter(line["outcome"] for line in lines)
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))


if __name__ == "__main__":
    # The server may still be starting.
    service = boto3.client("s3", config=Config(retries={"total_max_attempts": 8}))
    match sys.argv[1:]:
        case ["fill", source, destination]:
            fill(service, source, destination)
        case ["etags", name]:
            etags(service, name)
        case ["report", name, target]:
            report(service, name, Path(target))
        case _:
            raise SystemExit(__doc__)
