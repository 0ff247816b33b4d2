"""Runs of a plan, without TensorFlow or Ray: real codecs, a toy colorizer, memory stores."""

import struct
import zlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import pyvips

from colorworker.domain.models import ModelChoice, ModelRef
from colorworker.domain.options import Options
from colorworker.domain.records import record_from_json
from colorworker.domain.schedule import Budget, Collection, RestorationPlan, Retry
from colorworker.domain.timewindow import Window
from colorworker.driver import Job, run_job
from colorworker.errors import SourceArchived, StoreUnavailable, UsageError
from colorworker.inputs.jobplan import freeze_job_plan, put_job_plan
from colorworker.inputs.listing import OpenSource, plan_entries
from colorworker.job import JobEnd, PlannedJob
from colorworker.pipeline.context import WorkerContext
from colorworker.runs.heartbeat import Heartbeat
from colorworker.runs.joblist import list_jobs, read_latest_jobs
from colorworker.schedule.planstate import claim, plan_job
from colorworker.schedule.run import run_plan
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.options import StoreOptions
from colorworker.store.sources import Source
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer

START = datetime(2026, 11, 22, 20, tzinfo=UTC)


class Bench:
    """An archive, its destinations, and a clock that only tests move."""

    def __init__(self, folder):
        self.archive = folder / "archive"
        self.archive.mkdir(parents=True)
        self.scratch = folder / "scratch"
        self.stores = {}
        self.now = START
        self.lines = {}
        self.on_line = lambda _: None
        self.workers = self.batch = 1

    def opened(self, uri):
        return self.stores.setdefault(uri, MemoryStore(uri))

    def picture(self, name, seed=0):
        rows, columns = np.mgrid[0:24, 0:32]
        image = pyvips.Image.new_from_array(((rows * columns + seed) % 251).astype(np.uint8))
        image.write_to_file(str(self.archive / name))

    def run_collection(self, collection, control):
        name = collection.model.name
        if name == "broken":
            raise UsageError("broken", "no such weights")
        model = ModelRef(name, name[0] * 64)
        destination, source = self.opened(collection.destination), LocalStore(self.archive)
        self.scratch.mkdir(exist_ok=True)
        (self.scratch / "plan.jsonl").unlink(missing_ok=True)
        where = Source(str(self.archive), exclude=collection.exclude)
        entries = plan_entries([OpenSource(where, source)], collection.options, self.scratch)
        context = WorkerContext(
            destination=destination,
            open_source=lambda _: source,
            colorizer=lambda _: ToyColorizer(),
            model=model,
            worker="test",
        )
        self.lines = {}

        def line(said):
            self.lines[said.key] = said
            control.item(said)
            self.on_line(said)

        with (
            closing(
                freeze_job_plan(entries, collection.options, model, self.scratch / "plan.jsonl")
            ) as plan,
            closing(ThreadExecutor(context, self.workers)) as executor,
        ):
            put_job_plan(destination, plan)
            planned = PlannedJob(plan, model, StoreOptions(), self.scratch)
            with (
                control.select(planned, destination) as selected,
                control.stop_flag() as stopping,
                control.display() as show,
            ):
                job = Job(
                    plan.job_id,
                    selected.entries,
                    collection.options,
                    model,
                    self.batch,
                    1,
                    selected.counts,
                    control.room,
                )
                end = run_job(job, executor, line=line, progress=show, stopping=stopping)
        gone = sum(code == "source_gone" for code in self.codes().values())
        assert end.items_total == plan.counts.items + gone or end.items_done == 0
        return JobEnd(end, "page", stopping() and end.items_done < end.items_total)

    def run(self, plan, **changes):
        changes = {"pause": lambda _: None, **changes}
        return run_plan(plan, self.opened, self.run_collection, clock=lambda: self.now, **changes)

    def turned_by(self, step):
        """Return a function that moves the clock forward with every item."""

        def turn(_):
            self.now += step

        return turn

    @property
    def records(self):
        """Creation time and attempt of every done-record."""
        store = self.opened("color")
        found = [info.key for info in store.list(".colorworker/units/")]
        records = [record_from_json(store.get(key)) for key in found]
        return {item.unit_id: (item.created_at, item.attempt_key) for item in records}

    def codes(self):
        return {key: line.error_code for key, line in self.lines.items() if line.error_code}


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        made.picture(name, number)
    return made


REELS = Collection("reels", ("archive",), "color", Options(), ModelChoice("lite"))
PLAN = RestorationPlan("nightly", (REELS,), retry=Retry(attempts=2))


