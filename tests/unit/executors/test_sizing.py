"""How many workers a cluster has room for, and how many are asked for."""

import pytest

from colorworker.executors.sizing import Crew


@pytest.mark.parametrize(
    ("crew", "nodes", "room"),
    [
        (Crew(cpus=2), [], 0),
        (Crew(cpus=2), [{"CPU": 0.0}, {}], 0),
        (Crew(cpus=2), [{"CPU": 3.0}, {"CPU": 5.0}], 3),
        (Crew(cpus=1, gpus=1), [{"CPU": 8.0}], 0),
        (Crew(cpus=1, gpus=1), [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 4.0}], 3),
        (Crew(cpus=1, gpus=0.1), [{"CPU": 64.0, "GPU": 1.0}], 10),
        (Crew(cpus=1, gpus=0.3), [{"CPU": 64.0, "GPU": 0.9}], 3),
    ],
)
def test_a_worker_takes_all_that_it_needs_of_one_node(crew, nodes, room):
    assert crew.room(nodes) == room


def test_without_a_most_the_crew_is_what_fits():
    assert [Crew().wanted(room, hungry=True) for room in (0, 3, 9)] == [0, 3, 9]


def test_a_most_is_asked_for_beyond_the_room_only_while_work_waits():
    crew = Crew(at_most=8)

    assert crew.wanted(3, hungry=True) == 8
    assert crew.wanted(3, hungry=False) == 3
    assert crew.wanted(20, hungry=True) == 8


def test_a_least_is_asked_for_without_any_room():
    crew = Crew(at_least=2)

    assert crew.wanted(0, hungry=False) == 2
    assert crew.bound(0) == 2


def test_workers_without_room_are_called_off_when_nodes_have_gone():
    assert Crew().bound(1) == 1
    assert Crew(at_most=4).bound(1) == 4
