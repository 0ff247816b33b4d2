"""Times that an output cannot hold are found before any frame is colored."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from colorworker.domain.timeline import Timeline
from colorworker.errors import SourceUnsupported
from colorworker.media.containers.capacity import check_times


def timeline(pts, time_base):
    times = np.array(pts, np.int64)
    return Timeline(times, np.zeros_like(times), times[:1], time_base)


@pytest.mark.parametrize("rate", [Fraction(1200), Fraction(2000), Fraction(60_000, 59)])
def test_matroska_cannot_hold_more_than_1000_frames_per_second(rate):
    film = timeline(range(1000), 1 / rate)

    with pytest.raises(SourceUnsupported, match=r"ms apart, and Matroska stores times in whole"):
        check_times("film.mp4", film, "matroska")
    check_times("film.mp4", film, "mp4")
    check_times("film.mp4", film, "mov")


@pytest.mark.parametrize(
    ("pts", "time_base"),
    [
        (range(1000), Fraction(1, 1000)),
        (range(1000), Fraction(1001, 1_000_000)),
        ([0, 9, 15, 30], Fraction(1, 10_000)),
        ([-15, -6, 3], Fraction(1, 10_000)),
        ([5], Fraction(1, 90_000)),
    ],
)
def test_matroska_holds_times_that_differ_when_they_are_rounded_to_milliseconds(pts, time_base):
    check_times("film.mp4", timeline(pts, time_base), "matroska")


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_mp4_cannot_show_a_frame_for_more_than_31_bits_of_ticks(container):
    film = timeline([0, 40, 40 + (1 << 31)], Fraction(1, 1000))

    with pytest.raises(
        SourceUnsupported, match=f"frame 1 is shown for 2147484 s, longer than {container}"
    ):
        check_times("film.flv", film, container)
    check_times("film.flv", film, "matroska")

    film.durations[-1] = 1 << 31
    film = replace(film, pts=film.pts[:1], durations=film.durations[-1:])
    with pytest.raises(SourceUnsupported, match="frame 0 is shown for 2147484 s"):
        check_times("film.flv", film, container)
