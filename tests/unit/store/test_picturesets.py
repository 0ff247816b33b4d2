"""Picture data sets: folders and tar shards, valid and malicious."""

import io
import tarfile

import pytest

from colorworker.errors import StoreUnavailable
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.objectstore import ObjectInfo
from colorworker.store.picturesets import find_shards, kind_of, read_samples, read_shard
from colorworker.store.sources import Source


def tar_of(members, **changes):
    """Return a tar of (name, content) pairs; `changes` apply to every member's header."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in changes.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def store_of(objects):
    store = MemoryStore("data")
    for key, content in objects.items():
        store.put(key, content)
    return store


def seen(store, **options):
    return [
        (each.key, each.data or each.error.code)
        for each in read_samples(store, find_shards(store), **options)
    ]


def test_pictures_are_sorted_by_key_and_keep_the_order_of_the_tar():
    shard = tar_of([("b.jpg", b"2"), ("b.json", b"{}"), ("./a.PNG", b"1"), ("sub/c.webp", b"3")])
    store = store_of({"z.jpg": b"9", "m.tar": shard, "a/x.jpeg": b"0", "notes.txt": b"-"})

    assert seen(store) == [
        ("a/x.jpeg", b"0"),
        ("m.tar/b.jpg", b"2"),
        ("m.tar/a.PNG", b"1"),
        ("m.tar/sub/c.webp", b"3"),
        ("z.jpg", b"9"),
    ]


def test_a_source_selects_shards():
    one = tar_of([("a.jpg", b"1")])
    store = store_of({"train-0.tar": one, "train-1.tar": one, "val-0.tar": one})

    assert [info.key for info in find_shards(store, Source("", pattern="train-*.tar"))] == [
        "train-0.tar",
        "train-1.tar",
    ]
    assert [info.key for info in find_shards(store, Source("", key="val-0.tar"))] == ["val-0.tar"]


def test_files_that_are_not_pictures_are_ignored():
    link = tar_of([("link.jpg", b"")], type=tarfile.SYMTYPE, linkname="/etc/passwd")
    store = store_of({"._a.jpg": b"x", ".colorworker/x.jpg": b"x", "s.tar": link})

    assert seen(store) == []


def test_reading_a_shard_can_be_resumed():
    store = store_of({"s.tar": tar_of([(f"{i}.jpg", b"%d" % i) for i in range(5)])})
    (shard,) = find_shards(store)

    rest = list(read_shard(store, shard, skip=3))

    assert [(each.index, each.data) for each in rest] == [(3, b"3"), (4, b"4")]


@pytest.mark.parametrize("name", ["../up.jpg", "/root.jpg", "a//b.jpg", "new\nline.jpg"])
def test_unsafe_names_are_errors(name):
    store = store_of({"s.tar": tar_of([(name, b"x"), ("good.jpg", b"1")])})

    bad, good = read_samples(store, find_shards(store))

    assert bad.error.code == "key_refused"
    assert bad.data == b""
    assert "\n" not in bad.name
    assert good.data == b"1"


def test_a_picture_over_the_size_limit_is_an_error():
    shard = tar_of([("big.jpg", b"x" * 11), ("small.jpg", b"1")])
    store = store_of({"a.jpg": b"x" * 11, "s.tar": shard})

    assert seen(store, max_bytes=10) == [
        ("a.jpg", "source_too_large"),
        ("s.tar/big.jpg", "source_too_large"),
        ("s.tar/small.jpg", b"1"),
    ]


def test_a_header_that_requests_a_large_read_is_an_error():
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    store = store_of({"s.tar": header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048})

    assert seen(store) == [("s.tar", "source_too_large")]


@pytest.mark.parametrize("kept", [0, 100, 600, 1024, 1400, 2048], ids=lambda kept: f"{kept} bytes")
def test_a_truncated_tar_is_an_error_after_its_complete_pictures(kept):
    store = store_of({"s.tar": tar_of([("a.jpg", b"1" * 300), ("b.jpg", b"2" * 300)])[:kept]})

    found = list(read_samples(store, find_shards(store)))

    assert [each.name for each in found if not each.error] == ["a.jpg", "b.jpg"][: kept // 1024]
    assert found[-1].error.code == "source_damaged"


def test_garbage_inside_a_tar_is_not_taken_for_its_end():
    whole = tar_of([("a.jpg", b"1"), ("b.jpg", b"2"), ("c.jpg", b"3")])
    store = store_of({"s.tar": whole[:1024] + b"x" * 512 + whole[1536:]})

    assert seen(store) == [("s.tar/a.jpg", b"1"), ("s.tar", "source_damaged")]


def test_a_file_that_is_not_a_tar_is_an_error():
    assert seen(store_of({"s.tar": b"not a tar at all" * 100})) == [("s.tar", "source_damaged")]


def test_an_unreadable_file_is_an_error_in_its_place(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"1")
    (tmp_path / "b.jpg").symlink_to("nowhere")
    (tmp_path / "c.tar").symlink_to("nowhere")
    store = LocalStore(tmp_path)

    assert seen(store) == [
        ("a.jpg", b"1"),
        ("b.jpg", "source_unreadable"),
        ("c.tar", "source_unreadable"),
    ]


def test_a_shard_that_changed_after_listing_is_an_error():
    store = store_of({"s.tar": tar_of([("a.jpg", b"1")])})
    shards = find_shards(store)
    store.put("s.tar", tar_of([("a.jpg", b"2")]))

    assert [each.error.code for each in read_samples(store, shards)] == ["source_changed"]


def test_an_unavailable_store_raises():
    class Away(MemoryStore):
        def open(self, key, **_):
            raise StoreUnavailable(key, "away")

    with pytest.raises(StoreUnavailable):
        list(read_shard(Away("x"), ObjectInfo("s.tar", 1, "")))


def test_a_kind_is_the_first_folder_of_the_name():
    kinds = [kind_of(name) for name in ("face/a/b.jpg", "face/b.jpg", "b.jpg")]

    assert kinds == ["face", "face", ""]
