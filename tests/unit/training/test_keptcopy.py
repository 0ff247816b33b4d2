"""Kept copies: filled once, continued, checked, shared and removed."""

import fcntl
import os
import threading
import zlib

import pytest

from colorworker.store.objectstore import ObjectInfo
from colorworker.training.copyindex import CopyRecord, copy_name
from colorworker.training.keptcopy import KeptCopies
from colorworker.training.localcopy import CopyStopped

PICTURES = [bytes([number]) * (100 + number) for number in range(10)]
SIZE = sum(map(len, PICTURES))


class Filler:
    """Copies PICTURES; number 3 is gray, number 4 is broken. Counts what it copies."""

    def __init__(self, stop_after=None):
        self.copied = 0
        self.stop_after = stop_after

    def __call__(self, copy, done):
        for number in range(len(done), len(PICTURES)):
            if number == self.stop_after:
                raise CopyStopped
            self.copied += 1
            record = ("a.tar", number, f"{number}.jpg", number)
            if number in (3, 4):
                yield CopyRecord(*record, error="broken" if number == 4 else "")
                continue
            place = copy.add(PICTURES[number], 10, 10)
            crc = zlib.crc32(PICTURES[number])
            yield CopyRecord(*record, place.offset, place.size_bytes, 10, 10, crc, 40.5)


@pytest.fixture
def copies(tmp_path):
    return KeptCopies(tmp_path, 1 << 20)


def opened(copies, filler, name="a"):
    """Open a copy, read all of its pictures, and close it."""
    copy, records = copies.open(name, filler)
    data = [copy.read(record.place) for record in records]
    copy.close()
    return records, data


def expected():
    return [b"" if number in (3, 4) else data for number, data in enumerate(PICTURES)]


def test_a_complete_copy_is_used_again_without_reading_the_source(copies):
    first, again = Filler(), Filler()

    records, data = opened(copies, first)

    assert opened(copies, again) == (records, data)
    assert data == expected()
    assert (first.copied, again.copied) == (10, 0)


def test_a_stopped_copy_continues_after_its_last_picture(copies):
    with pytest.raises(CopyStopped):
        copies.open("a", Filler(stop_after=6))
    rest = Filler()

    records, data = opened(copies, rest)

    assert rest.copied == 4
    assert data == expected()
    assert [record.index for record in records] == list(range(10))


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_copy_whose_writer_was_killed_continues_after_its_last_whole_record(copies, cut):
    with pytest.raises(CopyStopped):
        copies.open("a", Filler(stop_after=8))
    index, data = (copies.folder / "a" / name for name in ("index.jsonl", "pictures.bin"))
    os.truncate(index, index.stat().st_size - cut)
    with data.open("ab") as file:
        file.write(b"bytes without a record")
    rest = Filler()

    assert opened(copies, rest)[1] == expected()
    assert 2 < rest.copied < 10


def test_a_damaged_copy_is_filled_again_from_the_damage_on(copies):
    opened(copies, Filler())
    path = copies.folder / "a" / "pictures.bin"
    content = bytearray(path.read_bytes())
    content[len(PICTURES[0]) + 5] ^= 1
    path.write_bytes(content)
    repair = Filler()

    assert opened(copies, repair)[1] == expected()
    assert repair.copied == 9


def test_a_second_process_waits_until_the_copy_is_complete(copies):
    begun, may_finish, waits = (threading.Event() for _ in range(3))
    first, second = Filler(), Filler()

    def slow(copy, done):
        for number, record in enumerate(first(copy, done)):
            if number == 5:
                begun.set()
                assert may_finish.wait(20)
            yield record

    found, shown = [], []

    def show(progress):
        shown.append(progress.doing)
        waits.set()

    filling = threading.Thread(target=lambda: copies.open("a", slow)[0].close())
    waiting = threading.Thread(target=lambda: found.append(copies.open("a", second, show=show)))
    filling.start()
    assert begun.wait(20)
    waiting.start()
    assert waits.wait(20)
    may_finish.set()
    filling.join(20)
    waiting.join(20)

    [(copy, records)] = found
    assert [copy.read(record.place) for record in records] == expected()
    assert (first.copied, second.copied) == (10, 0)
    assert shown[0] == "waiting"
    copy.close()


def test_waiting_for_another_process_can_be_stopped(copies):
    with pytest.raises(CopyStopped):
        copies.open("a", Filler(stop_after=5))
    lock = os.open(copies.folder / "a" / "index.jsonl", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)

    with pytest.raises(CopyStopped):
        copies.open("a", Filler(), stopping=lambda: True)
    os.close(lock)


def test_the_least_recently_used_copies_are_removed_but_none_in_use(tmp_path):
    copies = KeptCopies(tmp_path, 3 * SIZE)
    in_use, _ = copies.open("in use", Filler())
    opened(copies, Filler(), "old")
    os.utime(tmp_path / "in use" / "index.jsonl", (1, 1))
    os.utime(tmp_path / "old" / "index.jsonl", (2, 2))
    opened(copies, Filler(), "recent")

    opened(copies, Filler(), "new")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["in use", "new", "recent"]
    in_use.close()


def test_the_name_depends_on_the_objects_and_the_rules():
    shards = [ObjectInfo("a.tar", 10, "e1"), ObjectInfo("b.tar", 20, "e2")]
    others = [
        ([shards[0]], {"size": 32}),
        ([shards[0], ObjectInfo("b.tar", 20, "e3")], {"size": 32}),
        ([shards[0], ObjectInfo("b.tar", 21, "e2")], {"size": 32}),
        (shards, {"size": 64}),
    ]

    name = copy_name(shards, {"size": 32})

    assert name == copy_name(list(shards), {"size": 32})
    assert len({name, *(copy_name(*other) for other in others)}) == 5
