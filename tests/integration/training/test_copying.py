"""Copying real pictures: interrupted anywhere, the copy ends as if it had not been."""

import pytest

from colorworker.store.memory import MemoryStore
from colorworker.training.dataset import CopyLocation, open_dataset
from colorworker.training.intake import IntakeRules
from colorworker.training.localcopy import CopyStopped
from tests.integration.training.pictures import codes, encoded, fill

pytestmark = pytest.mark.integration


class CountingStore(MemoryStore):
    """Counts the objects that are opened."""

    opened = 0

    def open(self, *arguments, **options):
        self.opened += 1
        return super().open(*arguments, **options)

    def get(self, *arguments, **options):
        self.opened += 1
        return super().get(*arguments, **options)


@pytest.fixture
def store():
    store = CountingStore("data")
    store.put("alone.jpg", encoded(codes(90)))
    store.put("gray.jpg", encoded(codes(91, color=False)))
    fill(store, 12, "one.tar")
    fill(store, 9, "two.tar")
    # A tar without its end: the pictures before the damage count.
    store.put("torn.tar", store.get("two.tar")[:-15000])
    store.opened = 0
    return store


@pytest.fixture
def copied(store, monkeypatch):
    """Return a function that opens the data set of the store in a folder."""
    from colorworker.store.sources import Source
    from colorworker.training import dataset

    monkeypatch.setattr(dataset, "parse_source", lambda *_: Source(""))

    def run(folder, *, is_kept=True, validation_share=0.1, **watched):
        rules = IntakeRules(32, validation_share=validation_share)
        location = CopyLocation(folder, 1 << 30, is_kept)
        return open_dataset("memory", location, rules, opened=lambda _: store, **watched)

    return run


def content(dataset):
    """Return everything that a training sees of a data set, and close it."""
    inventory = dataset.inventory
    pictures = [(item.key, dataset.local_copy.read(item.place)) for item in inventory.kept]
    dataset.close()
    return pictures, inventory.gray, inventory.broken, inventory.colorfulness.tolist()


class AfterPictures:
    """Returns true from the given call on."""

    def __init__(self, pictures):
        self.left = pictures

    def __call__(self):
        self.left -= 1
        return self.left < 0


def test_a_copy_stopped_anywhere_ends_with_the_same_pictures(store, copied, tmp_path):
    whole = content(copied(tmp_path / "whole", is_kept=False))
    stops = 0

    for _ in range(40):
        try:
            parts = content(copied(tmp_path / "parts", stopping=AfterPictures(stops + 2)))
            break
        except CopyStopped:
            stops += 1

    assert stops >= 5
    assert parts == whole
    assert len(whole[0]) > 22
    assert whole[1] == ("gray.jpg",)
    assert [key for key, _ in whole[2]][-1].startswith("torn.tar")


def test_a_kept_copy_is_used_again_also_with_another_validation_share(store, copied, tmp_path):
    first = content(copied(tmp_path))
    reads, store.opened = store.opened, 0

    again = copied(tmp_path, validation_share=0.5)

    assert len(again.inventory.held_out) > 4
    assert content(again) == first
    assert (reads, store.opened) == (5, 0)


def test_a_changed_source_is_copied_again(store, copied, tmp_path):
    before = dict(content(copied(tmp_path))[0])
    store.put("alone.jpg", encoded(codes(95)))

    after = dict(content(copied(tmp_path))[0])

    assert {key for key in before if before[key] != after[key]} == {"alone.jpg"}
    assert len(list(tmp_path.iterdir())) == 2


def test_copying_reports_the_bytes_and_pictures_done(store, copied, tmp_path):
    shown = []

    content(copied(tmp_path, show=shown.append))

    first, last = shown[0], shown[-1]
    assert first.doing == last.doing == "copying"
    assert (first.pictures, first.done_bytes) == (0, 0)
    assert last.done_bytes == last.total_bytes == sum(i.size_bytes for i in store.list(""))
    assert last.pictures > 22
    assert last.pictures_per_second > 0
