"""Shots of a film, merged from its segments."""

from fractions import Fraction

import numpy as np

from colorworker.domain.shots import RecordedStart, Shot, merge_shots, timecode
from colorworker.domain.timeline import Timeline


def timeline(frames=100, step=40, first=80):
    pts = np.arange(first, first + frames * step, step)
    return Timeline(pts, np.full(frames, step), pts[:1], Fraction(1, 1000))


def at(frame, frames=0, transition="cut"):
    return RecordedStart(80 + 40 * frame, 80 + 40 * (frame + frames), transition)


def test_shots_cover_every_frame_once_and_are_numbered_in_order():
    shots = merge_shots([at(60), at(25, transition="fade")], timeline())

    assert shots == [
        Shot(1, 80, 0.0, 25, "start"),
        Shot(2, 1080, 1.0, 35, "fade"),
        Shot(3, 2480, 2.4, 40, "cut"),
    ]


def test_a_film_without_cuts_is_one_shot():
    assert merge_shots([], timeline()) == [Shot(1, 80, 0.0, 100, "start")]


def test_a_dissolve_that_two_segments_recorded_counts_once():
    whole, rest = at(40, 20, "dissolve"), at(51, 9, "dissolve")

    shots = merge_shots([rest, whole], timeline())

    assert [(shot.frames, shot.transition) for shot in shots] == [(40, "start"), (60, "dissolve")]


def test_timecodes_have_hours_and_milliseconds():
    assert timecode(0) == "00:00:00.000"
    assert timecode(3725.0425) == "01:02:05.042"
    assert timecode(59.9996) == "00:01:00.000"
