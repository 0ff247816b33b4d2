"""The job plan: the file, its hash, and the entries read back from it."""

import hashlib
from contextlib import closing

import pytest

from colorworker.domain.entries import Entry, EntryCounts
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.errors import UsageError
from colorworker.inputs.jobplan import freeze_job_plan, job_plan_key, put_job_plan
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

MODEL = ModelRef("lite", "0" * 64)
ENTRIES = [
    Entry("file:///a", "a.png", 10, "e1", "still", "a.png"),
    Entry("file:///a", "b\udcff\n.txt", 7, "e2", None, "", "skipped", "not_media", "b: why."),
    Entry("file:///a", "c.avi", 100, "e3", "film", "c.mp4"),
]


@pytest.fixture
def plan(tmp_path):
    with closing(freeze_job_plan(iter(ENTRIES), Options(), MODEL, tmp_path / "plan.jsonl")) as made:
        yield made


def test_a_plan_can_be_read_repeatedly_and_counts_its_entries(plan):
    assert list(plan) == list(plan) == ENTRIES
    assert plan.counts == EntryCounts(items=3, stills=1, films=1, size_bytes=110)


def test_the_job_id_is_the_hash_of_the_plan(plan):
    assert plan.job_id == hashlib.sha256(plan.path.read_bytes()).hexdigest()[:16]
    assert plan.size_bytes == plan.path.stat().st_size


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_plan_can_be_read_after_a_store_moved_its_file(plan, tmp_path, kind):
    store = MemoryStore("m") if kind == "memory" else LocalStore(tmp_path / "store")
    written = plan.path.read_bytes()

    put_job_plan(store, plan)

    assert store.get(job_plan_key(plan.job_id)) == written
    assert list(plan) == ENTRIES


def test_an_existing_plan_is_not_put_again(plan):
    store = MemoryStore("m")
    put_job_plan(store, plan)
    before = store.head(job_plan_key(plan.job_id))

    put_job_plan(store, plan)

    assert store.head(job_plan_key(plan.job_id)) == before


def test_a_truncated_plan_is_put_again(plan):
    store = MemoryStore("m")
    store.put(job_plan_key(plan.job_id), b"{")

    put_job_plan(store, plan)

    assert store.head(job_plan_key(plan.job_id)).size_bytes == plan.size_bytes


def test_the_error_names_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(UsageError, match="COLORWORKER_RUN__SCRATCH"):
        freeze_job_plan(ENTRIES, Options(), MODEL, tmp_path / "nowhere" / "plan.jsonl")
