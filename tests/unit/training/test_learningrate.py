from itertools import pairwise

import pytest

from colorworker.training.learningrate import average_decay, rate_share


def test_the_rate_warms_up_linearly_then_follows_a_cosine_to_its_final_share():
    shares = [rate_share(step, 1000, 100, 0.02) for step in range(1000)]

    assert shares[0] == pytest.approx(0.01)
    assert shares[99] == shares[100] == 1.0
    assert shares[549] == pytest.approx((1 + 0.02) / 2, abs=0.01)
    assert shares[-1] == pytest.approx(0.02)
    assert all(a >= b for a, b in pairwise(shares[99:]))


@pytest.mark.parametrize("total", [1, 2, 5])
def test_the_warm_up_takes_at_most_half_of_a_short_training(total):
    shares = [rate_share(step, total, 300, 0.1) for step in range(total)]

    assert all(0 < share <= 1 for share in shares)
    assert max(shares) == 1


def test_a_final_share_of_one_keeps_the_rate_constant():
    assert {rate_share(step, 50, 0, 1.0) for step in range(50)} == {1.0}


def test_the_moving_average_forgets_the_initial_weights():
    assert average_decay(0, 0.999) == 0.1
    assert average_decay(10**6, 0.999) == 0.999
    assert average_decay(5, 0.0) == 0.0
