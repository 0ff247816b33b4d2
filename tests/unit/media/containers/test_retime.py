"""Times that a container gives for some frames only, or wrong, become times for all of them."""

from fractions import Fraction

import numpy as np

from colorworker.media.containers.retime import repair_pts


def evened(times, step=Fraction(10), *, guessed=False):
    known = np.array([time is not None for time in times])
    ticks = np.array([time or 0 for time in times], np.int64)
    return repair_pts(ticks, known, step, guessed=guessed).tolist()


def test_no_time_at_all_is_counted_from_nought():
    assert evened([None] * 3) == [0, 10, 20]


def test_frames_of_no_whole_number_of_ticks_do_not_drift():
    times = evened([None] * 1001, step=Fraction(30030, 1001))

    assert times[1000] == 30000


def test_one_time_places_all_others():
    assert evened([None, 110, None, None]) == [100, 110, 120, 130]


def test_a_rate_that_the_times_deny_is_not_used():
    assert evened([0, None, None, 90, None, None, 180, None]) == [0, 30, 60, 90, 120, 150, 180, 210]


def test_wrong_guesses_by_reordered_frames_do_not_move_frames():
    times = [0, 10, 20, 50, 20, 30, 60, 70]

    assert evened(times, guessed=True) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_what_is_stored_and_not_even_is_kept_and_spread_between():
    times = [0, None, 20, None, None, 90, None, None, 180, None, 200]

    assert evened(times) == [0, 10, 20, 43, 67, 90, 120, 150, 180, 190, 200]
