"""Stopping units that run on threads of this process."""

import threading

import pytest

from colorworker.domain.options import Asset, ModelRef, Options
from colorworker.domain.units import scan
from colorworker.executors import inprocess
from colorworker.executors.inprocess import InProcessExecutor
from colorworker.pipeline.context import WorkerContext
from colorworker.store.memory import MemoryStore

MODEL = ModelRef("lite", "0" * 64)


class Gate(MemoryStore):
    """A store whose sources open only when the gate does."""

    def __init__(self):
        super().__init__("gate")
        self.asked, self.gate = threading.Event(), threading.Event()

    def open(self, key, **pins):
        self.asked.set()
        self.gate.wait(20)
        return super().open(key, **pins)


@pytest.fixture
def store():
    made = Gate()
    yield made
    made.gate.set()


def make_executor(store, workers=1):
    context = WorkerContext(
        destination=MemoryStore("destination"),
        open_source=lambda _: store,
        colorizer=lambda _: None,
        model=MODEL,
        worker="test",
    )
    return InProcessExecutor(context, workers)


def unit(key):
    return scan(Asset("memory://gate", key, "film", 1, "etag"), key, Options(), MODEL)


def test_drained_it_drops_what_was_not_begun_and_finishes_what_was(store):
    executor = make_executor(store)
    units = [unit("a.mkv"), unit("b.mkv"), unit("c.mkv")]
    for item in units:
        executor.submit(item, 1)
    assert store.asked.wait(20)

    unbegun = executor.drain()
    store.gate.set()
    results = executor.wait(20)
    executor.close()

    assert unbegun == {units[1].unit_id, units[2].unit_id}
    assert [result.unit_id for result in results] == [units[0].unit_id]


def test_drained_it_is_closed_without_waiting_for_a_unit_that_hangs(store):
    executor = make_executor(store)
    executor.submit(unit("a.mkv"), 1)
    assert store.asked.wait(20)

    executor.drain()
    executor.close()

    assert not store.gate.is_set()


def test_with_nothing_to_do_it_sleeps(store, monkeypatch):
    slept = []
    monkeypatch.setattr(inprocess.time, "sleep", slept.append)
    executor = make_executor(store)

    assert executor.wait(0.25) == []
    executor.close()
    assert slept == [0.25]
