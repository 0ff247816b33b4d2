import numpy as np
import pytest

from colorworker.training.order import Order, Position, is_held_out


def test_the_split_depends_on_names_only_and_has_the_requested_share():
    names = [f"scene-{number:05d}.jpg" for number in range(5000)]

    held_out = [name for name in names if is_held_out(name, 0.1)]

    assert 0.08 < len(held_out) / len(names) < 0.12
    assert held_out == [name for name in names if is_held_out(name.replace("jpg", "png"), 0.1)]
    assert {name for name in names if is_held_out(name, 0.05)} < set(held_out)


def test_every_epoch_shuffles_anew_and_repeats_no_picture():
    order = Order(103, 10, seed=1)

    epochs = [order.indices(Position(epoch)) for epoch in range(3)]

    assert all(epoch.shape == (10, 10) for epoch in epochs)
    assert all(len(set(epoch.ravel())) == 100 for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(epochs[2], Order(103, 10, seed=1).indices(Position(2)))
    assert not np.array_equal(epochs[2], Order(103, 10, seed=2).indices(Position(2)))


def test_reading_can_start_at_any_position():
    order = Order(64, 4, seed=0)

    at = order.position(37)

    assert at == Position(2, 5)
    assert np.array_equal(order.indices(at), order.indices(Position(2))[5:])


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_together_read_the_batches_of_a_single_worker(workers):
    order, at = Order(50, 8, seed=3), Position(1, 2)

    shares = [order.indices(at, rank, workers) for rank in range(workers)]

    assert np.array_equal(np.concatenate(shares, 1), order.indices(at))
