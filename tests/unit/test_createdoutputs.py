"""Law 4 where an output is created under its final name before its record."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from colorworker.domain.records import Record
from colorworker.errors import OutputCollision
from colorworker.runs.sweep import AgeLimits, sweep
from colorworker.state import (
    all_records,
    attempt_key,
    check_name,
    commit,
    finished,
    read_record,
    store_output,
)
from colorworker.store.memory import MemoryStore

UNIT, OTHER = "ab" * 16, "cd" * 16
OUT = "out.png"


class Creating(MemoryStore):
    """Like a bucket of a service with conditional writes."""

    prefers_create = True


@pytest.fixture
def store(request):
    return Creating(request.node.name)


@pytest.fixture
def done(tmp_path):
    """Stores and commits an output, or only stores it."""

    def do(store, content=b"color", unit=UNIT, name=OUT, recorded=True):
        path = tmp_path / f"{threading.get_ident()}-{unit}"
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        stored = store_output(store, unit, name, path, sha256)
        record = Record(
            unit, "still", "succeeded", "in.png", "e", stored.attempt_key, name,
            stored.etag, stored.size_bytes, stored.sha256,
        )  # fmt: skip
        return commit(store, record, is_published=stored.is_published) if recorded else stored

    return do


def outputs(store):
    return {info.key for info in store.list() if not info.key.startswith(".colorworker/")}


def assert_true(store, record):
    """Check that a record tells the truth about its output."""
    data = store.get(record.output_key, etag=record.etag)
    assert (record.size_bytes, record.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert finished(store, record.unit_id) == record


def test_an_output_is_created_under_its_name_and_then_recorded(store, done):
    record = done(store)

    assert_true(store, record)
    assert [info.key for info in store.list()] == [OUT, f".colorworker/units/{UNIT}.json"]


def test_an_output_whose_worker_died_before_the_record_is_recorded_by_the_next_attempt(store, done):
    died = done(store, b"first", recorded=False)
    assert finished(store, UNIT) is None

    record = done(store, b"other bytes of the same unit")

    assert store.get(OUT) == b"first"
    assert record.etag == died.etag
    assert_true(store, record)


def test_a_worker_taken_for_dead_that_goes_on_changes_nothing(store, done):
    late = done(store, b"first", recorded=False)
    winner = done(store, b"second")

    mine = Record(
        UNIT, "still", "succeeded", "in.png", "e", late.attempt_key, OUT, late.etag, 5, late.sha256
    )
    assert commit(store, mine, is_published=True) == winner
    assert store.get(OUT) == b"first"
    assert_true(store, winner)


def test_of_workers_at_the_same_unit_one_creates_and_all_agree(store, done):
    contenders = 8
    barrier = threading.Barrier(contenders)

    def contend(number):
        barrier.wait()
        return done(store, b"%d" % number * (number + 1))

    with ThreadPoolExecutor(contenders) as pool:
        winner, *others = pool.map(contend, range(contenders))

    assert all(other == winner for other in others)
    assert outputs(store) == {OUT}
    assert_true(store, winner)


def test_a_worker_that_publishes_and_one_that_creates_agree_on_the_record(store, done, tmp_path):
    """The first one met a taken name before, so it goes the long way."""
    (tmp_path / "file").write_bytes(b"the long way")
    key = attempt_key(UNIT, ".png")
    long = store.put_file(key, tmp_path / "file")
    sha256 = hashlib.sha256(b"the long way").hexdigest()
    record = Record(
        UNIT, "still", "succeeded", "in.png", "e", key, OUT, long.etag, long.size_bytes, sha256
    )
    created = done(store, b"created", recorded=False)

    first = commit(store, record)
    second = commit(
        store,
        replace(record, attempt_key=created.attempt_key, etag=created.etag, sha256=created.sha256),
        is_published=True,
    )

    assert first == second == record
    assert store.get(OUT) == b"the long way"
    assert_true(store, first)
    assert list(store.list(".colorworker/parts/")) == []


def test_an_output_that_was_deleted_is_made_again(store, done):
    done(store)
    store.delete(OUT)

    assert finished(store, UNIT) is None
    assert_true(store, done(store, b"again"))


@pytest.mark.parametrize("recorded", [True, False])
def test_an_output_of_a_job_with_other_options_is_replaced(store, done, recorded):
    done(store, b"other options", unit=OTHER, recorded=recorded)

    record = done(store)

    assert store.get(OUT) == b"color"
    assert_true(store, record)
    assert finished(store, OTHER) is None


def test_a_file_that_no_job_wrote_stays_and_later_names_are_looked_up_before_the_work(store, done):
    store.put(OUT, b"a file of somebody else")
    store.put("second.png", b"another one")
    check_name(store, OUT)  # The first one is found when its output is stored.

    with pytest.raises(OutputCollision, match="that no job wrote"):
        done(store)
    with pytest.raises(OutputCollision, match="that no job wrote"):
        check_name(store, "second.png")

    assert store.get(OUT) == b"a file of somebody else"
    assert read_record(store, UNIT) is None
    assert outputs(store) == {OUT, "second.png"}


def test_a_large_output_that_meets_a_taken_name_makes_later_names_be_looked_up_too(request, done):
    class Small(Creating):
        def create(self, key, path, mark):
            return None

    store = Small(request.node.name)
    store.put(OUT, b"a file of somebody else")
    check_name(store, OUT)

    for refused in (lambda: done(store), lambda: check_name(store, OUT)):
        with pytest.raises(OutputCollision, match="that no job wrote"):
            refused()
    store.delete(OUT)

    # It was recorded, so nothing was computed in vain.
    assert_true(store, finished(store, UNIT))


def test_a_copy_of_an_output_under_another_name_is_somebody_elses_file(store, done, tmp_path):
    done(store)
    (tmp_path / "copy").write_bytes(store.get(OUT))
    store.create("copy.png", tmp_path / "copy", store.head(OUT).mark)

    for unit in (UNIT, OTHER):
        with pytest.raises(OutputCollision, match="that no job wrote"):
            done(store, b"of a source called copy", unit=unit, name="copy.png")


def test_a_name_that_becomes_free_at_the_last_moment_is_published(request, done):
    class Freed(Creating):
        def create(self, key, path, mark):
            return None

    store = Freed(request.node.name)

    assert_true(store, done(store))
    assert list(store.list(".colorworker/parts/")) == []


def test_the_sweep_deletes_no_output_without_a_record_and_finds_the_object_of_the_trial(
    store, done, tmp_path
):
    (tmp_path / "trial").write_bytes(b"Can be deleted.")
    trial = store.create(attempt_key("trial", ".txt"), tmp_path / "trial", "first")
    done(store, recorded=False)

    found = [each.key for each in sweep(store, AgeLimits(2e10, 2e10), delete=True)]

    assert found == [trial.key]
    assert outputs(store) == {OUT}
    assert_true(store, done(store))
    assert [record.unit_id for record in all_records(store)] == [UNIT]
