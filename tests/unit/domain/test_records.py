"""Done-records survive JSON with all their types; damaged ones are refused."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest

from colorworker.domain.records import (
    FilmInfo,
    PartFacts,
    Record,
    ScanInfo,
    SegmentInfo,
    StillInfo,
    info_of,
    record_from_json,
    record_to_json,
)
from colorworker.domain.shots import RecordedStart, Shot, ShotSheet
from colorworker.domain.streamfate import StreamFate
from colorworker.domain.units import Cut
from colorworker.domain.videoinfo import VideoInfo

VIDEO = VideoInfo(
    "avi", "ffv1", 720, 576, "yuv422p", Fraction(30000, 1001), Fraction(16, 11), 1, 6, 5, 2
)
SCAN = ScanInfo(
    "aa",
    VIDEO,
    in_color=False,
    origin_pts=-3,
    time_base=Fraction(1, 90000),
    frames=25,
    film_seconds=1.0,
    cuts=(Cut(-3, 12, 10), Cut(12, None, 15)),
    warnings=("no end",),
)
SEGMENT = SegmentInfo(
    -3,
    PartFacts(10, 2, "bb", {"closed captions": 10}, "packed"),
    shot_starts=(RecordedStart(-3, 0, "dissolve"),),
    shot_pictures=(-3,),
    pixels=100,
    pixels_beyond_gamut=1,
    nvdec_frames=3,
    warnings=("repeated",),
)
FILM = FilmInfo(
    "aa",
    720,
    576,
    25,
    1.0,
    thumbnail_keys=("t.jpg",),
    joined=("s1", "s2"),
    shots=(Shot(1, -3, 0.0, 25, "start"),),
    shot_sheet=ShotSheet("c.jpg", 90, 120),
    streams=(StreamFate(0, "video", "h264", "colored", "becomes ffv1"),),
    warnings=("no chapters",),
)
INFOS = {
    "scan": SCAN,
    "segment": SEGMENT,
    "assembly": FILM,
    "still": StillInfo(640, 480, "aa", "already_color", "a.png: in color already."),
}


def record_of(kind, info):
    return Record("id", kind, "succeeded", "a.png", "e", seconds={"read": 0.1}, info=info)


@pytest.mark.parametrize("kind", INFOS)
def test_a_record_of_each_kind_survives_json(kind):
    record = record_of(kind, INFOS[kind])

    assert record_from_json(record_to_json(record)) == record


def test_a_film_without_an_aspect_ratio_survives_json():
    record = record_of("scan", replace(SCAN, video=replace(VIDEO, sample_aspect_ratio=None)))

    assert record_from_json(record_to_json(record)) == record


def test_a_preview_and_a_record_without_info_survive_json():
    for record in (
        record_of("segment", SegmentInfo(0, thumbnail_keys=("a.jpg",))),
        record_of("still", None),
    ):
        assert record_from_json(record_to_json(record)) == record


def test_fields_that_a_newer_version_added_are_ignored():
    values = json.loads(record_to_json(record_of("scan", SCAN)))
    for part in (values, values["info"], values["info"]["video"], values["info"]["cuts"][0]):
        part["from_the_future"] = {"a": 1}

    assert record_from_json(json.dumps(values).encode()) == record_of("scan", SCAN)


def test_a_word_that_a_newer_version_added_is_kept():
    values = json.loads(record_to_json(record_of("assembly", FILM)))
    values["info"]["streams"][0]["fate"] = "translated"

    info = record_from_json(json.dumps(values).encode()).info

    assert info.streams[0].fate == "translated"


def test_the_info_of_an_unknown_kind_is_ignored():
    values = json.loads(record_to_json(record_of("still", None)))
    values |= {"kind": "from the future", "info": {"a": 1}}

    assert record_from_json(json.dumps(values).encode()).info is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b'{"unit_id": "id"}'])
def test_bytes_that_are_no_record_are_refused(data):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is json's own
        record_from_json(data)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cuts", None),
        ("cuts", [{"start_pts": 1}]),
        ("cuts", {}),
        ("video", []),
        ("time_base", "1/0"),
        ("time_base", "soon"),
        ("time_base", None),
        ("frames", "25"),
        ("frames", 2.5),
        ("in_color", 1),
        ("warnings", "none"),
        ("film_seconds", True),
    ],
)
def test_a_record_with_a_damaged_value_is_refused(name, value):
    values = json.loads(record_to_json(record_of("scan", SCAN)))
    values["info"][name] = value

    with pytest.raises(ValueError, match=r"is not|not a"):
        record_from_json(json.dumps(values).encode())


def test_a_record_with_a_missing_value_is_refused():
    values = json.loads(record_to_json(record_of("scan", SCAN)))
    del values["info"]["cuts"]

    with pytest.raises(ValueError, match=r"not a ScanInfo.*cuts"):
        record_from_json(json.dumps(values).encode())


def test_the_info_of_another_kind_is_refused():
    assert info_of(record_of("scan", SCAN), ScanInfo) is SCAN
    with pytest.raises(ValueError, match="unit id has no FilmInfo"):
        info_of(record_of("scan", SCAN), FilmInfo)


def test_pictures_are_those_of_the_info_or_else_the_records_own():
    own = replace(record_of("segment", SEGMENT), thumbnail_key="own.jpg")
    film = replace(record_of("assembly", FILM), thumbnail_key="own.jpg")

    assert own.all_thumbnail_keys == ("own.jpg",)
    assert film.all_thumbnail_keys == ("t.jpg",)
    assert record_of("still", None).all_thumbnail_keys == ()
