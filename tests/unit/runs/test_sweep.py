"""Sweeping deletes all files that nothing needs, and no others."""

import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from colorworker.domain.records import FilmInfo, Record, record_to_json
from colorworker.domain.runstate import RunState, run_to_json
from colorworker.runs.heartbeat import run_key
from colorworker.runs.sweep import AgeLimits, age_limits, sweep
from colorworker.state import (
    attempt_key,
    commit,
    contact_key,
    finished,
    record_key,
    sidecars_key,
    thumbnail_key,
)
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.objectstore import Leftover

UNIT, OTHER = "a" * 32, "b" * 32
ALL = AgeLimits(float("inf"), float("inf"))
LATER = AgeLimits(time.time() + 3600, time.time() + 3600)


@pytest.fixture
def store():
    return MemoryStore("color")


def put_attempt(store, unit=UNIT, data=b"attempt", extension=".mp4"):
    key = attempt_key(unit, extension)
    return key, store.put(key, data)


def put_record(store, unit=UNIT, key="", etag="", output="", thumbnail="", **film):
    info = FilmInfo("0" * 64, 640, 480, 24, 1.0, **film) if film else None
    record = Record(
        unit, "assembly", "succeeded", "a.png", "e", key, output, etag, thumbnail_key=thumbnail,
        info=info,
    )  # fmt: skip
    store.put(record_key(unit), record_to_json(record))
    return record


def keys(store):
    return {info.key for info in store.list()}


def swept(store, limits=LATER, *, delete=True):
    return sorted((found.kind, found.key) for found in sweep(store, limits, delete=delete))


def test_losing_attempts_are_swept_and_the_winner_stays(store):
    winner, info = put_attempt(store)
    loser, _ = put_attempt(store)
    without_record, _ = put_attempt(store, OTHER)
    put_record(store, key=winner, etag=info.etag)

    assert swept(store) == sorted([("attempt", loser), ("attempt", without_record)])
    assert keys(store) == {winner, record_key(UNIT)}


def put_film(store, *joined, etag=None):
    published = store.put("film.mp4", b"film")
    put_record(store, "f" * 32, "gone", etag or published.etag, "film.mp4", joined=joined)


def test_parts_of_a_published_film_are_swept_and_other_parts_stay(store):
    part, info = put_attempt(store, extension=".nut")
    put_record(store, key=part, etag=info.etag)
    other, info = put_attempt(store, OTHER, extension=".nut")
    put_record(store, OTHER, other, info.etag)
    put_film(store, UNIT)

    assert swept(store, delete=False) == [("part", part)]
    assert swept(store) == [("part", part)]
    assert other in keys(store)
    assert record_key(UNIT) in keys(store)
    assert swept(store) == []


def test_parts_stay_if_the_published_film_is_a_different_one(store):
    part, info = put_attempt(store, extension=".nut")
    put_record(store, key=part, etag=info.etag)
    put_film(store, UNIT, etag="of another film")

    assert swept(store) == []


def test_parts_stay_if_the_film_was_told_to_keep_them(store):
    part, info = put_attempt(store, extension=".nut")
    put_record(store, key=part, etag=info.etag)
    put_film(store)

    assert swept(store) == []
    assert part in keys(store)


def test_an_unpublished_winner_stays_and_resuming_publishes_it(store):
    winner, info = put_attempt(store, data=b"film")
    put_record(store, key=winner, etag=info.etag, output="film.mp4")

    assert swept(store) == []
    assert finished(store, UNIT) is not None
    assert store.get("film.mp4") == b"film"


def test_a_winner_stays_if_a_different_output_has_its_name(store):
    store.put("film.mp4", b"of other options")
    winner, info = put_attempt(store)
    put_record(store, key=winner, etag=info.etag, output="film.mp4")

    assert swept(store) == []


