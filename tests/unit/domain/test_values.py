"""Values that travel: timelines, films, records and manifests come back as they were."""

import io
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from colorworker.domain.entries import (
    Entry,
    entry_from_json,
    entry_to_json,
    job_id,
    manifest_lines,
)
from colorworker.domain.options import ModelRef, Options
from colorworker.domain.schedule import output_identity
from colorworker.domain.timeline import (
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


def test_a_timeline_comes_back_from_bytes():
    one = timeline([-3, 0, 7], [-3, 7])

    other = timeline_from_bytes(timeline_to_bytes(one))

    np.testing.assert_array_equal(other.pts, one.pts)
    np.testing.assert_array_equal(other.keyframes, one.keyframes)
    assert (other.time_base, other.seekable) == (Fraction(1, 90000), True)


def test_packets_and_anchors_of_a_timeline_come_back_from_bytes():
    anchors = np.array([[0, 188, 700, -2], [2, 1880, 300, 4]], np.int64)
    one = replace(
        timeline([0, 3, 7], [0, 7]),
        stored=StoredPackets(np.array([0, 1, 2], np.int64), anchors),
        restarts=(90, 270),
    )

    other = timeline_from_bytes(timeline_to_bytes(one))

    np.testing.assert_array_equal(other.stored.packets, [0, 1, 2])
    np.testing.assert_array_equal(other.stored.anchors, anchors)
    assert other.restarts == (90, 270)


def test_a_timeline_with_an_anchor_too_few_is_refused():
    stored = StoredPackets(np.array([0, 1, 2], np.int64), np.zeros((1, 4), np.int64))

    with pytest.raises(SourceDamaged, match="1 anchors for 2 keyframes"):
        replace(timeline([0, 3, 7], [0, 7]), stored=stored)


def test_a_pickle_in_a_timelines_place_is_refused():
    buffer = io.BytesIO()
    np.savez(buffer, time_base=[1, 25], pts=np.array([{"a": 1}], object))

    with pytest.raises(ValueError, match="pickle"):
        timeline_from_bytes(buffer.getvalue())


@pytest.mark.parametrize("pts", [[], [0, 0], [3, 2]])
def test_a_timeline_that_does_not_rise_is_refused(pts):
    with pytest.raises(SourceDamaged, match="rise"):
        timeline(pts, [0])


def test_between_is_half_open():
    film = timeline([0, 10, 20, 30], [0])

    assert film.between(10, 30).tolist() == [10, 20]
    assert film.between(10, None).tolist() == [10, 20, 30]


def test_the_same_work_is_the_same_job_and_any_change_another():
    entry = Entry("file:///a", "x.png", 1, "e", "still", "x.png")
    model = ModelRef("lite", "0" * 64)

    ids = [
        job_id(list(manifest_lines(entries, options, model)))
        for entries, options in (
            ([entry], Options()),
            ([entry], Options()),
            ([entry], Options(vividness=1)),
            ([entry, entry], Options()),
        )
    ]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_entry_comes_back_from_its_line_which_names_own_options_only_where_there_are_some():
    plain = Entry("file:///a", "x.png", 1, "e", "still", "x.png")
    other = replace(plain, own_options=(("profile", "archive"), ("vividness", 0.5)))

    lines = [entry_to_json(entry) for entry in (plain, other)]

    assert [entry_from_json(line) for line in lines] == [plain, other]
    assert b"own_options" not in lines[0]
    assert json.loads(lines[1])["own_options"] == {"profile": "archive", "vividness": 0.5}


def test_own_options_change_identities_as_the_same_options_of_the_whole_job_would():
    model = ModelRef("lite", "0" * 64)
    plain = Entry("file:///a", "x.mkv", 1, "e", "film", "x.mkv")
    other = replace(plain, own_options=(("profile", "archive"),))

    assert output_identity(other, Options(), model) == output_identity(
        plain, Options(profile="archive"), model
    )
    assert output_identity(other, Options(), model) != output_identity(plain, Options(), model)
    assert other.options(Options()) is other.options(Options())
