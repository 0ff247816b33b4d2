"""Sorting and naming on disk: the source's own name, and never two alike."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.outputkeys import output_key
from colorworker.errors import UsageError
from colorworker.inputs import sqltables
from colorworker.inputs.catalog import Catalog


def film(key, root="file:///a"):
    return Entry(root, key, 1, "etag", "film")


def planned(folder, entries, extension=lambda _: ".mkv"):
    with closing(Catalog(folder, extension)) as found:
        found.fill(iter(entries))
        return list(found.entries())


def names(folder, entries, extension=lambda _: ".mkv"):
    return {
        (entry.root, entry.key): entry.output_key for entry in planned(folder, entries, extension)
    }


def names_in_memory(entries, extension):
    """The same rule, as one writes it down when everything fits into memory."""
    entries = sorted(entries, key=lambda entry: (entry.key, entry.root))
    plain = [output_key(e.key, extension(e), keep_extension=False) for e in entries]
    meetings, taken, keys = Counter(plain), set(), {}
    for entry, candidate in zip(entries, plain, strict=True):
        key = candidate
        if meetings[candidate] > 1:
            key = output_key(entry.key, extension(entry), keep_extension=True)
        if key in taken or (key != candidate and meetings[key] > 0):
            key = ""
        taken.add(key)
        keys[entry.root, entry.key] = key
    return keys


def test_two_sources_with_one_name_keep_their_extensions_in_front(tmp_path):
    keys = names(tmp_path, [film("reel.avi"), film("reel.mov"), film("b.avi")])

    assert list(keys.values()) == ["b.mkv", "reel.avi.mkv", "reel.mov.mkv"]


def test_the_same_key_from_two_sources_is_given_once_and_the_other_fails_by_name(tmp_path):
    first, second = planned(tmp_path, [film("x.avi", "file:///b"), film("x.avi")])

    assert (first.root, first.output_key) == ("file:///a", "x.avi.mkv")
    assert (second.outcome, second.error_code) == ("failed", "output_collision")
    assert "file:///b" in second.error


def test_a_kept_extension_never_takes_another_sources_name(tmp_path):
    keys = names(tmp_path, [film("a.avi"), film("a.mov"), film("a.avi.mp4")])

    named = [key for key in keys.values() if key]
    assert len(set(named)) == len(named)
    assert "" in keys.values()


@pytest.mark.parametrize("seed", range(20))
def test_names_are_those_that_the_rule_gives_in_memory(tmp_path, seed):
    chance = random.Random(seed)
    stems = ["a", "b", "a.mkv", "a.mov", "sub/a", ".a", "a."]
    endings = ["", ".avi", ".mov", ".mkv", ".MKV", ".tif", ".mkv.mkv"]
    entries = list(
        {
            (root, key): film(key, root)
            for root in ("file:///a", "file:///b")
            for key in (chance.choice(stems) + chance.choice(endings) for _ in range(15))
        }.values()
    )
    chance.shuffle(entries)

    def extension(entry):
        return {".tif": ".tif", ".mov": ".mp4"}.get(PurePosixPath(entry.key).suffix, ".mkv")

    assert names(tmp_path, entries, extension) == names_in_memory(entries, extension)


def test_keys_come_in_the_order_of_their_code_points_whatever_they_hold(tmp_path):
    keys = ["b", "a/b", "a-b", "Z", "ä", "写真", "🎞", "nul\x00l", "stray\udcff", "a"]

    found = planned(tmp_path, [film(key) for key in keys])

    assert [entry.key for entry in found] == sorted(keys)


def test_an_object_that_is_listed_twice_counts_once(tmp_path):
    assert len(planned(tmp_path, [film("a.avi"), film("a.avi")])) == 1


def test_what_the_listing_settled_stays_as_it_is_and_takes_no_name(tmp_path):
    settled = replace(film("a.avi"), kind=None, outcome="skipped", error_code="x", error="why")

    assert planned(tmp_path, [settled, film("a.mov")]) == [
        settled,
        replace(film("a.mov"), output_key="a.mkv"),
    ]


def test_an_output_name_that_no_store_can_hold_fails(tmp_path):
    (entry,) = planned(tmp_path, [film("n" * 255)])

    assert (entry.outcome, entry.error_code) == ("failed", "key_refused")


def test_nothing_is_left_in_the_folder(tmp_path):
    planned(tmp_path, [film("a.avi")])

    assert list(tmp_path.iterdir()) == []


def test_nothing_is_sorted_outside_of_its_own_file(tmp_path):
    with closing(Catalog(tmp_path, lambda _: ".mkv")) as found:
        for query in (
            sqltables.ALL,
            sqltables.COUNT_NAMES,
            sqltables.INCOMPLETE,
            sqltables.KEYS_WITHOUT_ETAG,
        ):
            nothing = [b""] * query.count("?")
            plan = found._database.execute(f"EXPLAIN QUERY PLAN {query}", nothing).fetchall()
            assert "TEMP B-TREE" not in str(plan)


def test_a_folder_without_room_is_named(tmp_path, monkeypatch):
    with closing(Catalog(tmp_path, lambda _: ".mkv")) as found:
        found._database.execute("PRAGMA max_page_count = 5")
        with pytest.raises(UsageError, match=r"full.*COLORWORKER_RUN__SCRATCH") as raised:
            found.fill(film(f"{number}.avi") for number in range(5000))

    assert str(tmp_path) in str(raised.value)
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