def test_an_attempt_that_is_published_already_is_swept(store):
    """The worker died between the server-side copy and the deletion of the attempt."""
    published = store.put("film.mp4", b"film")
    left, _ = put_attempt(store)
    put_record(store, key=left, etag=published.etag, output="film.mp4")

    assert swept(store) == [("attempt", left)]
    assert finished(store, UNIT) is not None


def test_a_damaged_record_stays_and_protects_its_attempts(store):
    attempt, _ = put_attempt(store)
    store.put(record_key(UNIT), b"{")

    assert swept(store) == []
    assert keys(store) == {attempt, record_key(UNIT)}


def test_without_delete_the_same_files_are_reported_and_nothing_changes(store):
    put_attempt(store)
    store.put(thumbnail_key(OTHER), b"jpeg")
    before = keys(store)

    dry = swept(store, delete=False)

    assert keys(store) == before
    assert dry == swept(store, delete=True)
    assert len(dry) == 2


def test_new_files_stay(store):
    put_attempt(store)
    store.put(thumbnail_key(OTHER), b"jpeg")

    assert swept(store, AgeLimits(time.time() - 60, time.time() - 60)) == []


def test_thumbnails_without_a_record_are_swept(store):
    named, gathered, orphan = (thumbnail_key(letter * 32) for letter in "abc")
    for key in (named, gathered, orphan):
        store.put(key, b"jpeg")
    put_record(store, "a" * 32, thumbnail=named)
    put_record(store, "d" * 32, thumbnail_keys=(gathered,))

    assert swept(store) == [("thumbnail", orphan)]


def test_what_is_recorded_of_sidecars_is_swept_with_its_record(store):
    kept, orphan = sidecars_key("a" * 32), sidecars_key("b" * 32)
    store.put(kept, b"{}")
    store.put(orphan, b"{}")
    put_record(store, "a" * 32)

    assert swept(store, delete=False) == [("sidecar record", orphan)]
    assert swept(store) == [("sidecar record", orphan)]
    assert keys(store) == {kept, record_key("a" * 32)}


def test_contact_sheets_stay_while_their_unit_has_a_record(store):
    kept, orphan = contact_key("a" * 32), contact_key("b" * 32)
    store.put(kept, b"jpeg")
    store.put(orphan, b"jpeg")
    put_record(store, "a" * 32)

    assert swept(store) == [("thumbnail", orphan)]


def test_no_record_is_read_if_there_are_no_candidates(store, monkeypatch):
    for number in range(50):
        unit = f"{number:032x}"
        store.put(thumbnail_key(unit), b"jpeg")
        put_record(store, unit, thumbnail=thumbnail_key(unit))
    monkeypatch.setattr(store, "get", lambda key: pytest.fail(key))

    assert swept(store) == []


def test_a_file_that_becomes_needed_during_the_sweep_stays(store):
    """A worker believed dead commits between the first check and the deletion."""
    attempt, info = put_attempt(store)
    found = sweep(Committing(store, attempt, info.etag), LATER, delete=True)

    assert list(found) == []
    assert store.get(attempt) == b"attempt"


class Committing:
    """A store in which a record appears when the attempt is checked again."""

    def __init__(self, store, attempt, etag):
        self._store, self._attempt, self._etag = store, attempt, etag

    def __getattr__(self, name):
        return getattr(self._store, name)

    def head(self, key):
        if key == self._attempt:
            put_record(self._store, key=self._attempt, etag=self._etag)
        return self._store.head(key)


def test_a_commit_of_a_swept_attempt_does_not_count(store):
    attempt, info = put_attempt(store)
    swept(store)

    late = Record(UNIT, "still", "succeeded", "a.png", "e", attempt, "a.png", info.etag)
    with pytest.raises(Exception, match="deleted before"):
        commit(store, late)

    assert finished(store, UNIT) is None


def run(job, hours_ago, outcome="finished", silent=0.0, number=0):
    begun = datetime.now(UTC) - timedelta(hours=hours_ago)
    beat = (datetime.now(UTC) - timedelta(seconds=silent)).isoformat(timespec="seconds")
    identity = f"{begun:%Y%m%dT%H%M%SZ}-{number:06x}"
    return RunState(identity, job, begun.isoformat(timespec="seconds"), beat, outcome=outcome)


