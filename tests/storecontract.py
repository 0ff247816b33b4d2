"""The contract of all stores. A store's test module imports it and provides the `store` fixture."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from colorworker.errors import KeyExists, KeyMissing, KeyRefused, SourceChanged

GOOD_KEYS = {
    "plain": "reel-7.mkv",
    "deep": "a/b/c/d/e.tif",
    "spaces": " 1923  Köln, Dom .jpg",
    "scripts": "архив/写真/صورة/é/e\u0301.png",
    "emoji": "👩\u200d🎨.webp",
    "url characters": "100 %25 + & ? # = ' \" * : ; <b>.tif",
    "backslash": "a\\b.tif",
    "dots": "...hidden/.x..y.",
    "255 bytes a part": "ü" * 127 + "x/" + "y" * 255,
    "1024 bytes": "/".join(["k" * 203] * 5) + "/abcd",
}
BAD_KEYS = {
    "empty": "",
    "absolute": "/etc/passwd",
    "parent": "../x.jpg",
    "parent inside": "a/../../x.jpg",
    "parent at the end": "a/..",
    "here": "a/./b",
    "empty part": "a//b",
    "folder": "a/",
    "newline": "a\nb.jpg",
    "escape": "a\x1b[2J.jpg",
    "nul": "a\0b",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "not UTF-8": "caf\udce9.jpg",
    "256 bytes a part": "x" * 256,
    "1025 bytes": "/".join(["k" * 203] * 5) + "/abcde",
}


@pytest.fixture
def rounds():
    """Number of races between creators of a key; slow servers use fewer."""
    return 40


@pytest.fixture
def keeps_versions():
    """Whether an open reader keeps the content of an object that is replaced."""
    return True


def keys(store, prefix=""):
    return sorted(info.key for info in store.list(prefix))


def test_a_put_object_can_be_read(store):
    info = store.put("a/b.bin", b"content")

    assert store.get("a/b.bin") == b"content"
    assert store.head("a/b.bin") == info
    assert list(store.list()) == [info]
    assert (info.key, info.size_bytes, info.error) == ("a/b.bin", 7, "")


def test_list_one_returns_the_entry_of_the_listing(store):
    store.put("a/b.bin", b"content")

    assert [store.list_one("a/b.bin")] == list(store.list())
    with pytest.raises(KeyMissing):
        store.list_one("a/c.bin")


def test_an_object_can_be_empty(store):
    store.put("empty", b"")

    assert store.get("empty") == b""
    assert store.head("empty").size_bytes == 0


def test_a_second_put_replaces_the_first_and_changes_the_etag(store):
    first = store.put("key", b"one")
    second = store.put("key", b"two")

    assert store.get("key") == b"two"
    assert first.etag != second.etag


def test_versions_of_equal_size_put_in_quick_succession_have_different_etags(store):
    etags = [store.put("key", b"%04d" % number).etag for number in range(200)]

    assert len(set(etags)) == len(etags)


@pytest.mark.parametrize("read", ["head", "get", "open"])
def test_a_key_without_an_object_is_missing(store, read):
    store.put("folder/key", b"")

    for key in ("nothing", "folder", "folder/key/below"):
        with pytest.raises(KeyMissing):
            getattr(store, read)(key)


@pytest.mark.parametrize("key", GOOD_KEYS.values(), ids=GOOD_KEYS.keys())
def test_unusual_keys_work_in_all_operations(store, key):
    info = store.put(key, b"odd", create_only=True)
    assert store.get(key, etag=info.etag) == b"odd"
    assert list(store.list()) == [info]

    assert store.publish(key, "even").etag == info.etag
    store.publish("even", key)
    assert store.head(key) == info

    store.delete(key)
    assert list(store.list()) == []


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_unsafe_keys_are_refused_by_all_operations(store, tmp_path, key):
    store.put("good", b"good")
    (tmp_path / "file").write_bytes(b"")
    operations = [
        lambda: store.head(key),
        lambda: store.get(key),
        lambda: store.open(key),
        lambda: store.put(key, b""),
        lambda: store.put(key, b"", create_only=True),
        lambda: store.put_file(key, tmp_path / "file"),
        lambda: store.publish(key, "other"),
        lambda: store.publish("good", key),
        lambda: store.delete(key),
    ]

    for operation in operations:
        with pytest.raises(KeyRefused) as refusal:
            operation()
        assert str(refusal.value).isprintable()
        str(refusal.value).encode()

    assert keys(store) == ["good"]
    assert store.get("good") == b"good"


def test_a_prefix_is_a_prefix_of_the_key_not_a_folder(store):
    for key in ("a", "ab/c", "ab/cd/e", "b/a"):
        store.put(key, b"")

    assert keys(store, "a") == ["a", "ab/c", "ab/cd/e"]
    assert keys(store, "ab/c") == ["ab/c", "ab/cd/e"]
    assert keys(store, "ab/") == ["ab/c", "ab/cd/e"]
    assert keys(store, "ab/cd/e") == ["ab/cd/e"]
    for nothing in ("x", "a/", "b/a/", "../", "/", "ab//", "\udce9/", "a\0/b"):
        assert keys(store, nothing) == []


def test_a_store_without_objects_lists_nothing(store):
    assert keys(store) == []
    assert keys(store, "a/b/") == []


def test_a_listing_can_be_closed_early(store):
    for number in range(50):
        store.put(f"folder-{number % 5}/{number}", b"")

    listing = store.list()
    first = next(listing)
    listing.close()

    assert first.size_bytes == 0


def test_puts_and_deletes_during_a_listing_do_not_break_it(store):
    untouched = {f"{letter}/{number}" for letter in "abc" for number in range(20)}
    for key in untouched | {"a/gone", "c/gone"}:
        store.put(key, b"")

    seen = set()
    for info in store.list():
        seen.add(info.key)
        store.delete("a/gone")
        store.delete("c/gone")
        store.put(f"new/{len(seen)}", b"")
        if len(seen) > 500:
            break

    assert untouched <= seen


def test_create_only_keeps_the_first_object(store):
    store.put("key", b"first", create_only=True)

    with pytest.raises(KeyExists):
        store.put("key", b"second", create_only=True)

    assert store.get("key") == b"first"
    assert keys(store) == ["key"]


def test_create_only_has_one_winner_among_threads(store, rounds):
    contenders = 8
    barrier = threading.Barrier(contenders)

    def contend(name):
        wins = []
        for number in range(rounds):
            barrier.wait()
            try:
                info = store.put(f"round/{number}", b"%d" % name * 5000, create_only=True)
            except KeyExists:
                continue
            wins.append((number, name, info.etag))
        return wins

    with ThreadPoolExecutor(contenders) as pool:
        wins = sorted(win for part in pool.map(contend, range(contenders)) for win in part)

    assert [number for number, _, _ in wins] == list(range(rounds))
    for number, name, etag in wins:
        assert store.get(f"round/{number}", etag=etag) == b"%d" % name * 5000


def test_readers_never_see_a_partial_object(store):
    """Two versions of different size replace each other while readers read the key."""
    versions = [b"a" * 300_000, b"b" * 200_000]
    store.put("key", versions[0])
    writing = threading.Event()
    writing.set()

    def read():
        seen = set()
        while writing.is_set():
            seen.add(store.get("key"))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for number in range(60):
                store.put("key", versions[number % 2])
        finally:
            writing.clear()
        seen = set().union(*(reader.result() for reader in readers))

    assert seen <= set(versions)


def test_a_read_with_an_outdated_etag_is_refused(store):
    old = store.put("key", b"old version").etag
    new = store.put("key", b"new version").etag

    for read in (store.get, store.open):
        with pytest.raises(SourceChanged):
            read("key", etag=old)
    assert store.get("key", etag=new) == b"new version"
    with store.open("key", etag=new) as reader:
        assert reader.read() == b"new version"


def test_an_open_reader_keeps_its_content_or_raises(store, keeps_versions):
    info = store.put("key", b"old" * 200_000)
    with store.open("key", etag=info.etag) as reader:
        beginning = reader.read(3)
        store.put("key", b"new" * 200_000)
        if keeps_versions:
            assert beginning + reader.read() == b"old" * 200_000
        else:
            with pytest.raises(SourceChanged):
                reader.read()


def test_a_reader_seeks_and_tells_like_a_file(store):
    store.put("key", bytes(range(100)))

    with store.open("key") as reader:
        assert reader.readable()
        assert reader.seekable()
        assert reader.seek(-10, os.SEEK_END) == 90
        assert reader.read(4) == bytes([90, 91, 92, 93])
        assert reader.seek(-4, os.SEEK_CUR) == 90
        assert reader.seek(5) == 5
        assert reader.read(2) == bytes([5, 6])
        assert reader.tell() == 7
        buffer = bytearray(200)
        assert reader.readinto(buffer) == 93
        assert reader.read(1) == b""


def test_a_file_in_the_scratch_folder_can_be_put(store):
    path = store.scratch() / "attempt"
    path.write_bytes(b"film")

    info = store.put_file("reels/7.mkv", path)

    assert store.get("reels/7.mkv", etag=info.etag) == b"film"
    assert keys(store) == ["reels/7.mkv"]


def test_a_file_outside_the_scratch_folder_can_be_put(store, tmp_path):
    path = tmp_path / "elsewhere"
    path.write_bytes(b"film")

    info = store.put_file("7.mkv", path)

    assert store.head("7.mkv") == info
    assert store.get("7.mkv") == b"film"


def test_scratch_files_are_not_objects(store):
    path = Path(store.scratch()) / "half-written"
    path.write_bytes(b"half")

    assert keys(store) == []
    assert keys(store, ".colorworker/") == []
    assert keys(store, ".colorworker/tmp/") == []


def test_publish_renames_and_keeps_the_etag(store):
    info = store.put("attempts/1", b"winner")
    store.put("film.mp4", b"of an earlier run")

    published = store.publish("attempts/1", "film.mp4")

    assert published == store.head("film.mp4")
    assert published.etag == info.etag
    assert store.get("film.mp4", etag=info.etag) == b"winner"


def test_publish_creates_the_folders_of_the_output(store):
    store.put("attempts/1", b"winner")

    store.publish("attempts/1", "a/b/c.mp4")

    assert store.get("a/b/c.mp4") == b"winner"


def test_publishing_a_missing_object_keeps_the_output(store):
    store.put("film.mp4", b"of an earlier run")

    with pytest.raises(KeyMissing):
        store.publish("attempts/1", "film.mp4")

    assert store.get("film.mp4") == b"of an earlier run"


def test_publishing_an_object_to_itself_changes_nothing(store):
    info = store.put("key", b"content")

    assert store.publish("key", "key") == info
    assert store.get("key") == b"content"


def test_deleting_a_missing_object_is_not_an_error(store):
    store.put("a/b", b"")

    for key in ("a/b", "a/b", "a", "never"):
        store.delete(key)

    assert keys(store) == []


def test_listing_and_head_have_the_time_of_the_put(store):
    before = time.time()
    store.put("a/b", b"")
    after = time.time()

    listed = next(iter(store.list())).modified_at
    # Some services return whole seconds, and file systems round down.
    assert before - 1 <= listed <= after + 1
    assert abs(store.head("a/b").modified_at - listed) < 1


def test_finished_writes_leave_no_leftovers(store, tmp_path):
    (tmp_path / "film").write_bytes(b"film")
    store.put("key", b"first", create_only=True)
    store.put_file("film", tmp_path / "film")
    with pytest.raises(KeyExists):
        store.put("key", b"second", create_only=True)

    assert list(store.leftovers()) == []
