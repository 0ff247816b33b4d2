"""A generator in a thread of its own: order, limits, errors and early ends."""

import threading
from contextlib import closing
from itertools import count

import pytest

from colorworker.errors import SourceDamaged
from colorworker.pipeline.prefetch import prefetch


def threads():
    return [each for each in threading.enumerate() if each.name.startswith("stage")]


def test_items_arrive_in_order_from_a_thread_that_then_ends():
    made_in = set()

    def items():
        for number in range(100):
            made_in.add(threading.current_thread().name)
            yield number

    assert list(prefetch(items(), 3, "stage")) == list(range(100))
    assert made_in == {"stage_0"}
    assert not threads()


def test_no_more_items_are_made_ahead_than_the_limit():
    made, taken, most = 0, 0, 0

    def items():
        nonlocal made, most
        for number in range(200):
            made += 1
            most = max(most, made - taken)
            yield number

    for _ in prefetch(items(), 3, "stage"):
        taken += 1

    # The item that this loop is receiving has been requested but is not counted as taken yet.
    assert 1 < most <= 4


def test_an_error_is_raised_unchanged_after_the_items_before_it():
    error = SourceDamaged("reel", "no frame decodes", "Restore it")

    def items():
        yield 1
        yield 2
        raise error

    stage = prefetch(items(), 4, "stage")

    assert [next(stage), next(stage)] == [1, 2]
    with pytest.raises(SourceDamaged) as raised:
        next(stage)
    assert raised.value is error
    assert not threads()


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_early_closes_the_source_in_its_thread_and_ends_the_thread(taken):
    closed_by = []

    def items():
        try:
            yield from count()
        finally:
            closed_by.append(threading.current_thread().name)

    with closing(prefetch(items(), 2, "stage")) as stage:
        assert [next(stage) for _ in range(taken)] == list(range(taken))

    assert closed_by == (["stage_0"] if taken else [])
    assert not threads()


def test_an_error_of_the_consumer_ends_a_chain_of_stages():
    def doubled(items):
        for item in items:
            yield 2 * item

    first = prefetch((number for number in range(1000)), 2, "stage-one")
    second = prefetch(doubled(first), 2, "stage-two")

    def take_one_and_fail():
        with closing(first), closing(second):
            next(second)
            raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"):
        take_one_and_fail()

    assert not threads()


def test_an_error_of_the_first_stage_passes_through_the_second():
    def broken():
        yield 1
        raise SourceDamaged("reel", "no frame decodes", "Restore it")

    chain = prefetch((item for item in prefetch(broken(), 2, "stage-one")), 2, "stage-two")

    with pytest.raises(SourceDamaged, match="no frame decodes"):
        list(chain)

    assert not threads()
