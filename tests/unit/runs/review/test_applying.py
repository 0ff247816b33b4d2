"""The next job applies saved corrections, and only they change the identity of an item."""

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.options import Options
from colorworker.domain.units import still
from colorworker.runs.review.applying import apply_reviews
from colorworker.runs.review.reviews import Review, item_id, review_key, save_hints, save_review
from colorworker.store.local import LocalStore
from tests.jobharness import TOY_MODEL

ROOT = "/archive"
ENTRIES = [Entry(ROOT, key, 10, "etag", "still", key) for key in ("a.tif", "b.tif")]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


def identities(entries):
    options = Options()
    return {
        each.key: still(each.asset(), each.output_key, each.options(options), TOY_MODEL).unit_id
        for each in entries
    }


def hinted(store, key, data=b"[]", **changes):
    hints = {"": save_hints(store, item_id(ROOT, key), data)}
    return save_review(store, Review(ROOT, key, hints=hints, **changes), "Ada")


def test_without_reviews_nothing_changes(store):
    assert list(apply_reviews(ENTRIES, store)) == ENTRIES


def test_verdicts_and_comments_change_no_identity(store):
    save_review(store, Review(ROOT, "a.tif", verdict="rejected", comment="too red"), "Ada")

    assert list(apply_reviews(ENTRIES, store)) == ENTRIES


def test_hints_change_the_identity_of_their_item_only_and_until_they_are_removed(store):
    automatic = identities(ENTRIES)
    saved = hinted(store, "a.tif")

    corrected = identities(apply_reviews(ENTRIES, store))
    accepted = save_review(store, saved, "Ada")
    same = identities(apply_reviews(ENTRIES, store))
    save_review(store, Review(ROOT, "a.tif", version=accepted.version), "Ada")
    removed = identities(apply_reviews(ENTRIES, store))

    assert corrected["b.tif"] == automatic["b.tif"]
    assert corrected["a.tif"] != automatic["a.tif"]
    assert same == corrected
    assert removed == automatic


def test_a_chosen_variant_becomes_the_option_of_its_item(store):
    save_review(store, Review(ROOT, "b.tif", variant=3), "Ada")

    found = list(apply_reviews(ENTRIES, store))

    assert found[0] == ENTRIES[0]
    assert found[1].options(Options()).variant == 3


def test_a_review_that_cannot_be_read_is_a_warning_and_its_item_is_colored(store, caplog):
    store.put(review_key(item_id(ROOT, "a.tif"), 1), b"{")
    hinted(store, "b.tif")

    found = list(apply_reviews(ENTRIES, store))

    assert found[0] == ENTRIES[0]
    assert found[1] != ENTRIES[1]
    assert "a.tif is colored without its review" in caplog.text


def test_hints_that_are_gone_are_a_warning(store, caplog):
    saved = hinted(store, "a.tif")
    store.delete(f".colorworker/review/{item_id(ROOT, 'a.tif')}/{saved.hints['']}")

    assert identities(apply_reviews(ENTRIES, store)) == identities(ENTRIES)
    assert "which are gone" in caplog.text
