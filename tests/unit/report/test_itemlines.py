"""The line of each item in report.jsonl, and totals."""

import json
from fractions import Fraction

import pytest

from colorworker.domain.entries import Entry
from colorworker.domain.records import FilmInfo, Record, ScanInfo, StillInfo, UnitResult
from colorworker.domain.streamfate import StreamFate
from colorworker.domain.videoinfo import VideoInfo
from colorworker.report.itemlines import (
    ItemLine,
    Totals,
    line_from_json,
    line_of_entry,
    line_of_film,
    line_of_still,
    line_to_json,
    totals_of,
)

ENTRY = Entry("file:///archive", "reels/one.mp4", 100, "etag", "film", "reels/one.mp4")


def record(unit_id, kind, **values):
    return Record(unit_id, kind, "succeeded", ENTRY.key, ENTRY.etag, **values)


def done(unit_id, kind, *, resumed=False, attempt=1, **values):
    made = record(unit_id, kind, attempt=attempt, **values)
    return UnitResult(unit_id, "succeeded", made, resumed, attempt=attempt, worker=made.worker)


def test_a_line_survives_a_json_round_trip():
    line = ItemLine(
        "file:///a", "k\ud83d\n\udcff.jpg", "still", "succeeded", seconds={"read": 0.5},
        frames=1, warnings=("no sound",), resumed=True, own_options={"profile": "archive"},
    )  # fmt: skip

    data = line_to_json(line)

    assert data.count(b"\n") == 1
    assert data.endswith(b"\n")
    assert data.isascii()
    assert line_from_json(data) == line


def test_a_line_has_the_documented_fields():
    fields = json.loads(line_to_json(ItemLine("file:///a", "k", "", "skipped")))

    assert fields.keys() >= {
        "key", "outcome", "error_code", "error", "output_key", "source_sha256", "output_sha256",
        "width", "height", "frames", "seconds", "attempts", "worker",
    }  # fmt: skip


def test_unknown_fields_are_ignored():
    data = b'{"root": "r", "key": "k", "kind": "", "outcome": "skipped", "mood": 1}'

    assert line_from_json(data) == ItemLine("r", "k", "", "skipped")


@pytest.mark.parametrize("data", [b"[]", b'{"key": "k"}', b"{"])
def test_other_json_is_refused(data):
    with pytest.raises(ValueError, match=r"not a line of a report|Expecting"):
        line_from_json(data)


def test_a_source_skipped_while_listing_keeps_its_reason():
    entry = Entry("r", "a.txt", 1, "e", None, "", "skipped", "not_media", "a.txt: no picture.")

    line = line_of_entry(entry)

    assert (line.outcome, line.error_code, line.error) == ("skipped", "not_media", entry.error)
    assert line.attempts == 0
    assert not line.resumed


def test_the_line_of_a_still_comes_from_its_record():
    info = StillInfo(640, 480, "aa")
    result = done(
        "s", "still", attempt=2, output_key="o.jpg", sha256="bb", thumbnail_key="t.jpg",
        worker="w:1", seconds={"read": 0.1, "predict": 0.2}, info=info,
    )  # fmt: skip

    line = line_of_still(ENTRY, result)

    assert (line.output_key, line.source_sha256, line.output_sha256) == ("o.jpg", "aa", "bb")
    assert (line.width, line.height, line.frames) == (640, 480, 1)
    assert line.seconds == {"read": 0.1, "predict": 0.2}
    assert (line.attempts, line.worker, line.thumbnail_keys) == (2, "w:1", ("t.jpg",))
    assert not line.resumed


def test_the_line_of_a_failed_still_has_an_error_and_no_output():
    result = UnitResult("s", "failed", None, False, "source_damaged", "x: torn.", worker="w:1")

    line = line_of_still(ENTRY, result)

    assert (line.outcome, line.error_code, line.error) == ("failed", "source_damaged", "x: torn.")
    assert (line.output_key, line.output_sha256, line.worker) == ("", "", "w:1")


FATE = StreamFate(0, "video", "h264", "colored", "becomes ffv1")
VIDEO = VideoInfo("avi", "h264", 720, 576, "gray", Fraction(25), None, 1, 1, 1, 1)
SCANNED = ScanInfo("aa", VIDEO, False, 0, Fraction(1, 25), 50, 2.0, ())


def film_results():
    scanned = done(
        "scan", "scan", worker="a", seconds={"read": 1.0},
        info=SCANNED,
    )  # fmt: skip
    parts = [
        done("p0", "segment", resumed=True, worker="b", seconds={"encode": 2.0}, thumbnail_key="t"),
        done("p1", "segment", attempt=3, worker="a", seconds={"encode": 4.0}),
    ]
    joined = done(
        "join", "assembly", worker="c", output_key="o.mp4", sha256="bb",
        seconds={"read": 1.0, "encode": 6.0, "write": 1.0},
        info=FilmInfo(
            "aa", 720, 576, 50, 2.0, ("t",), streams=(FATE,), warnings=("no chapters",)
        ),
    )  # fmt: skip
    return scanned, parts, joined


def test_the_line_of_a_film_comes_from_its_assembly():
    scanned, parts, joined = film_results()

    line = line_of_film(ENTRY, joined, scanned.record, [scanned, *parts, joined])

    assert line.seconds == {"read": 1.0, "encode": 6.0, "write": 1.0}
    assert (line.width, line.height, line.frames) == (720, 576, 50)
    assert (line.attempts, line.worker, line.thumbnail_keys) == (3, "a, b, c", ("t",))
    assert (line.output_key, line.source_sha256, line.warnings) == ("o.mp4", "aa", ("no chapters",))
    assert line.streams == (FATE,)
    assert line_from_json(line_to_json(line)) == line
    assert not line.resumed


def test_a_film_done_by_an_earlier_run_is_resumed():
    joined = done(
        "join", "assembly", resumed=True, output_key="o.mp4", info=FilmInfo("", 720, 576, 50, 2.0)
    )

    line = line_of_film(ENTRY, joined, None, [joined])

    assert line.resumed
    assert (line.width, line.frames) == (720, 50)


def test_a_film_whose_segment_failed_has_no_output():
    scanned, parts, _ = film_results()
    bad = UnitResult("p1", "failed", None, False, "source_damaged", "x: torn.", attempt=1)

    line = line_of_film(ENTRY, bad, scanned.record, [scanned, parts[0], bad])

    assert (line.outcome, line.error_code, line.output_key) == ("failed", "source_damaged", "")
    assert line.frames == 50


def test_totals_count_items_by_outcome_and_frames_of_colored_films():
    lines = [
        ItemLine("r", "a", "film", "succeeded", frames=50, seconds={"read": 1.0}, resumed=True),
        ItemLine("r", "b", "still", "succeeded", frames=1, seconds={"read": 0.5, "write": 0.1}),
        ItemLine("r", "c", "film", "failed", frames=70),
        ItemLine("r", "d", "", "skipped"),
    ]

    totals = totals_of(iter(lines))

    assert totals == Totals(4, 2, 1, 1, 1, 1, 1, 50, {"read": 1.5, "write": 0.1})
