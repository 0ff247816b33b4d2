"""How many workers fit on a cluster, and how many are requested."""

import pytest

from colorworker.executors.sizing import PoolSize


@pytest.mark.parametrize(
    ("size", "nodes", "capacity"),
    [
        (PoolSize(cpus=2), [], 0),
        (PoolSize(cpus=0.01), [{"CPU": 2.0}], 200),
        (PoolSize(cpus=2), [{"CPU": 0.0}, {}], 0),
        (PoolSize(cpus=2), [{"CPU": 3.0}, {"CPU": 5.0}], 3),
        (PoolSize(cpus=1, gpus=1), [{"CPU": 8.0}], 0),
        (PoolSize(cpus=1, gpus=1), [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 4.0}], 3),
        (PoolSize(cpus=1, gpus=0.1), [{"CPU": 64.0, "GPU": 1.0}], 10),
        (PoolSize(cpus=1, gpus=0.3), [{"CPU": 64.0, "GPU": 0.9}], 3),
    ],
)
def test_a_worker_takes_all_its_resources_from_one_node(size, nodes, capacity):
    assert size.capacity(nodes) == capacity


def test_without_a_maximum_the_target_is_what_fits():
    targets = [PoolSize().target(capacity, work_is_waiting=True) for capacity in (0, 3, 9)]

    assert targets == [0, 3, 9]


def test_the_maximum_is_requested_beyond_capacity_only_while_work_is_waiting():
    size = PoolSize(max_workers=8)

    assert size.target(3, work_is_waiting=True) == 8
    assert size.target(3, work_is_waiting=False) == 3
    assert size.target(20, work_is_waiting=True) == 8


def test_the_minimum_is_requested_without_any_capacity():
    size = PoolSize(min_workers=2)

    assert size.target(0, work_is_waiting=False) == 2
    assert size.limit(0) == 2


def test_requests_that_do_not_fit_are_withdrawn_when_nodes_are_gone():
    assert PoolSize().limit(1) == 1
    assert PoolSize(max_workers=4).limit(1) == 4
