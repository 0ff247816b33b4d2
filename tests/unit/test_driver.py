"""The driver's loop with a scripted executor; no pixels, no stores."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from colorworker.domain.entries import Entry, EntryCounts
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.records import Record, ScanInfo, ShotsInfo, UnitResult
from colorworker.domain.references import ReferenceFrame, ShotBoundary, ShotsFound
from colorworker.domain.units import Assembly, Cut, ImageBatch, Scan, Segment, ShotSearch
from colorworker.domain.videoinfo import VideoInfo
from colorworker.driver import Job, run_job
from colorworker.errors import PlaceUnfit

VIDEO = VideoInfo("avi", "h264", 64, 48, "gray", Fraction(25), None, 1, 1, 1, 1)
MODEL = ModelRef("lite", "0" * 64)
CUTS = [Cut(0, 10, 10), Cut(10, 20, 10), Cut(20, None, 5)]


def film(key="reel.mkv"):
    return Entry("file:///a", key, 1, f"etag of {key}", "film", key)


def picture(key):
    return Entry("file:///a", key, 1, f"etag of {key}", "still", key)


class Scripted:
    """An executor on which every unit succeeds unless `fate` returns another result."""

    def __init__(self, fate=lambda *_: None, slots=2, in_color=False):
        self.fate, self.slots, self.in_color = fate, slots, in_color
        self.queue, self.seen, self.most = [], [], 0
        self.begun = 2

    def submit(self, unit, attempt):
        self.queue.append((unit, attempt))
        self.seen.append(unit)
        self.most = max(self.most, len(self.queue))

    def wait(self, timeout_seconds):
        if not self.queue:
            return []
        unit, attempt = self.queue.pop(0)
        return [self.fate(unit, attempt) or self.success(unit)]

    def success(self, unit):
        if isinstance(unit, ImageBatch):
            stills = tuple(self.success(item) for item in unit.stills)
            return UnitResult(unit.unit_id, "succeeded", stills=stills)
        kind = type(unit).__name__.lower()
        if isinstance(unit, ShotSearch):
            kind = "shots"
        output = getattr(unit, "output_key", "")
        info = None
        if isinstance(unit, Scan):
            output = ""
            info = ScanInfo(
                "0" * 64, VIDEO, self.in_color, 0, Fraction(1, 25), 25, 1.0, tuple(CUTS)
            )
        if isinstance(unit, ShotSearch):
            boundaries = (ShotBoundary(10, 10),) if unit.start_pts == 0 else ()
            info = ShotsInfo(ShotsFound(unit.start_pts, unit.frame_count, boundaries))
        record = Record(
            unit.unit_id, kind, "succeeded", unit.asset.key, "e", output_key=output, info=info
        )
        return UnitResult(unit.unit_id, "succeeded", record)

    def drain(self):
        unbegun, self.queue = self.queue[self.begun :], self.queue[: self.begun]
        return {unit.unit_id for unit, _ in unbegun}

    def close(self):
        pass


def run(entries, executor, **changes):
    lines = []
    options = changes.pop("options", Options())
    job = Job("job", entries, options, MODEL, 4, 3)
    end = run_job(job, executor, line=lines.append, **changes)
    return end, {line.key: line for line in lines}, lines


def lost(unit):
    return UnitResult(unit.unit_id, "lost", error="was killed by SIGSEGV", retryable=True)


def test_a_film_is_scanned_colored_and_joined_in_that_order():
    executor = Scripted()

    end, lines, _ = run([film()], executor)

    kinds = [type(unit).__name__ for unit in executor.seen]
    assert kinds == ["Scan", "Segment", "Segment", "Segment", "Assembly"]
    assert lines["reel.mkv"].outcome == "succeeded"
    assert (end.frames_done, end.units_done, end.units_known) == (25, 5, 5)


def test_every_item_gets_one_line_and_no_more_units_run_than_there_are_slots():
    executor = Scripted(slots=3)
    entries = [film("a.mkv"), film("b.mkv"), *(picture(f"{n}.png") for n in range(11))]

    end, _, lines = run(entries, executor)

    assert Counter(line.key for line in lines) == Counter(entry.key for entry in entries)
    assert executor.most == 3
    assert (end.items_done, end.items_failed, end.units_running) == (13, 0, 0)


def test_a_film_is_finished_before_the_next_one_is_scanned():
    executor = Scripted(slots=1)

    run([film("a.mkv"), film("b.mkv")], executor)

    keys = [unit.asset.key for unit in executor.seen]
    assert keys == ["a.mkv"] * 5 + ["b.mkv"] * 5


def test_a_batch_that_kills_its_worker_is_halved_until_the_bad_picture_is_isolated():
    def fate(unit, attempt):
        bad = isinstance(unit, ImageBatch) and any(s.asset.key == "2.png" for s in unit.stills)
        return lost(unit) if bad else None

    executor = Scripted(fate)

    end, lines, _ = run([picture(f"{n}.png") for n in range(4)], executor)

    assert end.items_failed == 1
    assert lines["2.png"].error_code == "quarantined"
    said = "2.png: its worker was killed by SIGSEGV in each of 3 attempts."
    assert lines["2.png"].error.startswith(said)
    assert lines["2.png"].attempts == 3
    assert {lines[f"{n}.png"].outcome for n in (0, 1, 3)} == {"succeeded"}


def test_a_unit_whose_worker_died_once_succeeds_at_the_second_attempt():
    executor = Scripted(
        lambda unit, attempt: lost(unit) if attempt == 1 and isinstance(unit, Segment) else None
    )

    end, lines, _ = run([film()], executor)

    assert (end.items_failed, lines["reel.mkv"].outcome) == (0, "succeeded")
    assert lines["reel.mkv"].attempts == 2


def test_a_failed_segment_fails_its_film_by_name_and_no_other_item():
    def fate(unit, attempt):
        if isinstance(unit, Segment) and unit.asset.key == "bad.mkv" and unit.index == 0:
            return UnitResult(unit.unit_id, "failed", error_code="source_damaged", error="why")
        return None

    executor = Scripted(fate, slots=1)

    end, lines, _ = run([film("bad.mkv"), film("good.mkv")], executor)

    assert (lines["bad.mkv"].error_code, lines["bad.mkv"].error) == ("source_damaged", "why")
    assert lines["good.mkv"].outcome == "succeeded"
    assert sum(unit.asset.key == "bad.mkv" for unit in executor.seen) == 2
    assert not any(isinstance(u, Assembly) and u.asset.key == "bad.mkv" for u in executor.seen)
    assert end.units_done == end.units_known


def test_a_batch_that_met_a_bug_is_split_up():
    def fate(unit, attempt):
        if isinstance(unit, ImageBatch) and any(s.asset.key == "1.png" for s in unit.stills):
            return UnitResult(unit.unit_id, "failed", error_code="internal_error", error="bug")
        return None

    _, lines, _ = run([picture(f"{n}.png") for n in range(4)], Scripted(fate))

    assert lines["1.png"].error_code == "internal_error"
    assert {lines[f"{n}.png"].outcome for n in (0, 2, 3)} == {"succeeded"}


@pytest.mark.parametrize(("sources", "outcome"), [("skip", "skipped"), ("recolor", "succeeded")])
def test_a_film_in_color_is_skipped_unless_it_is_to_be_recolored(sources, outcome):
    executor = Scripted(in_color=True)

    _, lines, _ = run([film()], executor, options=Options(color_sources=sources))

    assert lines["reel.mkv"].outcome == outcome
    assert (len(executor.seen) == 1) == (outcome == "skipped")


def test_a_preview_runs_no_assembly():
    executor = Scripted()

    _, lines, _ = run([film()], executor, options=Options(preview=True))

    assert not any(isinstance(unit, Assembly) for unit in executor.seen)
    assert lines["reel.mkv"].outcome == "succeeded"


def test_a_film_that_its_scan_finds_done_needs_no_more_units():
    def fate(unit, attempt):
        record = Record(unit.assembly_id, "assembly", "succeeded", "reel.mkv", "e")
        return UnitResult(unit.unit_id, "succeeded", record, resumed=True)

    executor = Scripted(fate)

    _, lines, _ = run([film()], executor)

    assert lines["reel.mkv"].resumed
    assert len(executor.seen) == 1


def test_entries_settled_by_the_listing_are_reported_and_not_run():
    entry = replace(picture("a.txt"), kind=None, outcome="skipped", error_code="not_media")
    executor = Scripted()

    end, lines, _ = run([entry], executor)

    assert lines["a.txt"].outcome == "skipped"
    assert not executor.seen
    assert end.items_done == 1


def test_a_stop_begins_no_units_and_finishes_running_ones():
    executor = Scripted(slots=2)

    end, _, lines = run(
        [picture(f"{n}.png") for n in range(20)],
        executor,
        stopping=lambda: len(executor.seen) >= 2,
    )

    assert len(executor.seen) == 2
    assert len(lines) == 8
    assert end.units_running == 0


def test_a_stop_drops_units_that_have_not_begun():
    executor = Scripted(slots=4)
    executor.begun = 1

    end, _, lines = run(
        [picture(f"{n}.png") for n in range(20)],
        executor,
        stopping=lambda: len(executor.seen) >= 4,
    )

    # One batch was done and one was under way; the two that were only submitted give no results.
    assert len(executor.seen) == 4
    assert len(lines) == 8
    assert end.units_running == 0


def test_after_a_stop_units_that_do_not_finish_in_time_are_abandoned():
    executor = Scripted(slots=2)
    executor.wait = lambda _: []

    end, _, lines = run(
        [picture(f"{n}.png") for n in range(8)],
        executor,
        stopping=lambda: len(executor.seen) >= 2,
        stop_seconds=0.05,
    )

    assert end.units_running == 2
    assert not lines


def test_entries_are_read_no_faster_than_units_finish():
    taken = []

    def entries():
        for number in range(40):
            taken.append(number)
            yield picture(f"{number:02}.png")

    executor = Scripted(slots=2)
    most_ahead = []

    def seen(progress):
        most_ahead.append(len(taken) - progress.items_done)

    job = Job("job", entries(), Options(), MODEL, 4, 3, EntryCounts(items=40, stills=40))
    end = run_job(job, executor, line=lambda _: None, progress=seen)

    assert (end.items_done, end.units_done, end.units_known) == (40, 10, 10)
    assert max(most_ahead) == 2 * 4


def test_expected_units_are_estimated_from_the_start_and_refined_by_scans():
    moments = []

    run(
        [film("a.mkv"), film("b.mkv"), *(picture(f"{n}.png") for n in range(9))],
        Scripted(slots=1),
        progress=moments.append,
    )

    assert (moments[0].units_known, moments[0].units_expected) == (2 + 3, 2 + 3)
    assert moments[1].units_known == 2 + 3 + 4
    assert {moment.units_expected for moment in moments[1:]} == {2 + 3 + 2 * 4}
    assert moments[-1].units_done == moments[-1].units_known == 13


def test_an_unfit_machine_ends_the_job_and_fails_no_item():
    def fate(unit, attempt):
        if isinstance(unit, Segment):
            raise PlaceUnfit("here", "no space left on the disk")

    lines = []
    job = Job("job", [film(), picture("a.png")], Options(), MODEL, 4, 3)

    with pytest.raises(PlaceUnfit, match="no space left"):
        run_job(job, Scripted(fate, slots=1), line=lines.append)

    assert [line.outcome for line in lines] == []


def test_a_job_waits_for_an_executor_without_slots():
    executor = Scripted(slots=0)
    looks = []

    def wait(timeout_seconds):
        looks.append(timeout_seconds)
        executor.slots = 0 if len(looks) < 3 else 2
        return Scripted.wait(executor, timeout_seconds)

    executor.wait = wait

    end, lines, _ = run([film(), picture("a.png")], executor)

    assert end.items_done == 2
    assert {line.outcome for line in lines.values()} == {"succeeded"}


def with_reference(frame):
    reference = ReferenceFrame(frame, f"reel.mkv/ref_{frame:06d}.png", "e")
    return replace(film(), own_options=(("reference_frames", (reference,)),))


def test_shots_are_found_before_a_film_with_references_is_colored():
    executor = Scripted()

    end, lines, _ = run([with_reference(3)], executor)

    kinds = [type(unit).__name__ for unit in executor.seen]
    assert kinds == ["Scan", *["ShotSearch"] * 3, *["Segment"] * 3, "Assembly"]
    assert lines["reel.mkv"].outcome == "succeeded"
    assert (end.units_done, end.units_known) == (8, 8)
    segments = [unit for unit in executor.seen if isinstance(unit, Segment)]
    assert [len(unit.options.reference_frames) for unit in segments] == [1, 0, 0]
    reference = segments[0].options.reference_frames[0]
    assert (reference.first, reference.end) == (0, 10)


def test_a_film_whose_shots_cannot_be_found_fails_without_being_colored():
    def fate(unit, attempt):
        if isinstance(unit, ShotSearch) and unit.start_pts == 10:
            return UnitResult(unit.unit_id, "failed", error_code="source_damaged", error="torn")
        return None

    executor = Scripted(fate)
    end, lines, _ = run([with_reference(3)], executor)

    assert (lines["reel.mkv"].outcome, lines["reel.mkv"].error) == ("failed", "torn")
    assert not any(isinstance(unit, Segment | Assembly) for unit in executor.seen)
    assert (end.items_done, end.items_failed) == (1, 1)


def test_a_preview_does_not_look_for_shots():
    executor = Scripted()

    run([with_reference(3)], executor, options=Options(preview=True))

    assert not any(isinstance(unit, ShotSearch) for unit in executor.seen)
