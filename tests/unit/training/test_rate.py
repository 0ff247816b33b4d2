import pytest

from colorworker.training.rate import SlidingRate


def test_the_rate_follows_the_last_minutes_only():
    rate = SlidingRate(window_seconds=60)
    for _ in range(100):
        rate.add(16, 1)

    for _ in range(61):
        rate.add(8, 1)

    assert rate.per_second == pytest.approx(8)


def test_a_pause_does_not_count_but_a_machine_that_became_slow_does():
    rate = SlidingRate()
    for _ in range(10):
        rate.add(16, 1)

    rate.add(16, 7200)
    after_pause = rate.per_second
    for _ in range(5):
        rate.add(16, 64)

    assert after_pause == pytest.approx(16)
    assert rate.per_second == pytest.approx(0.25)


def test_the_rate_is_zero_before_the_first_interval():
    assert SlidingRate().per_second == 0
