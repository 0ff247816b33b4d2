"""Timelines of films: they are checked, sliced and survive storage."""

import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from colorworker.domain.timeline import (
    Restart,
    StoredPackets,
    Timeline,
    timeline_from_bytes,
    timeline_to_bytes,
)
from colorworker.errors import SourceDamaged


def timeline(pts, keyframes):
    return Timeline(
        np.array(pts, np.int64),
        np.ones(len(pts), np.int64),
        np.array(keyframes, np.int64),
        Fraction(1, 90000),
    )


def test_a_timeline_survives_storage():
    one = timeline([-3, 0, 7], [-3, 7])

    other = timeline_from_bytes(timeline_to_bytes(one))

    np.testing.assert_array_equal(other.pts, one.pts)
    np.testing.assert_array_equal(other.keyframes, one.keyframes)
    assert (other.time_base, other.seekable) == (Fraction(1, 90000), True)


def test_packets_and_anchors_of_a_timeline_survive_storage():
    anchors = np.array([[0, 188, 700, -2], [2, 1880, 300, 4]], np.int64)
    one = replace(
        timeline([0, 3, 7], [0, 7]),
        stored=StoredPackets(np.array([0, 1, 2], np.int64), anchors),
        restarts=(Restart(90, 188), Restart(270)),
    )

    other = timeline_from_bytes(timeline_to_bytes(one))

    np.testing.assert_array_equal(other.stored.packets, [0, 1, 2])
    np.testing.assert_array_equal(other.stored.anchors, anchors)
    assert other.restarts == (Restart(90, 188), Restart(270))


def test_a_timeline_with_a_missing_anchor_is_refused():
    stored = StoredPackets(np.array([0, 1, 2], np.int64), np.zeros((1, 4), np.int64))

    with pytest.raises(SourceDamaged, match="1 anchors for 2 keyframes"):
        replace(timeline([0, 3, 7], [0, 7]), stored=stored)


def test_a_pickle_in_a_timeline_is_refused():
    buffer = io.BytesIO()
    np.savez(buffer, time_base=[1, 25], pts=np.array([{"a": 1}], object))

    with pytest.raises(ValueError, match="pickle"):
        timeline_from_bytes(buffer.getvalue())


@pytest.mark.parametrize("pts", [[], [0, 0], [3, 2]])
def test_timestamps_that_do_not_increase_are_refused(pts):
    with pytest.raises(SourceDamaged, match="strictly increasing"):
        timeline(pts, [0])


def test_between_is_half_open():
    film = timeline([0, 10, 20, 30], [0])

    assert film.between(10, 30).tolist() == [10, 20]
    assert film.between(10, None).tolist() == [10, 20, 30]
