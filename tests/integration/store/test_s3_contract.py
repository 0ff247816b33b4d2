"""The store contract, for buckets on a real server."""

import pytest

from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from tests.storecontract import *  # noqa: F403

pytestmark = pytest.mark.integration

REFUSED_BY_SEAWEEDFS = {
    ("bucket", "backslash"): "it treats a backslash as a slash",
    ("bucket with versions", "backslash"): "it treats a backslash as a slash",
    ("bucket with versions", "255 bytes a part"): "it appends `.versions` to the name of a file",
}


@pytest.fixture(params=["bucket", "bucket with versions"])
def store(request, s3):
    name = request.node.callspec.id.removeprefix(f"{request.param}-")
    if reason := REFUSED_BY_SEAWEEDFS.get((request.param, name)):
        request.applymarker(pytest.mark.xfail(reason=reason))
    bucket = s3.make_bucket(versions=request.param == "bucket with versions")
    opened = open_store(f"s3://{bucket}", StoreOptions(s3=S3Options(outage_seconds=3)))
    yield opened
    opened.close()


@pytest.fixture
def rounds():
    return 2


@pytest.fixture
def keeps_versions(request):
    return request.node.callspec.params["store"] == "bucket with versions"
