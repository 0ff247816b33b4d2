"""Sorting and naming on disk: outputs are named after their sources, and names are unique."""

import random
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.outputkeys import folded, numbered_key, output_key
from colorworker.errors import UsageError
from colorworker.inputs import sqltables
from colorworker.inputs.catalog import Catalog


def film(key, root="file:///a"):
    return Entry(root, key, 1, "etag", "film")


def planned(folder, entries, extension=lambda _: ".mkv", alike=str):
    with closing(Catalog(folder, extension, alike)) as found:
        found.add_listing(iter(entries))
        return list(found.entries())


def names(folder, entries, extension=lambda _: ".mkv", alike=str):
    found = planned(folder, entries, extension, alike)
    return {(entry.root, entry.key): entry.output_key for entry in found}


def names_in_memory(entries, extension, alike):
    """The naming rule, written for entries that fit in memory."""
    entries = sorted(entries, key=lambda entry: (entry.key, entry.root))
    plain = [alike(output_key(e.key, extension(e), keep_extension=False)) for e in entries]
    uses, taken, names, named = Counter(plain), set(), {}, set()
    for entry, own in zip(entries, plain, strict=True):
        end = extension(entry)
        candidates = [output_key(entry.key, end, keep_extension=False)]
        if uses[own] > 1 and entry.key in named:
            candidates = []
        elif uses[own] > 1:
            longer = entry.key if entry.key.lower().endswith(end) else entry.key + end
            candidates = [longer, numbered_key(entry.key, end)]
        free = [
            name
            for name in candidates
            if alike(name) not in taken and (alike(name) == own or not uses[alike(name)])
        ]
        names[entry.root, entry.key] = free[0] if free else ""
        taken |= set(map(alike, free[:1]))
        named.add(entry.key)
    return names


def test_sources_that_differ_only_in_extension_keep_it_in_the_output_name(tmp_path):
    keys = names(tmp_path, [film("reel.avi"), film("reel.mov"), film("b.avi")])

    assert list(keys.values()) == ["b.mkv", "reel.avi.mkv", "reel.mov.mkv"]


def test_a_source_that_has_the_extension_of_its_output_keeps_its_name(tmp_path):
    keys = names(tmp_path, [film("reel.avi"), film("reel.mkv")])

    assert list(keys.values()) == ["reel.avi.mkv", "reel.mkv"]


def test_if_two_sources_have_the_same_key_the_first_gets_the_name_and_the_other_fails(tmp_path):
    first, second = planned(tmp_path, [film("x.avi", "file:///b"), film("x.avi")])

    assert (first.root, first.output_key) == ("file:///a", "x.avi.mkv")
    assert (second.outcome, second.error_code) == ("failed", "output_collision")
    assert second.error == (
        "x.avi: its output x.avi.mkv would replace that of x.avi in file:///a (this one is in"
        " file:///b). Color file:///b into another destination."
    )


def test_a_name_with_kept_extension_never_collides_with_another_source(tmp_path):
    keys = names(tmp_path, [film("a.avi"), film("a.mov"), film("a.avi.mp4")])

    assert list(keys.values()) == ["a~e2d787.mkv", "a.avi.mkv", "a.mov.mkv"]


COMPOSED, DECOMPOSED = "Z\u00fcrich.tif", "Zu\u0308rich.tif"


@pytest.mark.parametrize(
    "keys",
    [
        ("Scan.tif", "scan.TIF"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED.upper(), COMPOSED),
        ("Box/a.tif", "box/a.tif"),
        ("stra\u00dfe.tif", "STRASSE.tif"),
        ("Reel.avi", "reel.mov"),
        ("Reel.avi", "reel.AVI", "REEL.mov", "reel.mov", "reel.avi.tif"),
    ],
)
def test_sources_whose_outputs_a_folder_may_take_for_one_get_different_names(tmp_path, keys):
    found = names(tmp_path, [film(key) for key in keys], lambda _: ".tif", folded)

    assert all(found.values())
    assert len(set(map(folded, found.values()))) == len(keys)


def test_only_the_later_of_two_names_that_differ_in_case_is_changed(tmp_path):
    pair = [film("scan.tif"), film("Scan.tif")]

    found = names(tmp_path, pair, lambda _: ".tif", folded)
    exact = names(tmp_path, pair, lambda _: ".tif")

    assert list(found.values()) == ["Scan.tif", "scan~ed57fe.tif"]
    assert list(exact.values()) == ["Scan.tif", "scan.tif"]


def test_two_outputs_requested_under_names_that_differ_in_case_name_both_sources(tmp_path):
    asked = [replace(film("a.avi"), output_key="X.mkv"), replace(film("b.avi"), output_key="x.mkv")]

    first, second = planned(tmp_path, asked, alike=folded)

    assert first.output_key == "X.mkv"
    assert second.error.startswith("b.avi: its output x.mkv would replace that of a.avi in")
    assert second.error.endswith("Give one of them another output.")


@pytest.mark.parametrize("alike", [str, folded])
@pytest.mark.parametrize("seed", range(20))
def test_names_match_the_rule_applied_in_memory(tmp_path, seed, alike):
    chance = random.Random(seed)
    stems = ["a", "A", "a.mkv", "a.mov", "sub/a", ".a", "a.", "\u00e4", "a\u0308"]
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

    found = names(tmp_path, entries, extension, alike)

    assert found == names_in_memory(entries, extension, alike)
    given = [alike(name) for name in found.values() if name]
    assert len(set(given)) == len(given)


def test_entries_are_sorted_by_code_point(tmp_path):
    keys = ["b", "a/b", "a-b", "Z", "ä", "写真", "🎞", "nul\x00l", "stray\udcff", "a"]

    found = planned(tmp_path, [film(key) for key in keys])

    assert [entry.key for entry in found] == sorted(keys)


def test_an_object_that_is_listed_twice_counts_once(tmp_path):
    assert len(planned(tmp_path, [film("a.avi"), film("a.avi")])) == 1


def test_a_skipped_entry_is_unchanged_and_takes_no_name(tmp_path):
    settled = replace(film("a.avi"), kind=None, outcome="skipped", error_code="x", error="why")

    assert planned(tmp_path, [settled, film("a.mov")]) == [
        settled,
        replace(film("a.mov"), output_key="a.mkv"),
    ]


def test_an_entry_whose_output_name_is_too_long_fails(tmp_path):
    (entry,) = planned(tmp_path, [film("n" * 255)])

    assert (entry.outcome, entry.error_code) == ("failed", "key_refused")


def test_the_scratch_file_is_removed(tmp_path):
    planned(tmp_path, [film("a.avi")])

    assert list(tmp_path.iterdir()) == []


def test_no_query_sorts_in_a_temporary_file(tmp_path):
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


def test_a_full_scratch_folder_is_named_in_the_error(tmp_path, monkeypatch):
    with closing(Catalog(tmp_path, lambda _: ".mkv")) as found:
        found._database.execute("PRAGMA max_page_count = 5")
        with pytest.raises(UsageError, match=r"full.*COLORWORKER_RUN__SCRATCH") as raised:
            found.add_listing(film(f"{number}.avi") for number in range(5000))

    assert str(tmp_path) in str(raised.value)
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
