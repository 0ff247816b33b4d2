import numpy as np
import pytest

from colorworker.training.order import Order, Position, is_held_out, sampling_of


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


NAMES = [
    f"{kind}/{number:03d}.jpg" for kind in ("face", "place", "people") for number in range(200)
]
WEIGHTS = {"face": 0.25, "people": 2.5}


def test_pictures_take_part_as_often_as_their_weight_says():
    sampling = sampling_of(NAMES, WEIGHTS)

    epochs = [np.bincount(sampling.pictures(epoch), minlength=600) for epoch in range(8)]

    total = np.sum(epochs, 0)
    assert (total[:200] == 2).all()
    assert (total[200:400] == 8).all()
    assert (total[400:] == 20).all()
    # About as many in every epoch, not all at once.
    assert all(30 < epoch[:200].sum() < 70 for epoch in epochs)
    assert all(set(epoch[400:]) == {2, 3} for epoch in epochs)


def test_which_pictures_take_part_does_not_depend_on_the_others():
    everything, last = sampling_of(NAMES, WEIGHTS), sampling_of(NAMES[150:], WEIGHTS)

    for epoch in (0, 1, 5, 1000):
        chosen = everything.pictures(epoch)
        assert np.array_equal(chosen[chosen >= 150] - 150, last.pictures(epoch))


def test_a_weighted_order_can_start_at_any_position_and_has_equally_long_epochs():
    order = Order(600, 16, 1, sampling_of(NAMES, WEIGHTS))

    assert order.steps_per_epoch == (50 + 200 + 500) // 16
    for epoch in range(6):
        whole = order.indices(Position(epoch))
        assert whole.shape == (order.steps_per_epoch, 16)
        assert set(whole.ravel()) <= set(order.sampling.pictures(epoch))
        assert np.array_equal(order.indices(Position(epoch, 5)), whole[5:])
    assert order.position(2 * order.steps_per_epoch + 3) == Position(2, 3)


def test_a_kind_of_weight_zero_is_never_read():
    order = Order(600, 16, 1, sampling_of(NAMES, {"face": 0}))

    assert min(order.indices(Position(epoch)).min() for epoch in range(3)) >= 200


def test_weights_of_one_read_the_same_pictures_as_no_weights():
    sampling = sampling_of(NAMES, {})

    assert all(np.array_equal(sampling.pictures(epoch), np.arange(600)) for epoch in (0, 7))
