"""The executor on real Ray actors, without a model: films are only scanned."""

import os
import signal
import time
from pathlib import Path

import pytest
import ray
from ray.exceptions import ActorDiedError, NodeDiedError

from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.units import scan
from colorworker.errors import DependencyMissing, UsageError
from colorworker.executors import actordeaths
from colorworker.executors.actordeaths import ActorDeaths
from colorworker.executors.rayactors import RayExecutor
from colorworker.executors.sizing import PoolSize
from colorworker.executors.worker import WorkerSpec
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore

pytestmark = pytest.mark.integration

MODEL = ModelRef("lite", "0" * 64)


@pytest.fixture(scope="module", autouse=True)
def machine():
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def scans(tmp_path):
    """Scans of eight copies of one film."""
    source = LocalStore(tmp_path / "source")
    (tmp_path / "source").mkdir()
    film = make_film(tmp_path / "source" / "0.mkv", Recipe(frames=24, gop_size=12)).read_bytes()
    units = []
    for number in range(8):
        found = source.put(f"{number}.mkv", film)
        asset = Asset(source.uri, found.key, "film", found.size_bytes, found.etag)
        units.append(scan(asset, found.key, Options(), MODEL))
    return units


def make_executor(tmp_path, size, stall_seconds=900.0, **changes):
    destination = LocalStore(tmp_path / "destination")
    spec = WorkerSpec(destination.uri, MODEL, **changes)
    return RayExecutor(spec, size, stall_seconds=stall_seconds)


def results_of(executor, count):
    results = []
    while len(results) < count:
        results += executor.wait(1.0)
    return results


def until_there(executor, slots):
    while executor.slots < slots:
        assert executor.wait(1.0) == []


def test_units_go_to_ready_actors_and_only_small_results_come_back(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=1))
    store_bytes = ray.available_resources()["object_store_memory"]

    assert executor.slots == 0
    until_there(executor, 4)
    for unit in scans:
        executor.submit(unit, 1)
    results = results_of(executor, len(scans))
    workers = executor.workers()
    executor.close()

    assert {result.unit_id for result in results} == {unit.unit_id for unit in scans}
    assert {result.outcome for result in results} == {"succeeded"}
    assert {result.worker for result in results} == set(workers)
    assert len(workers) == 2
    assert ray.available_resources()["object_store_memory"] == store_bytes


def test_actors_that_do_not_fit_delay_nothing(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=2, max_workers=5))

    until_there(executor, 2)
    for unit in scans:
        executor.submit(unit, 1)
    results = results_of(executor, len(scans))
    executor.close()

    assert {result.outcome for result in results} == {"succeeded"}
    assert len({result.worker for result in results}) == 1


def test_after_a_drain_no_unit_begins_and_every_unit_is_accounted_for(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=2))
    until_there(executor, 2)
    for unit in scans:
        executor.submit(unit, 1)

    unbegun = executor.drain()
    results = results_of(executor, len(scans) - len(unbegun))
    executor.close()

    assert unbegun
    done = {result.unit_id for result in results}
    assert done | unbegun == {unit.unit_id for unit in scans}
    assert not done & unbegun
    assert {result.outcome for result in results} <= {"succeeded"}


def test_no_unit_waits_behind_a_long_one_while_another_actor_is_idle(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=1))
    until_there(executor, 4)
    slow = executor.workers()[0]
    pid = int(slow.partition(":")[2])

    os.kill(pid, signal.SIGSTOP)
    try:
        for unit in scans:
            executor.submit(unit, 1)
        others = results_of(executor, len(scans) - 1)
    finally:
        os.kill(pid, signal.SIGCONT)
    (last,) = results_of(executor, 1)
    executor.close()

    assert slow not in {result.worker for result in others}
    assert (last.worker, last.outcome) == (slow, "succeeded")


