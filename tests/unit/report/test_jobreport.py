"""The report that Python gets: items are read from the destination when they are asked for."""

import gzip

from colorworker.report.itemlines import ItemLine, line_to_json
from colorworker.report.jobreport import Item, ItemCounter, ItemCounts, Report
from colorworker.store.memory import MemoryStore

LINES = [
    ItemLine("file:///in", "a.png", "still", "succeeded", output_key="a.png", frames=1),
    ItemLine("file:///in", "b.png", "still", "succeeded", output_key="b.png", resumed=True),
    ItemLine("file:///in", "c.mkv", "film", "failed", "source_damaged", "c.mkv: is damaged."),
    ItemLine("file:///in", "d.xml", "", "skipped", "not_media", warnings=("odd",)),
]


class CountingStore(MemoryStore):
    """Counts how often an object is opened."""

    opened = 0

    def open(self, *arguments, **named):
        self.opened += 1
        return super().open(*arguments, **named)


def made_report(store):
    key = ".colorworker/jobs/job/runs/run.jsonl.gz"
    store.put(key, gzip.compress(b"".join(map(line_to_json, LINES))))
    return Report("job", "run", "color", "page", ItemCounts(4), _open=lambda: store)


def test_items_have_their_outcome_and_the_path_of_their_output():
    items = list(made_report(MemoryStore("memory")).items)

    assert [item.key for item in items] == ["a.png", "b.png", "c.mkv", "d.xml"]
    assert items[0] == Item("a.png", "still", "succeeded", outputs=("color/a.png",), frames=1)
    assert (items[1].resumed, items[2].outputs, items[3].warnings) == (True, (), ("odd",))
    assert (items[2].error_code, items[2].error) == ("source_damaged", "c.mkv: is damaged.")


def test_nothing_is_read_before_it_is_asked_for_and_it_can_be_read_again():
    store = CountingStore("memory")
    report = made_report(store)
    assert store.opened == 0

    assert [item.key for item in report.failed] == ["c.mkv"]
    assert len(list(report.items)) == len(list(report.items)) == 4


def test_items_are_counted_by_outcome():
    counter = ItemCounter()

    for line in LINES:
        counter.add(line)

    assert counter.counts(9) == ItemCounts(9, succeeded=2, failed=1, skipped=1, resumed=1)


def test_items_can_be_members_of_a_set():
    report = made_report(MemoryStore("memory"))

    assert {*report.items, *report.items} == set(report.items)
