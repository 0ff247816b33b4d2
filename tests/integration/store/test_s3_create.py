"""Outputs that one conditional PUT creates, on a real server."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Asset, Options
from colorworker.domain.records import Record
from colorworker.domain.units import image_batch, still
from colorworker.errors import OutputCollision
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.unit import run_unit
from colorworker.state import attempt_key, commit, finished, store_output
from colorworker.store.local import LocalStore
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.requests import requests_since
from tests.faultproxy import Fault, proxy
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

pytestmark = pytest.mark.integration

PROBE = ".colorworker/parts/trial/probe.txt"
TAGS = "project=restoration&year=1927"


@pytest.fixture
def opened(s3):
    """Opens stores and closes them after the test."""
    stores = []

    def open_one(bucket, **settings):
        options = S3Options(outage_seconds=5, **settings)
        stores.append(open_store(f"s3://{bucket}/color", StoreOptions(s3=options)))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / f"{threading.get_ident()}.png"
        path.write_bytes(content)
        return path

    return write


def ignore_headers(store, *prefixes):
    """Make the store's client send no such headers, as if the service did not know them."""

    def remove(params, **_):
        for name in list(params["headers"]):
            if name.lower().startswith(prefixes):
                del params["headers"][name]

    store._service.client.meta.events.register("before-call.s3.PutObject", remove)


def done(store, path, unit="ab" * 16):
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    stored = store_output(store, unit, "out.png", path, sha256)
    record = Record(
        unit, "still", "succeeded", "in.png", "e", stored.attempt_key, "out.png",
        stored.etag, stored.size_bytes, stored.sha256,
    )  # fmt: skip
    return commit(store, record, is_published=stored.is_published)


def content_type_and_tags(store, key):
    client, place = store._service.client, {"Bucket": store._service.bucket, "Key": f"color/{key}"}
    tags = {each["Key"]: each["Value"] for each in client.get_object_tagging(**place)["TagSet"]}
    return client.head_object(**place)["ContentType"], tags


def test_an_object_is_created_once_and_the_second_time_the_first_one_is_returned(s3, opened, file):
    store = opened(s3.make_bucket(), storage_class="STANDARD_IA", tags=TAGS)

    created = store.create("a.png", file(b"first"), "mark of the first")
    found = store.create("a.png", file(b"second"), "mark of the second")

    assert store.get("a.png", etag=created.etag) == b"first"
    assert found == created == store.head("a.png")
    assert found.mark == created.mark == store.head("a.png").mark == "mark of the first"
    kind, tags = content_type_and_tags(store, "a.png")
    assert (kind, tags) == ("image/png", {"project": "restoration", "year": "1927"})
    head = store._service.client.head_object(Bucket=store._service.bucket, Key="color/a.png")
    assert head["StorageClass"] == "STANDARD_IA"


def test_a_file_that_needs_parts_is_not_created(s3, opened, file):
    store = opened(s3.make_bucket(), part_bytes=5 << 20)

    assert store.create("a.png", file(bytes((5 << 20) + 1)), "mark") is None
    assert list(store.list()) == []
    assert store.create("a.png", file(bytes(5 << 20)), "mark").size_bytes == 5 << 20


def test_one_of_several_clients_creates_and_the_others_see_its_object(s3, opened, file):
    bucket = s3.make_bucket()
    stores = [opened(bucket) for _ in range(4)]
    barrier = threading.Barrier(len(stores))

    def contend(number):
        path = file(b"%d" % number * 1000)
        barrier.wait()
        return stores[number].create("a.png", path, f"mark of {number}")

    with ThreadPoolExecutor(len(stores)) as pool:
        found = list(pool.map(contend, range(len(stores))))

    winner = found[0].mark.rpartition(" ")[2].encode()
    assert all(each == found[0] and each.mark == found[0].mark for each in found)
    assert stores[0].get("a.png", etag=found[0].etag) == winner * 1000


