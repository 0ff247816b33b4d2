"""SOURCE arguments for buckets, and destinations that must not overlap with sources."""

import pytest

from colorworker.errors import KeyMissing, SourceUnreadable, StoreError, UsageError
from colorworker.store.memory import MemoryStore
from colorworker.store.sources import Source, parse_source, refuse_overlap, select_objects

KEYS = (
    "top.tif", "reels/1.mp4", "reels/2.mp4", "reels/sub/3.mp4", "reels-old/4.mp4",
    "odd/[5].mp4", "odd/5.mp4",
)  # fmt: skip


@pytest.fixture
def bucket():
    store = MemoryStore("archive")
    for key in KEYS:
        store.put(key, b"")
    return store


def opened(store):
    def open_one(uri):
        assert uri == "s3://archive"
        return store

    return open_one


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("s3://archive", Source("s3://archive")),
        ("s3://archive/", Source("s3://archive")),
        ("s3://archive/reels", Source("s3://archive/reels")),
        ("s3://archive/reels/", Source("s3://archive/reels")),
        ("s3://archive/never seen/", Source("s3://archive/never seen")),
        ("s3://archive/top.tif", Source("s3://archive", key="top.tif")),
        ("s3://archive/reels/sub/3.mp4", Source("s3://archive/reels/sub", key="3.mp4")),
        ("s3://archive/reels/*.mp4", Source("s3://archive/reels", pattern="*.mp4")),
        ("s3://archive/**/?.mp4", Source("s3://archive", pattern="**/?.mp4")),
        ("s3://archive/odd/[5].mp4", Source("s3://archive/odd", key="[5].mp4")),
        ("s3://archive/odd/[56].mp4", Source("s3://archive/odd", pattern="[56].mp4")),
    ],
)
def test_a_uri_in_a_bucket_is_a_key_a_prefix_or_a_glob(bucket, text, source):
    assert parse_source(text, opened(bucket)) == source


@pytest.mark.parametrize(
    "text", ["s3://archive/nothing", "s3://archive/reel", "s3://", "s3://a b/x", "s3://b//x"]
)
def test_a_missing_object_or_invalid_uri_is_a_usage_error(bucket, text):
    with pytest.raises(UsageError):
        parse_source(text, opened(bucket))


class Denying(MemoryStore):
    """A store that denies HEAD without a reason; the listing gives the reason."""

    def __init__(self, reason):
        super().__init__("archive")
        self.reason = reason

    def head(self, key):
        raise SourceUnreadable(key, "access is denied")

    def list(self, prefix=""):
        raise self.reason


def test_a_denied_key_is_taken_for_an_object_if_listing_is_denied_too():
    store = Denying(SourceUnreadable("s3://archive", "access is denied"))

    assert parse_source("s3://archive/a.tif", opened(store)).key == "a.tif"


def test_the_error_of_the_listing_tells_why_a_key_is_denied():
    store = Denying(StoreError("s3://archive", "the service does not know these credentials"))

    with pytest.raises(StoreError, match="credentials"):
        parse_source("s3://archive/a.tif", opened(store))


def test_a_glob_lists_only_its_fixed_prefix(bucket):
    asked = []

    class Watched(MemoryStore):
        def list(self, prefix=""):
            asked.append(prefix)
            return bucket.list(prefix)

    found = select_objects(Watched("archive"), Source("s3://archive", pattern="reels/*.mp4"))

    assert {info.key for info in found} == {"reels/1.mp4", "reels/2.mp4"}
    assert asked == ["reels/"]


def test_a_missing_single_object_is_selected_with_an_error(bucket):
    (info,) = select_objects(bucket, Source("s3://archive", key="gone.tif"))

    assert info.error
    with pytest.raises(KeyMissing):
        bucket.head("gone.tif")


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (Source("s3://a"), "s3://a"),
        (Source("s3://a"), "s3://a/color/"),
        (Source("s3://a/in"), "s3://a"),
        (Source("s3://a/in"), "s3://a/in/"),
        (Source("s3://a/in", pattern="*.tif"), "s3://a/in/color"),
        (Source("s3://a/in", key="a.tif"), "s3://a/in/"),
    ],
)
def test_a_destination_that_overlaps_with_the_source_is_refused(source, destination):
    with pytest.raises(UsageError, match="inside the"):
        refuse_overlap("source", source, destination)


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (Source("s3://a"), "s3://b"),
        (Source("s3://a/in"), "s3://a/in-color"),
        (Source("s3://a/in", key="a.tif"), "s3://a/in/color"),
        (Source("s3://a/in", key="a.tif"), "s3://a"),
        (Source("s3://a"), "color"),
        (Source("/archive"), "s3://archive"),
    ],
)
def test_a_destination_outside_the_source_is_accepted(source, destination):
    refuse_overlap("source", source, destination)


@pytest.mark.parametrize(
    ("include", "exclude", "keys"),
    [
        ((), (), ["a.mkv", "proxies/a.mkv", "reels/1/b.mkv", "reels/c.png"]),
        (("*.mkv",), (), ["a.mkv", "proxies/a.mkv", "reels/1/b.mkv"]),
        (("/*.mkv",), (), ["a.mkv"]),
        (("reels/*",), (), ["reels/c.png"]),
        (("reels/**",), (), ["reels/1/b.mkv", "reels/c.png"]),
        (("reels/**", "a.*"), (), ["a.mkv", "proxies/a.mkv", "reels/1/b.mkv", "reels/c.png"]),
        ((), ("proxies/**", "*.png"), ["a.mkv", "reels/1/b.mkv"]),
        (("a.mkv",), ("**/a.mkv",), []),
        (("**/*.mkv",), ("proxies/**",), ["a.mkv", "reels/1/b.mkv"]),
        (("[!a].mkv",), (), ["reels/1/b.mkv"]),
    ],
)
def test_exclude_overrides_include(include, exclude, keys):
    store = MemoryStore("archive")
    for key in ("a.mkv", "proxies/a.mkv", "reels/1/b.mkv", "reels/c.png"):
        store.put(key, b"x")

    found = select_objects(store, Source("s3://archive", include=include, exclude=exclude))

    assert sorted(info.key for info in found) == keys


def test_exclude_applies_to_globs_and_single_keys():
    store = MemoryStore("archive")
    for key in ("a.mkv", "b.mkv"):
        store.put(key, b"x")

    glob = Source("s3://archive", pattern="*.mkv", exclude=("b.*",))
    one = Source("s3://archive", key="b.mkv", exclude=("b.*",))

    assert [info.key for info in select_objects(store, glob)] == ["a.mkv"]
    assert list(select_objects(store, one)) == []
