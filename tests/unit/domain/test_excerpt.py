"""Excerpts of films: times, timelines, segments and names of outputs."""

from fractions import Fraction

import numpy as np
import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.excerpt import (
    Excerpt,
    clip_cuts,
    clip_timeline,
    excerpt_entries,
    parse_excerpt,
)
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import cut_timeline
from colorworker.errors import SourceUnsupported, UsageError


def film(frames=100, rate=24, first=7, gop=10):
    pts = np.arange(first, first + frames)
    return Timeline(pts, np.ones(frames, np.int64), pts[::gop], Fraction(1, rate))


def entry(key="reel.mkv", kind="film"):
    return Entry("file:///a", key, 1, "e", kind, key)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("62.5", 62500), ("1:02.5", 62500), ("00:01:02.500", 62500), ("0", 0), ("1:00:00", 3600000)],
)
def test_every_notation_of_times_is_accepted(text, milliseconds):
    assert parse_excerpt(text, None) == Excerpt(milliseconds, None)


@pytest.mark.parametrize("pair", [("1:2:3:4", None), ("-1", None), ("2", "2"), ("x", "3")])
def test_invalid_times_are_refused(pair):
    with pytest.raises(UsageError):
        parse_excerpt(*pair)


def test_times_from_a_shot_list_select_its_frames_at_any_frame_rate():
    timeline = film()
    for frame in range(1, 99):
        start_ms = round(1000 * Fraction(frame, 24))

        part = clip_timeline(timeline, Excerpt(start_ms, start_ms + 1), "reel")

        assert part.pts.tolist() == [7 + frame]


def test_the_end_is_exclusive_and_none_is_the_end_of_the_film():
    timeline = film(rate=25)

    assert clip_timeline(timeline, Excerpt(40, 120), "reel").pts.tolist() == [8, 9]
    assert clip_timeline(timeline, Excerpt(3960, None), "reel").pts.tolist() == [106]
    assert clip_timeline(timeline, None, "reel") is timeline


@pytest.mark.parametrize("excerpt", [Excerpt(4000, None), Excerpt(0, 5000), Excerpt(10, 30)])
def test_times_outside_of_the_film_are_refused_with_its_length(excerpt):
    with pytest.raises(SourceUnsupported, match=r"00:00:04\.000"):
        clip_timeline(film(rate=25), excerpt, "reel")


def test_an_excerpt_keeps_the_films_cuts_inside_it_and_covers_every_frame():
    timeline = film(rate=25)
    cuts = cut_timeline(timeline, 20)

    part = clip_timeline(timeline, Excerpt(1000, 3000), "reel")
    found = clip_cuts(cuts, part, timeline)

    assert sum(item.frame_count for item in found) == len(part.pts) == 50
    assert found[1:-1] == cuts[2:3]
    assert (found[0].start_pts, found[-1].end_pts) == (7 + 25, 7 + 75)


def test_an_excerpt_to_the_end_keeps_the_films_last_cut():
    timeline = film(rate=25)
    part = clip_timeline(timeline, Excerpt(1000, None), "reel")

    assert (
        clip_cuts(cut_timeline(timeline, 20), part, timeline)[-1] == cut_timeline(timeline, 20)[-1]
    )


def test_the_output_key_of_an_excerpt_contains_its_times():
    (named,) = excerpt_entries([entry()], Excerpt(62500, 70000))

    assert named.output_key == "reel.00_01_02.500-00_01_10.000.mkv"


def test_an_excerpt_of_several_sources_or_of_a_picture_is_refused():
    with pytest.raises(UsageError, match="several sources"):
        list(excerpt_entries([entry(), entry("b.mkv")], Excerpt(0, None)))
    with pytest.raises(UsageError, match="is a picture"):
        list(excerpt_entries([entry("a.png", "still")], Excerpt(0, None)))