def test_only_new_and_changed_sources_and_changed_options_are_done(bench):
    first = bench.run(PLAN)
    before = bench.records
    second = bench.run(PLAN)
    assert (first.status, first.collections[0].tally.worked_on) == ("done", 3)
    assert (second.status, second.collections[0].tally.worked_on) == ("done", 0)
    assert second.collections[0].tally.resumed == 3
    assert bench.records == before

    bench.picture("d.png", 9)
    bench.picture("a.png", 77)
    (bench.archive / "b.png").unlink()
    third = bench.run(PLAN).collections[0].tally
    assert (third.done, third.worked_on, third.gone) == (3, 2, 1)
    assert "b.png is kept" in bench.lines["b.png"].error
    assert before.items() <= bench.records.items()
    assert bench.opened("color").head("b.png")
    assert bench.run(PLAN).collections[0].tally.gone == 0

    for changed in (
        replace(REELS, model=ModelChoice("other")),
        replace(REELS, options=Options(vividness=1.0)),
    ):
        tally = bench.run(replace(PLAN, collections=(changed,))).collections[0].tally
        assert (tally.worked_on, tally.resumed, tally.gone) == (3, 0, 0)


def test_a_failed_item_waits_is_retried_and_is_parked(bench):
    (bench.archive / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    first = bench.run(PLAN).collections[0].tally
    assert (first.failed, first.done, first.newly_parked) == (1, 2, [])

    bench.now += timedelta(hours=1)
    assert bench.run(PLAN).collections[0].tally.waiting == 1
    assert bench.codes() == {"a.png": "waiting"}
    assert "2026-11-23T02:00:00" in bench.lines["a.png"].error

    bench.now += timedelta(hours=6)
    assert bench.run(PLAN).collections[0].tally.newly_parked == ["a.png"]
    bench.now += timedelta(days=400)
    tally = bench.run(PLAN).collections[0].tally
    assert (tally.parked, tally.worked_on) == (1, 0)
    assert "failed 2 times" in bench.lines["a.png"].error

    bench.picture("a.png")
    assert bench.run(PLAN).collections[0].tally.worked_on == 1
    assert not [*bench.opened("color").list(".colorworker/plans/nightly/reels/failures/")]


def test_items_that_only_strict_refuses_are_judged_anew_when_the_plan_changes(bench):
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        picture = pyvips.Image.black(64, 48) + seed
        picture.cast("uchar").write_to_file(str(bench.archive / name), keep="none")
    data = (bench.archive / "a.png").read_bytes()
    text = b"tEXtTitle\0Reel 7"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    (bench.archive / "a.png").write_bytes(data[:33] + chunk + data[33:])
    archive = replace(REELS, options=Options(profile="archive"))
    strict = replace(archive, options=Options(profile="archive", strict=True))
    lenient_plan, strict_plan = (
        replace(PLAN, collections=(each,), retry=Retry(attempts=1)) for each in (archive, strict)
    )

    assert bench.run(lenient_plan).collections[0].tally.done == 3
    before = bench.records
    judged = bench.run(strict_plan).collections[0].tally
    parked = bench.run(strict_plan).collections[0].tally
    accepted = bench.run(lenient_plan).collections[0].tally
    again = bench.run(strict_plan).collections[0].tally

    assert (judged.done, judged.failed, judged.newly_parked) == (2, 1, ["a.png"])
    assert (parked.done, parked.parked) == (2, 1)
    assert (accepted.done, accepted.resumed) == (3, 3)
    assert again.failed == 1
    assert bench.records == before


@pytest.mark.parametrize("kind", [StoreUnavailable, SourceArchived])
def test_items_for_which_the_store_must_be_waited_are_not_parked(bench, monkeypatch, kind):
    def away(*_):
        raise kind("color", "it is not there yet")

    monkeypatch.setattr(bench.opened("color"), "publish", away)
    plan = replace(PLAN, retry=Retry(attempts=1))
    assert bench.run(plan).collections[0].tally.failed == 3
    monkeypatch.undo()

    tally = bench.run(plan).collections[0].tally
    assert (tally.done, tally.waiting, tally.parked) == (3, 0, 0)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("batch", [1, 8])
def test_a_run_stops_at_its_budget_of_items_and_the_next_continues(bench, workers, batch):
    for number in range(4):
        bench.picture(f"more-{number}.png", 50 + number)
    bench.workers, bench.batch = workers, batch
    plan = replace(PLAN, budget=Budget(items=3))

    ends = [bench.run(plan) for _ in range(4)]

    assert [end.status for end in ends] == ["stopped", "stopped", "done", "done"]
    assert ends[0].reason == "the budget of 3 items is spent"
    assert [end.collections[0].tally.worked_on for end in ends] == [3, 3, 1, 0]
    assert len(bench.records) == 7


def test_all_collections_share_the_budget_of_items(bench):
    bench.batch = 8
    other = replace(REELS, name="other", destination="elsewhere")
    plan = replace(PLAN, collections=(REELS, other), budget=Budget(items=4))

    first, second = bench.run(plan), bench.run(plan)

    assert [end.tally.worked_on for end in first.collections] == [3, 1]
    assert [end.tally.worked_on for end in second.collections] == [0, 2]
    assert (first.status, second.status) == ("stopped", "done")


def test_a_run_stops_when_its_window_closes(bench):
    plan = replace(PLAN, window=Window(time(20), time(21), ZoneInfo("UTC")))
    bench.on_line = bench.turned_by(timedelta(minutes=40))

    begun, closed = bench.run(plan), bench.run(plan)

    assert begun.status == "stopped"
    assert begun.reason == "the window closed at Sun 2026-11-22 21:00 UTC"
    assert begun.collections[0].tally.worked_on == 2
    assert (closed.status, closed.collections) == ("closed", ())
    assert "Mon 2026-11-23 20:00 UTC" in closed.reason
    assert bench.run(PLAN).collections[0].tally.worked_on == 1


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(hours=1.5), "the budget of 1.5 hours is spent"),
        (Budget(money=3, price_per_hour=2), "the budget of 3 at 2 an hour is spent"),
        (Budget(hours=9, money=3, price_per_hour=2), "the budget of 3 at 2 an hour is spent"),
    ],
)
def test_a_run_stops_when_its_hours_or_money_are_spent(bench, budget, reason):
    def seconds():
        return (bench.now - START).total_seconds()

    # An hour an item: the second ends after 2 hours, and the third is not begun.
    bench.on_line = bench.turned_by(timedelta(hours=1))
    spent = bench.run(replace(PLAN, budget=budget), seconds=seconds)
    enough = bench.run(replace(PLAN, budget=budget), seconds=seconds)

    assert (spent.status, spent.reason) == ("stopped", reason)
    assert spent.collections[0].tally.worked_on == 2
    # InspectionContext up two that are done turns this clock by two hours as well.
    assert (enough.status, enough.collections[0].tally.resumed) == ("stopped", 2)
    assert bench.run(PLAN).status == "done"
    assert len(bench.records) == 3


