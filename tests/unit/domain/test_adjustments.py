"""Shots of a film with their own colors."""

from fractions import Fraction

import pytest

from colorworker.domain.adjustments import (
    FilmTimes,
    adjustments_of_cut,
    apply_adjustments,
    clip_adjustments,
    parse_shot_adjustments,
    prediction_settings_at,
)
from colorworker.domain.entries import Entry, entry_from_json, entry_to_json
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Adjustment, Options
from colorworker.domain.records import ScanInfo
from colorworker.domain.shots import Shot
from colorworker.domain.units import Cut, segments
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import UsageError

SHOTS = [Shot(1, 0, 0.0, 25, "start"), Shot(2, 25, 1.0, 50, "cut"), Shot(3, 75, 3.0, 25, "cut")]
SCANNED = ScanInfo(
    "0" * 64,
    VideoInfo("matroska", "ffv1", 64, 48, "gray", Fraction(25), None, 1, 1, 1, 1),
    in_color=False,
    origin_pts=0,
    time_base=Fraction(1, 25),
    frames=100,
    film_seconds=4.0,
    cuts=(),
)


def film(key="reels/a.mkv"):
    return Entry("file:///a", key, 1, "e", "film", key)


def adjusted(toml, entries=None):
    shot_adjustments = parse_shot_adjustments(toml, "shots.toml")
    return list(apply_adjustments(entries or [film()], shot_adjustments, lambda _: SHOTS))


def test_shot_numbers_become_times_from_the_shot_list():
    (entry,) = adjusted(
        '[[shot]]\nfilm = "reels/a.mkv"\nshots = 2\nvividness = 0.5\n'
        '[[shot]]\nfilm = "reels/*"\nshots = "2-3"\ntemperature = 0.3\n'
        '[[shot]]\nfilm = "reels/*"\nfrom = "0:00.5"\nto = 1\nvividness = 1\n'
    )

    assert entry.options(Options()).adjustments == (
        Adjustment(1000, 3000, 0.5, None),
        Adjustment(1000, None, None, 0.3),
        Adjustment(500, 1000, 1.0, None),
    )


def test_adjustments_survive_the_job_plan():
    (entry,) = adjusted('[[shot]]\nfilm = "reels/a.mkv"\nshots = 2\nvividness = 0.5')

    assert entry_from_json(entry_to_json(entry)) == entry
    assert entry_from_json(entry_to_json(entry)).options(Options()) == entry.options(Options())


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("", r"it has no \[\[shot\]\]"),
        ("[[shot]", "cannot be used"),
        ("[[shot]]\nshots = 1\nvividness = 1", "has no film"),
        ('[[shot]]\nfilm = "a"\nvividness = 1', "either shots, or from and to"),
        ('[[shot]]\nfilm = "a"\nshots = 1', "neither variant nor vividness nor temperature"),
        ('[[shot]]\nfilm = "a"\nshots = "5-2"\nvividness = 1', "not a number or a range"),
        ('[[shot]]\nfilm = "a"\nshots = 1\nvividness = 9', r"vividness 9\.0 is out of range"),
        ('[[shot]]\nfilm = "a"\nshots = 1\nhue = 9', "has no key hue"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(toml, said):
    with pytest.raises(UsageError, match=said):
        parse_shot_adjustments(toml, "shots.toml")


def test_a_shot_that_the_film_does_not_have_is_refused():
    with pytest.raises(UsageError, match="has 3 shots, no shot 4"):
        adjusted('[[shot]]\nfilm = "reels/a.mkv"\nshots = "3-4"\nvividness = 1')


def test_an_adjustment_of_a_missing_film_is_refused():
    with pytest.raises(UsageError, match=r"reels/b\.mkv: no source has this key"):
        adjusted('[[shot]]\nfilm = "reels/b.mkv"\nshots = 1\nvividness = 1')


def test_shot_numbers_need_a_film_that_was_colored_before():
    shot_adjustments = parse_shot_adjustments(
        '[[shot]]\nfilm = "reels/a.mkv"\nshots = 1\nvividness = 1', "s.toml"
    )

    with pytest.raises(UsageError, match="has no list of shots yet"):
        list(apply_adjustments([film()], shot_adjustments, lambda _: None))


def test_the_later_of_two_adjustments_applies_and_its_end_is_exclusive():
    options = Options(
        vividness=0.8,
        adjustments=(Adjustment(0, 2000, 0.1, 0.5), Adjustment(1000, 1500, 0.9, None)),
    )

    looks = [prediction_settings_at(options, time) for time in (999, 1000, 1499, 1500, 2000)]

    assert [look.vividness for look in looks] == [0.1, 0.9, 0.9, 0.1, 0.8]
    assert [look.temperature for look in looks] == [0.5, 0.5, 0.5, 0.5, 0.38]


def test_only_segments_within_an_adjustment_get_another_identity():
    cuts = [Cut(0, 25, 25), Cut(25, 50, 25), Cut(50, 75, 25), Cut(75, None, 25)]
    asset, model = film().asset(), ModelRef("m", "0" * 64)
    options = Options(adjustments=(Adjustment(1200, 2400, 0.5),))

    plain = segments(asset, cuts, "scan", Options(), model)
    changed = segments(
        asset, cuts, "scan", options, model, lambda cut: adjustments_of_cut(options, SCANNED, cut)
    )

    same = [one.unit_id == other.unit_id for one, other in zip(plain, changed, strict=True)]
    assert same == [True, False, False, True]
    assert changed[1].options.adjustments == (Adjustment(1200, 2000, 0.5),)


def test_an_adjustment_elsewhere_does_not_change_a_segments_identity():
    one = clip_adjustments([Adjustment(1000, 9000, 0.5)], 2000, 3000)
    other = clip_adjustments([Adjustment(1500, None, 0.5), Adjustment(4000, None, 0.1)], 2000, 3000)

    assert one == other


def test_times_are_rounded_as_in_the_shot_list():
    assert FilmTimes(10, Fraction(1, 24)).milliseconds(11) == 42
