"""Buckets beyond the contract: large objects, versions, prefixes, pages."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from colorworker.domain.records import Record
from colorworker.errors import (
    KeyMissing,
    KeyRefused,
    OutputCollision,
    SourceChanged,
    SourceUnreadable,
    StoreError,
)
from colorworker.state import attempt_key, commit, finished
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.store.requests import requests_since
from colorworker.store.sources import Source, select_objects
from tests.faultproxy import Fault, proxy

pytestmark = pytest.mark.integration

MIB = 1 << 20
IN_PARTS = S3Options(part_bytes=5 * MIB, copy_part_bytes=5 * MIB, outage_seconds=5)
COPIED_WHOLE = S3Options(part_bytes=5 * MIB, outage_seconds=5)


def noise(size, seed=0):
    return np.random.default_rng(seed).bytes(size)


@pytest.fixture
def opened():
    """Opens stores and closes them after the test."""
    stores = []

    def open_one(bucket, options=None, **settings):
        options = options or S3Options(outage_seconds=5, **settings)
        stores.append(open_store(f"s3://{bucket}", StoreOptions(s3=options)))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def bucket(s3):
    return s3.make_bucket()


def uploads(s3, bucket):
    return s3.client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.mkv"
    path.write_bytes(noise(12 * MIB))
    return path


@pytest.mark.parametrize("options", [IN_PARTS, COPIED_WHOLE], ids=["in parts", "copied whole"])
@pytest.mark.parametrize("versions", [False, True], ids=["plain", "versions"])
def test_an_object_uploaded_in_parts_keeps_its_etag_when_published(
    s3, opened, large, options, versions
):
    bucket = s3.make_bucket(versions)
    store = opened(bucket, options)

    info = store.put_file("attempts/1.mkv", large)
    raw = s3.client.head_object(Bucket=bucket, Key="attempts/1.mkv")
    published = store.publish("attempts/1.mkv", "film.mkv")

    assert raw["ETag"].endswith('-3"')
    assert published == store.head("film.mkv")
    assert (published.etag, published.size_bytes) == (info.etag, 12 * MIB)
    assert store.get("film.mkv", etag=info.etag) == large.read_bytes()
    with store.open("film.mkv", etag=info.etag) as reader:
        reader.seek(-5, os.SEEK_END)
        assert reader.read() == large.read_bytes()[-5:]
    copied = s3.client.head_object(Bucket=bucket, Key="film.mkv")
    assert copied["ContentType"] == "video/x-matroska"
    (listed,) = store.list()
    assert store.get("film.mkv", etag=listed.etag) == large.read_bytes()
    with pytest.raises(KeyMissing):
        store.head("attempts/1.mkv")
    assert uploads(s3, bucket) == []


@pytest.mark.parametrize("options", [IN_PARTS, COPIED_WHOLE], ids=["in parts", "copied whole"])
def test_a_large_film_counts_as_done_and_a_foreign_one_in_its_place_is_kept(
    bucket, opened, large, options
):
    store, unit = opened(bucket, options), "cd" * 16
    key = attempt_key(unit, ".mkv")
    stored = store.put_file(key, large)
    record = Record(
        unit, "assembly", "succeeded", "in.mkv", "e", key, "out.mkv", stored.etag, 12 * MIB
    )

    commit(store, record)
    assert finished(store, unit) == record
    foreign = store.put_file("out.mkv", large)

    with pytest.raises(OutputCollision, match="no job wrote, or that was changed since"):
        finished(store, unit)
    assert store.head("out.mkv").etag == foreign.etag
    store.delete("out.mkv")
    assert finished(store, unit) is None


def test_an_unfinished_upload_below_the_prefix_is_a_leftover_and_can_be_discarded(
    s3, bucket, opened
):
    begun = [
        s3.client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        for key in ("out/film.mkv", "elsewhere/film.mkv")
    ]
    s3.client.upload_part(
        Bucket=bucket, Key="out/film.mkv", UploadId=begun[0], PartNumber=1, Body=noise(1000)
    )
    store = opened(f"{bucket}/out")

    (found,) = store.leftovers()
    store.discard(found)
    store.discard(found)

    assert (found.kind, found.key, found.size_bytes) == ("upload", "film.mkv", 1000)
    assert found.upload_id == begun[0]
    assert [upload["UploadId"] for upload in uploads(s3, bucket)] == begun[1:]


def test_the_error_names_the_permission_to_list_uploads(s3, bucket, opened, monkeypatch):
    def choose(seen):
        return Fault(status=403, code="AccessDenied") if "uploads" in seen.path else Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with pytest.raises(StoreError, match="s3:ListBucketMultipartUploads"):
            list(opened(bucket).leftovers())


def test_a_failed_upload_leaves_no_parts(s3, bucket, opened, large, monkeypatch):
    def choose(seen):
        denied = "partNumber=2" in seen.path
        return Fault(status=403, code="AccessDenied") if denied else Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket, IN_PARTS)
        with pytest.raises(Exception, match="write access is denied"):
            store.put_file("film.mkv", large)

    assert uploads(s3, bucket) == []


def test_a_failed_copy_in_parts_leaves_only_the_attempt(s3, bucket, opened, large, monkeypatch):
    def choose(seen):
        copies = seen.method == "PUT" and "x-amz-copy-source" in map(str.lower, seen.headers)
        denied = copies and "partNumber=2" in seen.path
        return Fault(status=403, code="AccessDenied") if denied else Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket, IN_PARTS)
        info = store.put_file("attempts/1.mkv", large)
        with pytest.raises(Exception, match="write access is denied"):
            store.publish("attempts/1.mkv", "film.mkv")
        assert store.head("attempts/1.mkv") == info
        assert [item.key for item in store.list()] == ["attempts/1.mkv"]

    assert uploads(s3, bucket) == []


@pytest.mark.parametrize("forgetful", [False, True], ids=["service knows", "service forgot"])
def test_an_upload_is_complete_although_the_response_was_lost(
    s3, bucket, opened, large, monkeypatch, forgetful
):
    completions = []

    def choose(seen):
        if seen.method == "POST" and "uploadId=" in seen.path:
            completions.append(seen.path)
            if len(completions) == 1:
                return Fault(lose_answer=True)
            if forgetful:
                return Fault(status=404, code="NoSuchUpload")
        return Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket, IN_PARTS)
        info = store.put_file("film.mkv", large)
        assert store.get("film.mkv", etag=info.etag) == large.read_bytes()

    assert len(completions) == 2
    assert uploads(s3, bucket) == []


def test_an_object_that_changes_while_it_is_read_is_an_error(bucket, opened):
    store = opened(bucket)
    old, new = noise(3 * MIB, 1), noise(3 * MIB, 2)
    etag = store.put("film.mp4", old).etag

    with store.open("film.mp4", etag=etag) as reader:
        assert reader.read(10) == old[:10]
        store.put("film.mp4", new)
        with pytest.raises(SourceChanged, match="changed after it was listed"):
            reader.read()
        store.delete("film.mp4")
        with pytest.raises(SourceChanged, match=r"changed|removed"):
            reader.read()


def test_with_versioning_an_open_reader_keeps_its_version(s3, opened):
    bucket = s3.make_bucket(versions=True)
    store = opened(bucket)
    old, new = noise(3 * MIB, 1), noise(3 * MIB, 2)
    etag = store.put("film.mp4", old).etag

    with store.open("film.mp4", etag=etag) as reader:
        beginning = reader.read(10)
        store.put("film.mp4", new)
        assert beginning + reader.read() == old
    with pytest.raises(SourceChanged):
        store.open("film.mp4", etag=etag)


def test_a_version_can_be_looked_up_and_read_after_it_was_replaced(s3, opened):
    bucket = s3.make_bucket(versions=True)
    store, old = opened(bucket), noise(200_000, 1)
    put = s3.client.put_object(Bucket=bucket, Key="film.mp4", Body=old)
    s3.client.put_object(Bucket=bucket, Key="film.mp4", Body=b"new")
    deleted = s3.client.delete_object(Bucket=bucket, Key="film.mp4")

    info = store.list_one("film.mp4", version=put["VersionId"])

    assert (info.size_bytes, info.etag) == (len(old), put["ETag"].strip('"'))
    with store.open("film.mp4", etag=info.etag, version=put["VersionId"]) as reader:
        assert reader.read() == old
    with pytest.raises(KeyMissing, match="no such object"):
        store.list_one("film.mp4")
    with pytest.raises(KeyMissing):
        store.list_one("film.mp4", version=deleted["VersionId"])
    with pytest.raises((KeyMissing, SourceUnreadable)):
        store.list_one("film.mp4", version="nosuchversion")


def test_list_one_returns_the_entry_of_the_listing_and_head_the_id(bucket, opened, large):
    store = opened(bucket)
    store.put_file("film.mkv", large)

    assert [store.list_one("film.mkv")] == list(store.list())
    assert store.head("film.mkv").etag != store.list_one("film.mkv").etag


def test_an_object_has_the_same_etag_as_a_single_source_and_in_a_listing(bucket, opened, large):
    store = opened(bucket, IN_PARTS)
    store.put_file("reels/a.mkv", large)

    (named,) = select_objects(store, Source(store.uri, key="reels/a.mkv"))
    (listed,) = select_objects(store, Source(store.uri, pattern="reels/**"))

    assert named.etag == listed.etag


def test_without_permission_to_read_versions_reads_are_pinned_by_etag(s3, opened, monkeypatch):
    bucket = s3.make_bucket(versions=True)
    data = noise(3 * MIB)
    s3.client.put_object(Bucket=bucket, Key="film.mp4", Body=data)

    def choose(seen):
        named = "versionId=" in seen.path
        return Fault(status=403, code="AccessDenied") if named else Fault()

    with proxy(s3.url, choose) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        with opened(bucket).open("film.mp4") as reader:
            assert reader.read() == data
        assert between.faults == 1


def test_reading_a_removed_object_by_etag_raises_source_changed(bucket, opened):
    store = opened(bucket)
    etag = store.put("a.tif", b"old").etag
    store.delete("a.tif")

    for read in (store.get, store.open):
        with pytest.raises(SourceChanged):
            read("a.tif", etag=etag)
        with pytest.raises(KeyMissing):
            read("a.tif")


def test_a_prefix_can_be_opened_as_a_store(bucket, opened):
    outer, inner = opened(bucket), opened(f"{bucket}/a b/c%20d/")
    for key in ("top.tif", "a b/c%20d/x.tif", "a b/c%20d/sub/y.tif", "a b/c%20d.tif"):
        outer.put(key, key.encode())

    assert inner.uri == f"s3://{bucket}/a b/c%20d"
    assert sorted(item.key for item in inner.list()) == ["sub/y.tif", "x.tif"]
    assert [item.key for item in inner.list("sub/")] == ["sub/y.tif"]
    assert inner.get("x.tif") == b"a b/c%20d/x.tif"
    inner.put("z.tif", b"")
    assert outer.head("a b/c%20d/z.tif").size_bytes == 0
    with pytest.raises(KeyRefused, match="shorter prefix"):
        inner.put("/".join(["k" * 203] * 5), b"")


def test_a_long_listing_is_read_page_by_page(s3, bucket, opened, monkeypatch):
    names = {f"folder-{number % 7}/{number}.tif" for number in range(1100)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.client.put_object(Bucket=bucket, Key=key, Body=b"x"), names))

    with proxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        listing = opened(bucket).list()
        first = next(listing)
        assert between.count("GET") == 1
        found = [first.key, *(item.key for item in listing)]

    assert sorted(found) == sorted(names)
    assert between.count("GET") == 2


def test_invalid_keys_are_listed_with_an_error_and_folder_objects_are_skipped(s3, bucket, opened):
    for key in ("good.tif", "new\nline.tif", "folder/"):
        s3.client.put_object(Bucket=bucket, Key=key, Body=b"" if key == "folder/" else b"x")

    found = {item.key: item.error for item in opened(bucket).list()}

    assert found.keys() == {"good.tif", "new\nline.tif"}
    assert found["good.tif"] == ""
    assert "control character" in found["new\nline.tif"]


def test_the_scratch_folder_can_be_set(bucket, tmp_path, s3):
    with_folder = open_store(f"s3://{bucket}", StoreOptions(scratch=tmp_path / "scratch"))
    without = open_store(f"s3://{bucket}")

    own = without.scratch()
    assert with_folder.scratch() == tmp_path / "scratch"
    assert own.is_dir()
    without.close()
    with_folder.close()

    assert not own.exists()
    assert (tmp_path / "scratch").is_dir()


def test_a_small_file_is_put_and_published_in_three_requests(
    s3, bucket, tmp_path, monkeypatch, opened
):
    (tmp_path / "a.png").write_bytes(noise(1000))
    with proxy(s3.url) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket)
        store.put_file("warm-up", tmp_path / "a.png")
        between.reset()

        info = store.put_file("attempt", tmp_path / "a.png")
        published = store.publish("attempt", "out.png")
        methods = [each.method for each in between.passed]

        assert methods == ["PUT", "PUT", "DELETE"]
        assert published.etag == info.etag == store.head("out.png").etag
        assert store.get("out.png", etag=info.etag) == noise(1000)


def test_publishing_finds_out_what_others_did_to_a_small_attempt(s3, bucket, tmp_path, opened):
    (tmp_path / "a.png").write_bytes(noise(1000))
    store, other = opened(bucket), opened(bucket)
    store.put_file("first", tmp_path / "a.png")
    store.put_file("gone", tmp_path / "a.png")
    store.put_file("replaced", tmp_path / "a.png")
    other.delete("gone")
    again = store.put("replaced", b"again")

    with pytest.raises(KeyMissing):
        store.publish("gone", "out.png")
    published = store.publish("replaced", "out.png")

    assert published.etag == again.etag
    assert store.get("out.png", etag=again.etag) == b"again"


def test_requests_are_counted_by_operation_and_repetitions_too(s3, bucket, opened, monkeypatch):
    with proxy(s3.url, lambda seen: Fault(status=503) if seen.number == 1 else Fault()) as between:
        monkeypatch.setenv("AWS_ENDPOINT_URL", between.url)
        store = opened(bucket, attempts=2)
        before = requests_since({})

        store.put("a", b"a")
        store.get("a")
        list(store.list())

    assert requests_since(before) == {"PutObject": 2, "GetObject": 1, "ListObjectsV2": 1}
