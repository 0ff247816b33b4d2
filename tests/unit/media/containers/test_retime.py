"""Missing and wrong pts are repaired, so that all frames have one."""

from fractions import Fraction

import numpy as np

from colorworker.media.containers.retime import repair_pts


def evened(times, step=Fraction(10), *, guessed=False):
    known = np.array([time is not None for time in times])
    ticks = np.array([time or 0 for time in times], np.int64)
    return repair_pts(ticks, known, step, guessed=guessed).tolist()


def test_without_any_pts_frames_are_counted_from_zero():
    assert evened([None] * 3) == [0, 10, 20]


def test_fractional_frame_durations_do_not_drift():
    times = evened([None] * 1001, step=Fraction(30030, 1001))

    assert times[1000] == 30000


def test_one_known_pts_places_all_frames():
    assert evened([None, 110, None, None]) == [100, 110, 120, 130]


def test_a_rate_that_contradicts_the_pts_is_ignored():
    assert evened([0, None, None, 90, None, None, 180, None]) == [0, 30, 60, 90, 120, 150, 180, 210]


def test_guesses_that_are_off_by_reordered_frames_are_ignored():
    times = [0, 10, 20, 50, 20, 30, 60, 70]

    assert evened(times, guessed=True) == [0, 10, 20, 30, 40, 50, 60, 70]


def test_uneven_stored_pts_are_kept_and_frames_between_are_spread():
    times = [0, None, 20, None, None, 90, None, None, 180, None, 200]

    assert evened(times) == [0, 10, 20, 43, 67, 90, 120, 150, 180, 190, 200]
