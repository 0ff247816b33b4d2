"""The items of a destination: filters, news from later runs, and corrections that are pending."""

from dataclasses import replace

import pytest

from colorworker.report.itemlines import ItemLine, line_to_json
from colorworker.runs.review.items import ItemCatalog
from colorworker.runs.review.reviews import (
    Review,
    ShotVariant,
    file_key,
    item_id,
    save_hints,
    save_review,
)
from colorworker.store.local import LocalStore

ROOT = "/archive"
LINE = ItemLine(ROOT, "a.tif", "still", "succeeded", output_key="a.tif")
FILM = ItemLine(ROOT, "reel.mkv", "film", "succeeded", output_key="reel.mkv")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


def report(store, lines, job="0" * 16, run="20260101T000000Z-000001"):
    """Store what a run of a job leaves."""
    folder = f".colorworker/jobs/{job}"
    store.put(f"{folder}/runs/{run}.json", b"{}")
    store.put(f"{folder}/runs/{run}.html", b"")
    store.put(f"{folder}/report/report.jsonl", b"".join(map(line_to_json, lines)))
    store.put(f"{folder}/report/report.html", b"")


def test_pictures_of_known_certainty_are_sorted_by_it(store):
    rated = [replace(LINE, key=f"{c}.tif", certainty=c) for c in (0.5, 0.2, 0.9)]
    report(store, [*rated, LINE, FILM])

    found = ItemCatalog(store).select("uncertain")

    assert [each.line.key for each in found] == ["0.2.tif", "0.5.tif", "0.9.tif"]


def test_a_later_run_is_seen_after_rereading_and_reviews_stay(store):
    report(store, [LINE])
    catalog = ItemCatalog(store)
    save_review(store, Review(ROOT, "a.tif", comment="good"), "Ada")
    later = replace(LINE, warnings=("a warning",))
    report(store, [later, FILM], run="20260102T000000Z-000002")

    catalog.refresh()
    before = [each.line for each in catalog.select("all")]
    catalog.reread()

    assert before == [LINE]
    assert [each.line for each in catalog.select("all")] == [later, FILM]
    assert catalog.get(item_id(ROOT, "a.tif")).review.comment == "good"


def test_a_review_of_somebody_else_is_seen_when_the_item_is_opened(store):
    report(store, [LINE])
    catalog = ItemCatalog(store)
    identity = item_id(ROOT, "a.tif")
    save_review(store, Review(ROOT, "a.tif", comment="mine"), "Grace")

    assert catalog.get(identity).review.version == 0
    assert catalog.get(identity, fresh=True).review.author == "Grace"


def test_corrections_are_pending_until_a_run_has_used_them(store):
    report(store, [LINE, FILM])
    catalog = ItemCatalog(store)
    name = save_hints(store, item_id(ROOT, "a.tif"), b"[]")
    save_review(store, Review(ROOT, "a.tif", hints={"": name}), "Ada")
    shots = (ShotVariant(0, 400, 2),)
    save_review(store, Review(ROOT, "reel.mkv", variant=3, shot_variants=shots), "Ada")
    catalog.refresh()

    pending = {each.line.key: each.is_pending for each in catalog.select("corrected")}
    file = ["/color", file_key(item_id(ROOT, "a.tif"), name), "etag", 2, None]
    applied = replace(LINE, own_options={"hint_files": [file]})
    own = {"variant": 3, "adjustments": [[0, 400, None, None, 2]]}
    run = "20260102T000000Z-000002"
    report(store, [applied, replace(FILM, own_options=own)], run=run)
    catalog.reread()

    assert pending == {"a.tif": True, "reel.mkv": True}
    assert [each.is_pending for each in catalog.select("corrected")] == [False, False]
    save_review(store, Review(ROOT, "a.tif", version=1), "Ada")
    assert catalog.get(item_id(ROOT, "a.tif"), fresh=True).is_pending
