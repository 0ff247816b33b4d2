"""Law 4: a finished unit is never done twice, and an unfinished one never counts."""

import hashlib
from dataclasses import replace

import pytest

from colorworker.domain.records import Record, record_to_json
from colorworker.errors import KeyMissing, OutputCollision
from colorworker.state import (
    attempt_key,
    commit,
    finished,
    read_record,
    record_key,
    refuse_foreign,
)
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

UNIT = "ab" * 16


@pytest.fixture
def store(request):
    return MemoryStore(request.node.name)


def attempt(store, content=b"color", output_key="out.png"):
    key = attempt_key(UNIT, ".png")
    stored = store.put(key, content)
    return Record(
        UNIT, "still", "succeeded", "in.png", "e", key, output_key, stored.etag, len(content)
    )


def test_a_committed_unit_is_published_and_finished(store):
    record = attempt(store)

    winner = commit(store, record)

    assert winner == record
    assert store.get("out.png") == b"color"
    assert finished(store, UNIT) == record


def test_the_first_of_two_attempts_to_commit_wins_and_the_other_is_deleted(store):
    first, second = attempt(store, b"first"), attempt(store, b"second")

    commit(store, first)
    winner = commit(store, second)

    assert winner == first
    assert store.get("out.png") == b"first"
    with pytest.raises(KeyMissing):
        store.head(second.attempt_key)


def test_a_put_that_the_transport_repeated_counts_as_our_own(store):
    record = attempt(store)
    commit(store, record)

    assert commit(store, record) == record
    assert store.get("out.png") == b"color"


def test_an_interrupted_publication_is_repeated(store):
    record = attempt(store)
    store.put(record_key(UNIT), record_to_json(record))

    assert finished(store, UNIT) == record
    assert store.get("out.png") == b"color"


@pytest.mark.parametrize("loss", ["deleted", "replaced"])
def test_a_record_without_its_output_does_not_count(store, loss):
    commit(store, attempt(store))
    if loss == "deleted":
        store.delete("out.png")
    else:
        commit(store, replace(attempt(store, b"other options"), unit_id="cd" * 16))

    assert finished(store, UNIT) is None
    assert read_record(store, UNIT) is None


def test_a_damaged_record_is_ignored_and_deleted(store):
    store.put(record_key(UNIT), b"{half of a rec")

    assert finished(store, UNIT) is None
    assert commit(store, attempt(store)).attempt_key


def test_a_skipped_unit_is_finished_without_output(store):
    skip = Record(UNIT, "still", "skipped", "in.png", "e")

    commit(store, skip)

    assert finished(store, UNIT) == skip


class Raced(MemoryStore):
    """Another worker, taken for dead, publishes the winner a moment before us."""

    def publish(self, attempt_key, output_key):
        super().publish(attempt_key, output_key)
        return super().publish(attempt_key, output_key)


def test_a_winner_that_another_worker_publishes_at_the_same_time_is_published():
    store = Raced("records")
    record = attempt(store)

    assert commit(store, record) == record
    assert finished(store, UNIT) == record


def test_a_result_that_was_deleted_before_its_publication_is_an_error(store):
    record = attempt(store)
    store.delete(record.attempt_key)

    with pytest.raises(KeyMissing, match="deleted before"):
        commit(store, record)


def test_a_foreign_file_is_not_overwritten_and_the_output_waits_until_it_is_gone(store):
    store.put("out.png", b"a file of somebody else")
    record = attempt(store)

    with pytest.raises(OutputCollision, match="that no job wrote"):
        commit(store, record)
    with pytest.raises(OutputCollision, match="that no job wrote"):
        finished(store, UNIT)
    assert store.get("out.png") == b"a file of somebody else"
    store.delete("out.png")

    assert finished(store, UNIT) == record
    assert store.get("out.png") == b"color"


def test_an_output_whose_source_was_renamed_in_case_is_not_called_foreign(tmp_path):
    # The link stands for a file system on which both names are one file.
    store = LocalStore(tmp_path)
    commit(store, attempt(store, output_key="Scan.png"))
    (tmp_path / "scan.png").hardlink_to(tmp_path / "Scan.png")

    assert refuse_foreign(store, "scan.png") == store.head("Scan.png").etag


def test_an_output_of_a_job_with_other_options_is_replaced(store):
    other = replace(attempt(store, b"other options"), unit_id="cd" * 16)
    commit(store, other)

    commit(store, attempt(store))

    assert store.get("out.png") == b"color"


def test_an_output_that_was_written_after_the_records_were_read_is_replaced(store):
    store.put("foreign.png", b"a file of somebody else")
    with pytest.raises(OutputCollision):
        refuse_foreign(store, "foreign.png")
    commit(store, replace(attempt(store, b"other options"), unit_id="cd" * 16))

    commit(store, attempt(store))

    assert store.get("out.png") == b"color"


@pytest.mark.parametrize("edited", [False, True])
def test_an_output_in_a_copied_destination_is_recognized_by_its_content(store, edited):
    content = b"other options"
    other = replace(attempt(store, content), sha256=hashlib.sha256(content).hexdigest())
    store.put(record_key("cd" * 16), record_to_json(replace(other, unit_id="cd" * 16, etag="old")))
    store.put("out.png", content[::-1] if edited else content)

    if edited:
        with pytest.raises(OutputCollision):
            commit(store, attempt(store))
    else:
        commit(store, attempt(store))

    assert store.get("out.png") == (content[::-1] if edited else b"color")


def restored(store, content, etag="of the original"):
    """Return a committed record as a copy of its destination has it: with another ETag."""
    record = replace(attempt(store, content), sha256=hashlib.sha256(content).hexdigest())
    commit(store, record)
    store.put(record_key(UNIT), record_to_json(replace(record, etag=etag)))
    return record


def test_a_unit_of_a_copied_destination_is_finished_and_its_content_read_once(store):
    record = restored(store, b"color")

    assert finished(store, UNIT) == record
    assert read_record(store, UNIT) == record


@pytest.mark.parametrize("content", [b"COLOR", b"colors", None])
def test_a_unit_of_a_copied_destination_with_other_content_is_not_finished(store, content):
    restored(store, b"color")
    store.delete("out.png")
    if content:
        store.put("out.png", content)

    if content:
        with pytest.raises(OutputCollision):
            finished(store, UNIT)
    else:
        assert finished(store, UNIT) is None


def test_a_result_without_a_name_is_recognized_in_a_copy_by_its_size(store):
    record = attempt(store, b"timeline", output_key="")
    commit(store, record)
    store.put(record_key(UNIT), record_to_json(replace(record, etag="of the original")))

    assert finished(store, UNIT) == record

    store.put(record.attempt_key, b"cut off")
    assert finished(store, UNIT) is None