def test_a_worker_that_sees_another_folder_than_the_driver_is_refused(tmp_path):
    executor = make_executor(tmp_path, PoolSize(cpus=2), shared_key="jobs/1/plan.jsonl")

    with pytest.raises(UsageError, match=r"destination.*another folder.*every node"):
        until_there(executor, 2)
    executor.close()


def test_a_worker_without_the_jobs_encoder_is_refused_before_the_first_unit(tmp_path):
    executor = make_executor(tmp_path, PoolSize(cpus=2), encoders=("ffv1", "libnone"))

    with pytest.raises(DependencyMissing, match=r"no encoder libnone\. .*pip install"):
        until_there(executor, 2)
    executor.close()


def test_a_worker_larger_than_every_node_is_refused(tmp_path):
    with pytest.raises(UsageError, match="room for a worker of 3 CPUs"):
        make_executor(tmp_path, PoolSize(cpus=3))


def test_a_crash_and_a_hang_cost_their_units_an_attempt_and_their_actors(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=1), stall_seconds=15.0)
    until_there(executor, 4)
    crashing, hanging = (int(name.partition(":")[2]) for name in executor.workers())
    files = [worker.scratch for worker in executor._workers]
    left = [Path(folder, f"{each.process}-left") for each in files for folder in each.folders]
    for path in left:
        path.write_bytes(b"half a film")
    # Suspended, so that they have a unit when the signal comes.
    for pid in (crashing, hanging):
        os.kill(pid, signal.SIGSTOP)
    for unit in scans[:2]:
        executor.submit(unit, 1)
    os.kill(crashing, signal.SIGSEGV)
    os.kill(crashing, signal.SIGCONT)
    results = results_of(executor, 2)
    executor.close()

    assert len(left) == 2
    assert not any(path.exists() for path in left)
    assert {result.outcome for result in results} == {"lost"}
    errors = {result.unit_id: result.error for result in results}
    crash, hang = (errors[unit.unit_id] for unit in scans[:2])
    assert crash == "was killed by SIGSEGV"
    assert hang == "made no progress for 15 s (COLORWORKER_RUN__UNIT_STALL_SECONDS)"


def test_an_actor_that_ends_without_a_crash_is_named_by_rays_error(tmp_path, scans):
    executor = make_executor(tmp_path, PoolSize(cpus=2))
    until_there(executor, 2)
    pid = int(executor.workers()[0].partition(":")[2])

    os.kill(pid, signal.SIGSTOP)
    executor.submit(scans[0], 1)
    os.kill(pid, signal.SIGKILL)
    (result,) = results_of(executor, 1)
    executor.close()

    assert result.error == "died (ActorDiedError: crashed, or out of memory)"


def test_the_log_of_a_dead_actor_is_awaited_for_a_bounded_time(tmp_path, scans, monkeypatch):
    monkeypatch.setattr(actordeaths, "_ANSWER_SECONDS", 2.0)
    deaths, node_id = ActorDeaths(), ray.nodes()[0]["NodeID"]
    never_read = tmp_path / "pipe"
    os.mkfifo(never_read)

    deaths.add(scans[0], 1, ActorDiedError(), node_id=node_id, log=str(never_read))
    first = deaths.results()
    while not (later := deaths.results()):
        time.sleep(0.1)
    (result,) = later

    assert first == []
    assert result.error == "died (ActorDiedError: crashed, or out of memory)"


def test_no_log_is_read_where_the_node_is_gone_or_ray_knows_the_cause(tmp_path, scans):
    deaths, log = ActorDeaths(), tmp_path / "worker.err"
    log.write_text("Fatal Python error: Aborted\n")

    deaths.add(scans[0], 1, ActorDiedError(), node_id="0" * 56, log=str(log))
    deaths.add(scans[1], 2, NodeDiedError("gone"), node_id=ray.nodes()[0]["NodeID"], log=str(log))

    # At once, because nothing is read.
    assert [result.error for result in deaths.results()] == [
        "died (ActorDiedError: crashed, or out of memory)",
        "died (NodeDiedError: crashed, or out of memory)",
    ]
    assert deaths.results() == []
