"""Names of references, and the segments that each reference belongs to."""

from dataclasses import replace

import pytest

from colorworker.domain import units
from colorworker.domain.hints import InputFile
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Asset, Options, non_default
from colorworker.domain.references import (
    ReferenceFrame,
    ShotBoundary,
    ShotLook,
    ShotsFound,
    assign_references,
    reference_name,
    reference_number,
    references_of_stretch,
    shot_starts,
)

FILM = Asset("file:///archive", "reel.mkv", "film", 100, "etag-1")
MODEL = ModelRef("lite", "0" * 64)
CUTS = [units.Cut(0, 100, 100), units.Cut(100, 200, 100), units.Cut(200, None, 50)]


def stretches(*shots):
    """Return three stretches of 100, 100 and 50 frames, and shots that begin at these frames."""
    found = []
    for first, frames in ((0, 100), (100, 100), (200, 50)):
        inside = [each for each in shots if first < each <= first + frames]
        boundaries = tuple(ShotBoundary(each, each) for each in inside)
        found.append(ShotsFound(first, frames, boundaries))
    return found


def reference(frame, etag="e"):
    return ReferenceFrame(frame, f"reel.mkv/{reference_name(frame)}", etag)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ref_000040.png", 40),
        ("ref_000000.jpg", 0),
        ("REF_12.JPEG", 12),
        ("ref_1234567.png", 1_234_567),
        ("ref_.png", None),
        ("ref_000040.tif", None),
        ("frame_40.png", None),
        ("ref_-1.png", None),
    ],
)
def test_a_reference_is_known_by_its_name(name, number):
    assert reference_number(name) == number


def test_a_name_gives_its_number_back():
    assert reference_number(reference_name(123_456_789)) == 123_456_789


def test_shots_at_borders_count_once_and_dissolves_across_them_too():
    found = [
        ShotsFound(0, 100, (ShotBoundary(30, 30), ShotBoundary(95, 110))),
        ShotsFound(100, 100, (ShotBoundary(101, 110), ShotBoundary(200, 200))),
        ShotsFound(200, 50, (ShotBoundary(250, 250),)),
    ]

    assert shot_starts(found) == [0, 30, 95, 200]


def test_every_segment_of_a_shot_gets_its_reference_and_no_other_segment():
    found = stretches(30, 220)

    assert (
        of_stretches([reference(150)], found) == [(reference(150)._replace(first=30, end=220),)] * 3
    )
    assert of_stretches([reference(10)], found) == [
        (reference(10)._replace(first=0, end=30),),
        (),
        (),
    ]


def test_a_frame_behind_the_end_belongs_to_the_last_segment_and_colors_nothing():
    got = of_stretches([reference(250)], stretches(30))

    assert got == [(), (), (reference(250)._replace(first=250, end=250),)]
    assert not any(got[2][0].colors(frame) for frame in range(260))


def test_a_reference_before_an_excerpt_is_left_out():
    excerpt = [ShotsFound(100, 100, (ShotBoundary(150, 150),))]

    assert of_stretches([reference(20)], excerpt) == [()]


def test_a_shot_without_a_reference_takes_that_of_the_shot_most_like_it_if_asked_to():
    bright, dark, inverse = "10ff2080", "0880103f", "ef00df7f"
    found = [
        ShotsFound(
            0,
            100,
            (ShotBoundary(30, 30), ShotBoundary(60, 60), ShotBoundary(80, 80)),
            (
                ShotLook(0, bright),
                ShotLook(30, inverse),
                ShotLook(60, dark),
                ShotLook(80, inverse),
            ),
        )
    ]
    given = [reference(10), reference(40)]

    assigned = assign_references(given, found, "film")

    assert {(each.frame, each.first, each.end) for each in assigned} == {
        (10, 0, 30),
        (40, 30, 60),
        (10, 60, 80),
        (40, 80, None),
    }
    assert len(assign_references(given, found)) == 2
    assert len(assign_references([reference(10)], found, "film")) == 2


def of_stretches(references, found):
    """Return the references of every stretch."""
    assigned = assign_references(references, found)
    return [references_of_stretch(assigned, found, index) for index in range(len(found))]


def identities(options, found):
    made = units.segments(
        FILM,
        CUTS,
        "scan",
        options,
        MODEL,
        references_of=of_stretches(options.reference_frames, found).__getitem__,
    )
    return [segment.unit_id for segment in made]


def test_a_changed_reference_changes_only_the_identities_of_its_shots_segments():
    found = stretches(100, 200)
    options = Options(reference_frames=(reference(50), reference(150)))
    changed = replace(options, reference_frames=(reference(50), reference(150, "other")))
    fewer = replace(options, reference_frames=(reference(50),))

    before, after, without = (identities(each, found) for each in (options, changed, fewer))
    automatic = identities(Options(), found)

    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert without == [before[0], automatic[1], automatic[2]]


def test_a_changed_hint_changes_only_the_identities_of_its_shots_segments():
    found = stretches(100, 200)

    def ids(*etags):
        files = [
            InputFile("file:///hints", f"reel.hints/{frame:06d}.json", etag, 9, frame)
            for frame, etag in zip((50, 150), etags, strict=False)
        ]
        assigned = assign_references(files, found)
        made = units.segments(
            FILM,
            CUTS,
            "scan",
            Options(hint_files=tuple(files)),
            MODEL,
            hints_of=lambda index: references_of_stretch(assigned, found, index),
        )
        return [segment.unit_id for segment in made]

    before, changed, fewer, automatic = ids("one", "two"), ids("one", "other"), ids("one"), ids()

    assert [one == other for one, other in zip(before, changed, strict=True)] == [True, False, True]
    assert fewer == [before[0], automatic[1], automatic[2]]
    assert before[0] != automatic[0]


def test_the_place_of_references_changes_no_identity():
    assert non_default(Options(references="s3://refs", references_reach="film")) == {}
    frames = (reference(1),)
    assert non_default(Options(references="a", reference_frames=frames)) == non_default(
        Options(references="b", reference_frames=frames)
    )
    assert non_default(Options(references_reach="film", reference_frames=frames)) != non_default(
        Options(reference_frames=frames)
    )


def test_references_come_back_from_json_as_they_were():
    frames = (reference(1), reference(2)._replace(first=1, end=9))

    assert Options(reference_frames=[list(each) for each in frames]).reference_frames == frames


def test_the_store_of_a_reference_changes_no_identity():
    inside = ReferenceFrame(3, "a.png", "etag", 0, 9)
    moved = inside._replace(root="s3://elsewhere")

    found = [non_default(Options(reference_frames=(each,))) for each in (inside, moved)]

    assert found[0] == found[1] == {"reference_frames": ((3, "a.png", "etag", 0, 9),)}
