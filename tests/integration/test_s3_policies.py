"""Jobs need no more rights than the policies in deploy/s3 give."""

import json
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from colorworker.media.synthetic import Recipe, make_film
from tests.archives import save_picture

pytestmark = pytest.mark.integration

POLICIES = Path(__file__).parents[2] / "deploy/s3"
UNKNOWN_TO_SEAWEEDFS = {"s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"}
"""AWS knows these actions; only `sweep` needs them."""


@pytest.fixture
def limited(s3, monkeypatch):
    """Credentials with both policies, for two new buckets; returns their names."""
    archive, color = s3.make_bucket(), s3.make_bucket()
    # Not from the default session, which keeps the first credentials it finds.
    iam = boto3.Session().client("iam", endpoint_url=s3.url)
    user = f"worker-{archive}"
    iam.create_user(UserName=user)
    for name in ("source", "destination"):
        policy = json.loads((POLICIES / f"{name}-policy.json").read_text())
        for statement in policy["Statement"]:
            statement["Action"] = sorted(set(statement["Action"]) - UNKNOWN_TO_SEAWEEDFS)
            statement["Resource"] = [
                resource.replace(":::archive", f":::{archive}").replace(":::color", f":::{color}")
                for resource in statement["Resource"]
            ]
        iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])
    return archive, color


def test_a_job_its_repetition_and_its_check_run_under_the_policies(s3, limited, command, tmp_path):
    archive, color = limited
    film = make_film(tmp_path / "reel.mp4", Recipe(width=96, height=64, frames=24, gop_size=12))
    for path in (film, save_picture(tmp_path / "a.png")):
        s3.client.put_object(Bucket=archive, Key=path.name, Body=path.read_bytes())
    job = ("colorize", f"s3://{archive}/", f"s3://{color}/out/")

    first, second = command.here(*job), command.here(*job)
    check = command.here("verify", f"s3://{color}/out/", "--sources")

    assert first.returncode == 0, first.stderr
    assert "2 of 2 items done or skipped, 0 failed" in first.stdout
    assert second.returncode == 0, second.stderr
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_policies_give_no_more(s3, limited):
    archive, color = limited
    s3.client.put_object(Bucket=archive, Key="a", Body=b"a")
    other = s3.make_bucket()
    client = boto3.Session().client("s3", endpoint_url=s3.url)

    for refused in (
        lambda: client.put_object(Bucket=archive, Key="b", Body=b"b"),
        lambda: client.delete_object(Bucket=archive, Key="a"),
        lambda: client.put_object_tagging(
            Bucket=color, Key="a", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        ),
        lambda: client.list_objects_v2(Bucket=other),
        lambda: client.delete_bucket(Bucket=color),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused()
