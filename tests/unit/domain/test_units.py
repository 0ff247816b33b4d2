"""Segments of films and identities of units, tested on many random films."""

import random
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from colorworker.domain import units
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options
from colorworker.domain.timeline import Timeline

ASSET = Asset("file:///archive", "reel.mkv", "film", 100, "etag-1")
MODEL = ModelRef("lite", "0" * 64)


def random_timeline(seed, seekable=True):
    chance = random.Random(seed)
    pts = np.cumsum([chance.randint(1, 5) for _ in range(chance.randint(1, 300))])
    keys = [pts[0], *(p for p in pts[1:] if chance.random() < 0.1)]
    return Timeline(
        pts.astype(np.int64),
        np.ones(len(pts), np.int64),
        np.array(keys, np.int64),
        Fraction(1, 1000),
        seekable,
    )


@pytest.mark.parametrize("seed", range(40))
def test_cuts_cover_every_frame_once(seed):
    timeline = random_timeline(seed)

    cuts = units.cut_timeline(timeline, 24)

    assert sum(cut.frame_count for cut in cuts) == len(timeline.pts)
    assert [cut.end_pts for cut in cuts[:-1]] == [cut.start_pts for cut in cuts[1:]]
    assert cuts[-1].end_pts is None
    for cut in cuts:
        assert cut.start_pts in timeline.keyframes
        assert len(timeline.between(cut.start_pts, cut.end_pts)) == cut.frame_count


@pytest.mark.parametrize("seed", range(10))
def test_only_the_last_segment_can_be_shorter_than_the_target(seed):
    cuts = units.cut_timeline(random_timeline(seed), 24)

    assert all(cut.frame_count >= 24 for cut in cuts[:-1])


def test_a_film_that_is_not_seekable_is_one_segment():
    assert len(units.cut_timeline(random_timeline(3, seekable=False), 1)) == 1


def test_a_target_of_zero_frames_is_refused():
    with pytest.raises(ValueError, match="positive"):
        units.cut_timeline(random_timeline(1), 0)


def test_the_identity_of_a_still_depends_on_content_key_output_options_and_weights():
    unit = units.still(ASSET, "reel.tif", Options(), MODEL)

    others = [
        units.still(replace(ASSET, etag="etag-2"), "reel.tif", Options(), MODEL),
        units.still(replace(ASSET, key="other.png"), "reel.tif", Options(), MODEL),
        units.still(ASSET, "reel.png.tif", Options(), MODEL),
        units.still(ASSET, "reel.tif", Options(vividness=1.0), MODEL),
        units.still(ASSET, "reel.tif", Options(precision="float16"), MODEL),
        units.still(ASSET, "reel.tif", Options(), replace(MODEL, sha256="1" * 64)),
    ]

    assert len({unit.unit_id, *(other.unit_id for other in others)}) == 7


def test_the_location_of_the_weights_does_not_change_an_identity():
    one = units.still(ASSET, "a.tif", Options(), MODEL)
    other = units.still(ASSET, "a.tif", Options(), replace(MODEL, uri="file:///copy.npz"))

    assert one.unit_id == other.unit_id


def test_a_scan_is_shared_by_jobs_with_other_colors():
    one = units.scan(ASSET, "reel.mkv", Options(vividness=0.2), MODEL)
    other = units.scan(ASSET, "reel.mkv", Options(vividness=0.9), MODEL)

    assert one.unit_id == other.unit_id
    assert one.assembly_id != other.assembly_id


def test_the_identity_of_a_segment_depends_on_its_range_and_not_on_its_index():
    cuts = [units.Cut(0, 100, 10), units.Cut(100, None, 5)]

    both = units.segments(ASSET, cuts, "scan", Options(), MODEL)
    last = units.segments(ASSET, cuts[1:], "scan", Options(), MODEL)

    assert both[1].unit_id == last[0].unit_id
    assert both[0].unit_id != both[1].unit_id


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 12, 13, 285])
def test_the_report_shows_up_to_six_segments_from_all_over_the_film(count):
    cuts = [units.Cut(number, number + 1, 1) for number in range(count)]

    made = units.segments(ASSET, cuts, "scan", Options(), MODEL)
    shown = [each.index for each in made if each.is_shown]

    assert min(count, 4) <= len(shown) <= 6
    assert shown[:1] == [0][:count]
    gaps = [after - before for before, after in pairwise([*shown, count])]
    assert len(set(gaps[:-1])) <= 1
    assert not gaps or gaps[-1] <= gaps[0]