def keep(store, state):
    key = run_key(state.job_id, state.run_id)
    store.put(key, run_to_json(state))
    for suffix in (".html", ".jsonl.gz"):
        store.put(key.replace(".json", suffix), b"report")
    return {key, key.replace(".json", ".html"), key.replace(".json", ".jsonl.gz")}


def test_reports_of_old_runs_are_swept_and_each_jobs_newest_stays(store):
    old = keep(store, run("j", 30)) | keep(store, run("j", 20))
    kept = keep(store, run("j", 10)) | keep(store, run("k", 90))
    always = {".colorworker/jobs/j/report/report.html", ".colorworker/jobs/j/plan.jsonl"}
    for key in always:
        store.put(key, b"")

    assert {key for kind, key in swept(store) if kind == "report"} == old
    assert keys(store) == kept | always


def test_outputs_records_and_unknown_files_are_never_swept(store):
    put_record(store, thumbnail=thumbnail_key(UNIT))
    others = {
        "film.mp4", ".colorworker/index.html", ".colorworker/notes.txt",
        ".colorworker/jobs/j/runs/notes.txt", ".colorworker/plans/nightly.json",
    }  # fmt: skip
    for key in others:
        store.put(key, b"")

    assert swept(store, ALL) == []
    assert keys(store) == others | {record_key(UNIT)}


def test_files_newer_than_the_start_of_a_running_job_stay(store):
    keep(store, run("j", 1, "running", silent=5))

    limits = age_limits(store, 0.0, 0.0)

    assert [state.job_id for state in limits.live] == ["j"]
    assert limits.before == pytest.approx(time.time() - 3600 - 900, abs=30)


def test_a_lost_run_protects_no_files(store):
    keep(store, run("j", 1, "running", silent=90))

    limits = age_limits(store, 0.0, 86_400.0)

    assert not limits.live
    assert limits.before == pytest.approx(time.time(), abs=30)
    assert limits.reports_before == pytest.approx(time.time() - 86_400, abs=30)


class WithUploads(MemoryStore):
    """A store with unfinished uploads."""

    def __init__(self, *keys):
        super().__init__("color")
        self.left = [Leftover("upload", key, 7, 0.0, f"id of {key}") for key in keys]

    def leftovers(self):
        return iter(list(self.left))

    def discard(self, leftover):
        self.left.remove(leftover)


def test_unfinished_uploads_of_jobs_are_swept_and_those_of_other_programs_stay():
    store = WithUploads(".colorworker/parts/x/1.mkv", "film.mkv", "theirs.bin")
    store.put("film.mkv", b"film")
    put_record(store, etag=store.head("film.mkv").etag, output="film.mkv")

    assert swept(store) == [("upload", ".colorworker/parts/x/1.mkv"), ("upload", "film.mkv")]
    assert [upload.key for upload in store.left] == ["theirs.bin"]


def test_old_temporary_files_are_swept_from_a_folder(tmp_path):
    store = LocalStore(tmp_path / "color")
    assert swept(store, delete=False) == []
    assert not store.root.exists()
    old, young = store.scratch() / "old.nut", store.scratch() / "young.nut"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))

    found = swept(store, AgeLimits(time.time() - 60, 0.0))

    assert found == [("temporary file", ".colorworker/tmp/old.nut")]
    assert [path.exists() for path in (old, young)] == [False, True]


def test_attempts_of_a_unit_are_swept_even_if_the_listing_separates_them(store):
    winner, info = put_attempt(store)
    put_attempt(store, OTHER)
    loser, _ = put_attempt(store)
    record = put_record(store, key=winner, etag=info.etag)

    assert ("attempt", loser) in swept(store)
    assert finished(store, UNIT) == replace(record, etag=info.etag)
