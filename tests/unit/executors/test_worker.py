"""One unit on a worker: errors of the machine are raised, those of the item are results."""

import errno
import os
from pathlib import Path

import pytest

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import scan
from colorworker.errors import (
    DependencyMissing,
    OutputMismatch,
    PlaceUnfit,
    SourceDamaged,
    StoreUnavailable,
)
from colorworker.executors.worker import run_on_worker
from colorworker.pipeline.context import WorkerContext
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

MODEL = ModelRef("lite", "0" * 64)


def unit(key):
    return scan(Asset("memory://unreadable", key, "film", 1, "etag"), key, Options(), MODEL)


class Unreadable(MemoryStore):
    """A store in which reading any source raises an error."""

    def __init__(self, error):
        super().__init__("unreadable")
        self.error = error

    def open(self, key, **pins):
        raise self.error


def result_of(store, destination=None):
    context = WorkerContext(
        destination=destination or MemoryStore("destination"),
        open_source=lambda _: store,
        colorizer=lambda _: None,
        model=MODEL,
        worker="test",
    )
    return run_on_worker(context, unit("a.mkv"), 2)


def test_an_error_of_the_machine_is_raised_and_not_returned_as_a_result():
    with pytest.raises(DependencyMissing, match="boto3"):
        result_of(Unreadable(DependencyMissing("boto3", "is not installed")))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_always_an_error_of_the_machine(number):
    cause = OSError(number, os.strerror(number))
    mismatch = OutputMismatch("a.mkv", "the film cannot be written")
    mismatch.__cause__ = cause

    for error in (cause, mismatch, StoreUnavailable("a.mkv", os.strerror(errno.ENOSPC))):
        with pytest.raises(PlaceUnfit, match="no space left on the disk") as raised:
            result_of(Unreadable(error))
        assert raised.value.__cause__ is error


def test_a_library_that_does_not_load_on_a_worker_is_an_error_of_the_machine():
    error = ModuleNotFoundError("No module named 'xxhash'", name="xxhash")

    with pytest.raises(DependencyMissing, match="xxhash: does not load on worker test"):
        result_of(Unreadable(error))


def test_a_failed_item_is_a_result():
    result = result_of(Unreadable(SourceDamaged("a.mkv", "does not decode")))

    assert (result.outcome, result.error_code) == ("failed", "source_damaged")


def test_a_bug_is_a_result_that_asks_for_a_report(caplog):
    result = result_of(Unreadable(ZeroDivisionError("oops")))

    assert (result.outcome, result.error_code, result.attempt) == ("failed", "internal_error", 2)
    assert "ZeroDivisionError: oops. This is a bug in colorworker" in result.error
    assert "broke the worker" in caplog.text


def test_a_lack_of_memory_costs_an_attempt_and_is_no_bug():
    result = result_of(Unreadable(MemoryError()))

    assert (result.outcome, result.retryable) == ("lost", True)
    assert str(result.given_up("a.mkv").error).startswith(
        "a.mkv: its worker ran out of memory in each of 2 attempts."
    )


@pytest.mark.skipif(not Path("/sys/fs").exists(), reason="needs a folder that root cannot write")
def test_a_store_error_is_the_machines_if_nothing_can_be_written():
    error = StoreUnavailable("a.mkv", "it cannot be written (Permission denied)")

    with pytest.raises(PlaceUnfit, match=r"/sys/fs/colorworker: a test write from .* failed"):
        result_of(Unreadable(error), LocalStore(Path("/sys/fs/colorworker")))


def test_a_store_error_is_the_items_if_other_keys_can_be_written(tmp_path):
    error = StoreUnavailable("a.mkv", "it cannot be written (Permission denied)")

    result = result_of(Unreadable(error), LocalStore(tmp_path))

    assert (result.outcome, result.retryable) == ("failed", True)
