"""A check of a destination finds what is not as it was recorded, and only that."""

import json
import os
import shutil

import pytest

from colorworker import __version__
from colorworker.domain.fixity import FixityTally, tally_from_json, tally_to_json
from colorworker.domain.records import UnitResult, record_from_json
from colorworker.errors import StoreError
from colorworker.runs.fixity.passes import VERIFY
from colorworker.state import UNITS, all_records
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.threadexecutor import ThreadExecutor
from tests.verifying import (
    FRAMES,
    color,
    context_of,
    findings,
    flip,
    save_sources,
    verify,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Sources and their color copies; tests work on copies of both."""
    folder = tmp_path_factory.mktemp("finished")
    color(save_sources(folder / "sources"), LocalStore(folder / "color"), keep_parts=True)
    return folder


@pytest.fixture
def work(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "work")


@pytest.fixture
def store(work):
    return LocalStore(work / "color")


def test_a_copy_of_a_finished_destination_is_as_recorded(store, work):
    totals = verify(store, source_root=str(work / "sources"), sources=True)

    assert totals.findings == []
    assert totals.outputs == 3
    files = [*(work / "sources").rglob("*.*"), *(work / "color").glob("*.*")]
    files += (work / "color/sub/b.tif", *(work / "color").glob(".colorworker/parts/*/*.nut"))
    assert totals.size_bytes >= sum(path.stat().st_size for path in files if path.is_file())


def test_one_flipped_bit_of_a_picture_is_found(store, work):
    flip(work / "color/a.tif", 0.5)

    found = findings(store)

    assert list(found) == [("a.tif", "changed")]
    assert found["a.tif", "changed"].startswith("a.tif: its SHA-256 is ")


def test_one_flipped_bit_of_a_film_names_the_frame(store, work):
    flip(work / "color/reel.mkv", 0.5)

    (text,) = findings(store).values()

    assert text.startswith("reel.mkv: its SHA-256 is ")
    assert "wrong checksum" in text
    assert "frame " in text


def test_a_truncated_film_says_how_many_frames_are_left(store, work):
    film = work / "color/reel.mkv"
    os.truncate(film, film.stat().st_size * 2 // 3)

    (text,) = findings(store).values()

    assert text.startswith(f"reel.mkv: it has {film.stat().st_size} bytes, recorded are ")
    assert f" of {FRAMES} frames are there" in text


def test_a_truncated_part_of_a_film_is_found(store, work):
    part = next((work / "color").glob(".colorworker/parts/*/*.nut"), None)
    assert part is not None
    os.truncate(part, part.stat().st_size // 2)

    ((key, code),) = found = findings(store)

    assert key == part.relative_to(work / "color").as_posix()
    assert code == "damaged"
    assert "this part of the film reel.mkv is not as it was written" in found[key, code]


def test_missing_outputs_are_found(store, work):
    (work / "color/sub/b.tif").unlink()

    assert list(findings(store)) == [("sub/b.tif", "missing")]


@pytest.mark.parametrize("change", ["content", "gone"])
def test_changed_and_missing_sources_are_found_where_asked(store, work, change):
    source = work / "sources/sub/b.png"
    if change == "gone":
        source.unlink()
    else:
        source.write_bytes(source.read_bytes() + b"\0")

    assert findings(store) == {}
    found = findings(store, sources=True, source_root=str(work / "sources"))
    assert list(found) == [("sub/b.tif", "source")]
    assert str(source) in found["sub/b.tif", "source"]


def test_sources_are_found_where_they_were_recorded(tmp_path):
    sources, store = save_sources(tmp_path / "sources"), MemoryStore("color")
    color(sources, store)
    (sources / "a.tif").write_bytes(b"other")

    assert list(findings(store, sources=True)) == [("a.tif", "source")]


def test_damaged_and_swapped_records_are_found(store, work):
    first, second, third, *_ = (work / "color" / UNITS).iterdir()
    first.write_bytes(first.read_bytes()[:90])
    second.write_bytes(third.read_bytes())

    codes = [code for _, code in findings(store)]

    assert codes == ["record", "record"]


def test_an_output_that_a_later_job_replaced_is_no_finding(finished, tmp_path):
    store = LocalStore(tmp_path / "color")
    color(finished / "sources", store)
    color(finished / "sources", store, vividness=0.2, label="none")

    named = [record.output_key for record in all_records(store)]
    assert named.count("a.tif") == 2
    totals = verify(store)
    assert (totals.findings, totals.outputs) == ([], len(set(named) - {""}))


class _Ending(ThreadExecutor):
    """Reports every unit as lost whose records include a certain one."""

    def __init__(self, context, victim):
        super().__init__(context)
        self.victim, self.attempts, self._lost = victim, 0, []

    def submit(self, unit, attempt):
        if self.victim not in unit.record_ids:
            super().submit(unit, attempt)
            return
        self.attempts += len(unit.record_ids) == 1
        self._lost.append(UnitResult(unit.unit_id, "lost", error="was killed by SIGSEGV"))

    def wait(self, timeout_seconds):
        lost, self._lost = self._lost, []
        return lost or super().wait(timeout_seconds)


def test_an_output_that_kills_its_workers_is_one_finding(store):
    victim = next(each for each in all_records(store) if each.output_key == "a.tif").unit_id
    executor = _Ending(context_of(store), victim)

    totals = verify(store, executor)

    assert [str(found) for found in totals.findings] == [
        "a.tif: it could not be checked: its worker was killed by SIGSEGV."
    ]
    assert executor.attempts == 3
    assert totals.outputs == 2


def test_an_interrupted_check_is_resumed_and_reports_everything(store, work, monkeypatch):
    monkeypatch.setattr("colorworker.runs.fixity.checking._BATCH", 1)
    flip(work / "color/a.tif", 0.5)
    flip(work / "color/sub/b.tif", 0.5)
    seen = []

    def stopping():
        seen.extend(info.key for info in store.list(VERIFY))
        return len(set(seen)) > 1

    first = verify(store, stopping=stopping)
    tallies = [info.key for info in store.list(VERIFY) if not info.key.endswith("begun.json")]
    assert 0 < len(tallies) < len(list(store.list(UNITS)))
    rest = verify(store)

    assert first.outputs < 3
    assert rest.outputs == 3
    assert {found.key for found in rest.findings} == {"a.tif", "sub/b.tif"}
    (report,) = [info.key for info in store.list(VERIFY)]
    head, *lines = map(json.loads, store.get(report).splitlines())
    assert (head["outputs"], head["findings"]) == (3, 2)
    assert {line["key"] for line in lines} == {"a.tif", "sub/b.tif"}


def test_a_finished_check_is_not_continued(store, work):
    assert findings(store) == {}
    flip(work / "color/a.tif", 0.5)

    assert list(findings(store)) == [("a.tif", "changed")]


def test_large_outputs_get_units_of_their_own(store, monkeypatch):
    monkeypatch.setattr("colorworker.pipeline.fixity._LARGE_BYTES", 1000)
    units = []
    executor = ThreadExecutor(context_of(store))
    submit = executor.submit

    def recorded(unit, attempt):
        units.append(unit)
        submit(unit, attempt)

    executor.submit = recorded
    totals = verify(store, executor)

    assert totals.outputs == 3
    assert len([unit for unit in units if len(unit.record_ids) == 1]) >= 3


def test_a_destination_that_accepts_nothing_is_checked_too(store, work):
    flip(work / "color/a.tif", 0.5)

    assert list(findings(_ReadOnly(store.root))) == [("a.tif", "changed")]


class _ReadOnly(LocalStore):
    def put(self, key, data, *, create_only=False):
        raise StoreError(key, "this destination is read-only")


def test_tallies_of_newer_versions_are_read():
    data = json.loads(tally_to_json(FixityTally(("u",), 1, 2)))

    assert tally_from_json(json.dumps({**data, "new": 1}).encode()) == FixityTally(("u",), 1, 2)
    with pytest.raises(ValueError, match="JSON object"):
        tally_from_json(b"[]")


def test_records_say_where_the_source_was_and_what_made_the_output(store, finished):
    for info in store.list(UNITS):
        record = record_from_json(store.get(info.key))
        assert record.source_root == (finished / "sources").as_uri()
        assert record.software == __version__