def test_a_run_does_not_start_while_another_one_is_in_progress(bench):
    home = bench.opened("color")
    with Heartbeat(home, plan_job("nightly")) as other:
        bench.now = datetime.now(UTC)
        assert claim(home, "nightly", other.run_id, 20, bench.now) == ""
        end = bench.run(PLAN)
    after = bench.run(PLAN)

    assert (end.status, other.run_id in end.reason) == ("overlapping", True)
    assert (after.status, after.collections[0].tally.done) == ("done", 3)


def test_a_killed_run_blocks_the_next_only_until_its_heartbeats_are_overdue(bench):
    home = bench.opened("color")
    bench.now = datetime.now(UTC)
    killed, waits = Heartbeat(home, plan_job("nightly")), []
    killed._put(killed._state)
    assert claim(home, "nightly", killed.run_id, 20, bench.now) == ""

    def pause(seconds):
        waits.append(seconds)
        bench.now += timedelta(seconds=seconds)

    end = bench.run(PLAN, pause=pause)

    assert (end.status, end.collections[0].tally.done) == ("done", 3)
    assert waits == [20.0] * 4


def test_overlapping_runs_do_no_unit_twice(bench, tmp_path):
    other = Bench(tmp_path / "other")
    other.archive, other.stores = bench.archive, bench.stores
    inner = []

    def overlap(_):
        bench.on_line = lambda _: None
        inner.append(other.run(replace(PLAN, name="weekly")).collections[0].tally)

    bench.on_line = overlap
    outer = bench.run(PLAN).collections[0].tally

    assert (outer.done, inner[0].done) == (3, 3)
    assert len(bench.records) == 3
    assert outer.worked_on + inner[0].worked_on in {3, 4}


def test_a_collection_that_cannot_run_does_not_stop_the_next(bench):
    broken = replace(REELS, name="broken", model=ModelChoice("broken"), destination="elsewhere")

    end = bench.run(replace(PLAN, collections=(broken, REELS)))

    assert end.status == "done"
    assert [item.error for item in end.collections] == ["broken: no such weights.", ""]
    assert end.collections[1].tally.done == 3
    jobs = list_jobs(bench.opened("elsewhere"))
    state = read_latest_jobs(bench.opened("elsewhere"), jobs, None)[0].latest
    assert (state.job_id, state.outcome, state.counts.items_done) == ("plan-nightly", "broken", 3)
    assert state.last_errors == ("broken: no such weights.",)


def test_an_interrupted_run_starts_nothing_more(bench):
    seen = []
    bench.on_line = seen.append

    end = bench.run(PLAN, interrupted=lambda: bool(seen))
    rest = bench.run(PLAN)

    assert end.status == "interrupted"
    assert end.collections[0].tally.worked_on + rest.collections[0].tally.worked_on == 3