def test_a_created_object_whose_response_was_lost_is_returned_as_ours(
    s3, opened, file, monkeypatch
):
    bucket = s3.make_bucket()
    lose_first = lambda seen: Fault(lose_answer=seen.number == 1)  # noqa: E731
    with proxy(s3.url, lose_first) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket, attempts=3)

        created = store.create("a.png", file(b"ours"), "mark")

        assert (between.faults, created.mark) == (1, "mark")
        assert store.get("a.png", etag=created.etag) == b"ours"


def test_the_service_is_tried_once_and_nothing_stays(s3, opened):
    store = opened(s3.make_bucket())
    before = requests_since({})

    assert [store.can_create(PROBE) for _ in range(3)] == [True] * 3

    assert requests_since(before) == {"PutObject": 2, "HeadObject": 1, "DeleteObject": 1}
    assert list(store.list()) == []


@pytest.mark.parametrize("ignored", ["if-none-match", "x-amz-meta-"])
def test_without_conditional_writes_or_metadata_outputs_are_published(s3, opened, file, ignored):
    store = opened(s3.make_bucket())
    ignore_headers(store, ignored)
    store.put("out.png", b"a file of somebody else")

    assert not store.can_create(PROBE)
    with pytest.raises(OutputCollision, match="that no job wrote"):
        done(store, file(b"color"))
    assert store.get("out.png") == b"a file of somebody else"
    store.delete("out.png")

    record = finished(store, "ab" * 16)
    assert store.get("out.png", etag=record.etag) == b"color"
    assert store.head("out.png").mark == ""


def test_an_attempt_after_a_crash_records_the_output_that_is_there(s3, opened, file):
    bucket = s3.make_bucket()
    first, second = opened(bucket), opened(bucket)
    store_output(first, "ab" * 16, "out.png", file(b"first"), hashlib.sha256(b"first").hexdigest())

    record = done(second, file(b"other bytes"))

    assert record.sha256 == hashlib.sha256(b"first").hexdigest()
    assert second.get("out.png", etag=record.etag) == b"first"
    assert finished(first, "ab" * 16) == record
    other = done(opened(bucket), file(b"other options"), "cd" * 16)
    assert second.get("out.png", etag=other.etag) == b"other options"


def test_a_copy_of_an_output_under_another_name_is_somebody_elses(s3, opened, file):
    """A copy keeps the mark, but the mark names the key."""
    store = opened(s3.make_bucket())
    record = done(store, file(b"color"))
    client, bucket = store._service.client, store._service.bucket
    client.copy_object(
        Bucket=bucket, Key="color/copy.png", CopySource={"Bucket": bucket, "Key": "color/out.png"}
    )

    assert store.head("copy.png").etag == record.etag
    with pytest.raises(OutputCollision, match="that no job wrote"):
        store_output(store, "cd" * 16, "copy.png", file(b"another"), "0" * 64)


def test_a_picture_takes_four_requests(s3, opened, tmp_path):
    source, store = LocalStore(tmp_path / "archive"), opened(s3.make_bucket())
    gray = pyvips.Image.new_from_array(np.arange(3072, dtype=np.uint8).reshape(48, 64))
    context = WorkerContext(store, lambda _: source, lambda _: ToyColorizer(), TOY_MODEL, "test")
    stills = []
    for name in ("a.png", "b.png", "c.png"):
        found = source.put(name, gray.write_to_buffer(".png"))
        asset = Asset(source.uri, name, "still", found.size_bytes, found.etag)
        stills.append(still(asset, name, Options(), TOY_MODEL))
    store.can_create(attempt_key("trial", ".txt"))
    before = requests_since({})

    result = run_unit(context, image_batch(tuple(stills)), 1)

    assert [each.outcome for each in result.stills] == ["succeeded"] * 3
    # Record? Thumbnail, output, record.
    assert requests_since(before) == {"GetObject": 3, "PutObject": 9}
    assert list(store.list(".colorworker/parts/")) == []
    again = run_unit(context, image_batch(tuple(stills)), 1)
    assert all(each.resumed for each in again.stills)
