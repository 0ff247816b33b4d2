"""The list of a film's segments in a dry run."""

from fractions import Fraction

from colorworker.domain.segmentlist import SegmentRun, frame_range, group_cuts
from colorworker.domain.units import Cut


def test_consecutive_segments_of_equal_length_are_grouped():
    cuts = [Cut(100, 148, 48), Cut(148, 196, 48), Cut(196, 256, 60), Cut(256, None, 48)]

    found = group_cuts(cuts, origin_pts=100, time_base=Fraction(1, 24))

    assert found == (
        SegmentRun(1, 2, 0.0, 48),
        SegmentRun(3, 3, 4.0, 60),
        SegmentRun(4, 4, 6.5, 48),
    )
    assert frame_range(found) == (48, 60)


def test_times_count_from_the_films_first_frame_even_in_an_excerpt():
    assert group_cuts([Cut(90_000, None, 7)], -3600, Fraction(1, 90_000))[0].start_seconds == 1.04
