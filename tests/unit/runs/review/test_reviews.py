"""Reviews are kept version by version, never overwritten, and damaged files stay an item's own."""

import json

import pytest

from colorworker.errors import UsageError
from colorworker.runs.review.reviews import (
    MAX_BYTES,
    Review,
    ReviewConflict,
    ReviewUnreadable,
    ShotVariant,
    file_key,
    item_id,
    latest_reviews,
    list_versions,
    read_review,
    review_key,
    save_hints,
    save_reference,
    save_review,
)
from colorworker.store.local import LocalStore

KEY = "albums/a.tif"


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


def review_of(key=KEY, **changes):
    return Review("/archive", key, **changes)


def test_a_saved_review_is_read_back_with_author_and_time(store):
    hints = {"": save_hints(store, item_id("/archive", KEY), b"[]")}
    saved = save_review(
        store,
        review_of(
            verdict="rejected",
            comment="coat was green",
            hints=hints,
            variant=3,
            references={"7": save_reference(store, item_id("/archive", KEY), ".jpg", b"jpeg")},
            shot_variants=(ShotVariant(0, 1000, 2), ShotVariant(1000, None, 4)),
        ),
        "Ada",
    )

    found = read_review(store, item_id("/archive", KEY), 1)

    assert found == saved
    assert (found.author, found.version, found.variant) == ("Ada", 1, 3)
    assert found.hints == hints
    assert found.saved_at.endswith("+00:00")


def test_the_second_of_two_people_is_refused_and_nothing_is_lost(store):
    first = save_review(store, review_of(verdict="accepted"), "Ada")
    begun = save_review(store, first, "Ada")
    save_review(store, begun, "Ada")

    with pytest.raises(ReviewConflict, match=f"{KEY}: somebody else has saved a review of it"):
        save_review(store, begun, "Grace")

    assert list_versions(store) == {item_id("/archive", KEY): 3}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", "is damaged"),
        (b"[]", "is damaged"),
        (b'{"schema": 1}', "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b'{"schema": 2}', r"newer version of colorworker \(schema 2, this version reads 1\)"),
        (b" " * (MAX_BYTES + 1), "is larger than 1 MiB"),
        (
            json.dumps({"schema": 1, "root": "/archive", "key": "albums/b.tif"}).encode(),
            "belongs to another item",
        ),
        (
            json.dumps({"schema": 1, "root": "/archive", "key": KEY, "hints": [1]}).encode(),
            "is damaged",
        ),
        (
            json.dumps({"schema": 1, "root": "/archive", "key": KEY, "verdict": "x"}).encode(),
            "is damaged",
        ),
        (
            json.dumps(
                {"schema": 1, "root": "/archive", "key": KEY, "references": {"1": "../x.png"}}
            ).encode(),
            "is damaged",
        ),
    ],
    ids=lambda each: each[:20] if isinstance(each, str) else "",
)
def test_a_bad_review_file_is_an_error_of_its_own_item(store, data, message):
    identity = item_id("/archive", KEY)
    store.put(review_key(identity, 1), data)
    save_review(store, review_of("other.tif"), "Ada")

    found = dict(latest_reviews(store))

    assert isinstance(found[identity], ReviewUnreadable)
    with pytest.raises(ReviewUnreadable, match=message):
        raise found[identity]
    assert found[item_id("/archive", "other.tif")].author == "Ada"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"verdict": "maybe"}, "its verdict is 'maybe'"),
        ({"comment": "x" * 10_001}, "its comment has 10001 characters"),
        ({"variant": 100}, "its variant is 100"),
        ({"hints": {"-1": f"hints-{'0' * 24}.json"}}, "has hints for the frame '-1'"),
        ({"hints": {"": "../../secret.json"}}, "has no hints file named"),
        ({"references": {"3": "../../../secret.png"}}, "has no reference named"),
        ({"references": {"../3": f"ref-{'0' * 24}.png"}}, "has no reference named"),
        ({"shot_variants": (ShotVariant(500, 400, 1),)}, "has variant 1 from 500 to 400 ms"),
        ({"shot_variants": (ShotVariant(0, None, 99),)}, "has variant 99"),
        ({"shot_variants": (ShotVariant(0, None, 1),) * 2001}, "more than 2000 shots"),
    ],
)
def test_invalid_values_are_refused_before_anything_is_written(store, changes, message):
    with pytest.raises(UsageError, match=message):
        save_review(store, review_of(**changes), "Ada")

    assert list_versions(store) == {}


def test_other_files_in_the_folder_of_reviews_are_ignored(store):
    store.put(".colorworker/review/notes.txt", b"")
    store.put(".colorworker/review/0123/000001.json", b"")

    assert list_versions(store) == {}


def test_equal_hints_are_one_file_so_that_nothing_is_colored_again(store):
    identity = item_id("/archive", KEY)
    first = save_hints(store, identity, b"[1]")
    etag = store.head(file_key(identity, first)).etag

    again, other = save_hints(store, identity, b"[1]"), save_hints(store, identity, b"[2]")

    assert (again, store.head(file_key(identity, again)).etag) == (first, etag)
    assert other != first
