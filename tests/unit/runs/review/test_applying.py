"""The next job applies saved corrections, and only they change the identity of an item."""

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.options import Adjustment, Options
from colorworker.domain.references import ReferenceFrame
from colorworker.domain.units import still
from colorworker.runs.review.applying import apply_reviews
from colorworker.runs.review.reviews import (
    Review,
    ShotVariant,
    item_id,
    review_key,
    save_hints,
    save_reference,
    save_review,
)
from colorworker.store.local import LocalStore
from tests.jobharness import TOY_MODEL

ROOT = "/archive"
ENTRIES = [Entry(ROOT, key, 10, "etag", "still", key) for key in ("a.tif", "b.tif")]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


FILM = Entry(ROOT, "reel.mkv", 10, "etag", "film", "reel.mkv")


def film_options(store, entry=FILM):
    """Return the options of a film after its review was applied."""
    (found,) = apply_reviews([entry], store)
    return found.options(Options())


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
    assert "which is gone" in caplog.text


def test_a_dropped_picture_is_the_reference_of_its_frame_until_it_is_removed(store):
    identity = item_id(ROOT, FILM.key)
    name = save_reference(store, identity, ".png", b"colored")
    saved = save_review(store, Review(ROOT, FILM.key, references={"12": name}), "Ada")

    (found,) = film_options(store).reference_frames
    save_review(store, Review(ROOT, FILM.key, version=saved.version), "Ada")

    assert (found.frame, found.root) == (12, store.uri)
    assert store.get(found.key, etag=found.etag) == b"colored"
    assert film_options(store) == Options()


def test_a_dropped_picture_takes_the_place_of_the_folders_reference_of_the_same_frame(store):
    own = {
        "references": "/refs",
        "reference_frames": tuple(ReferenceFrame(n, f"{n}.png", "e") for n in (3, 12)),
    }
    entry = Entry(
        *(ROOT, "reel.mkv", 10, "etag", "film", "reel.mkv"), own_options=tuple(own.items())
    )
    name = save_reference(store, item_id(ROOT, FILM.key), ".png", b"colored")
    save_review(store, Review(ROOT, FILM.key, references={"12": name}), "Ada")

    first, second = film_options(store, entry).reference_frames

    assert first == own["reference_frames"][0]
    assert (second.frame, second.root) == (12, store.uri)


def test_the_variant_of_a_shot_becomes_an_adjustment_of_its_times(store):
    shots = (ShotVariant(1000, 2000, 3), ShotVariant(5000, None, 0))
    save_review(store, Review(ROOT, FILM.key, variant=2, shot_variants=shots), "Ada")

    options = film_options(store)

    assert options.variant == 2
    assert options.adjustments == (
        Adjustment(1000, 2000, variant=3),
        Adjustment(5000, None, variant=0),
    )


def test_hints_of_film_frames_carry_the_index_of_their_frame(store):
    name = save_hints(store, item_id(ROOT, FILM.key), b"[]")
    save_review(store, Review(ROOT, FILM.key, hints={"40": name}), "Ada")

    (file,) = film_options(store).hint_files

    assert (file.frame, file.root, file.is_overlay) == (40, store.uri, False)
