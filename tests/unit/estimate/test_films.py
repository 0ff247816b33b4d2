"""Films of a dry run are told by their records, their packets or their headers."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from colorworker.domain.excerpt import Excerpt, excerpt_entries
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.segmentlist import group_cuts
from colorworker.domain.units import scan
from colorworker.estimate import films as module
from colorworker.estimate.films import InspectionContext, outline_films
from colorworker.estimate.sampling import Recorded
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.scan import scan_film
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.sources import Source
from tests.sequences import encode_picture, write_sequence

OPTIONS, MODEL = Options(segment_frames=24), ModelRef("lite", "0" * 64)


@pytest.fixture
def archive(tmp_path):
    make_film(tmp_path / "r.mp4", Recipe(width=64, height=48, frames=60, gop_size=12))
    (tmp_path / "still.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "torn.mp4").write_bytes(b"\0\0\0\x18ftypisom torn")
    return tmp_path


class Counting(LocalStore):
    """A folder that remembers which keys were opened."""

    def __init__(self, folder):
        super().__init__(folder)
        self.opened = []

    def open(self, key, **pinned):
        self.opened.append(key)
        return super().open(key, **pinned)


class Lookout:
    """An archive, the destination, and what a dry run makes of them."""

    def __init__(self, archive):
        self.source, self.destination = Counting(archive), MemoryStore("color")

    def entries(self, options=OPTIONS):
        found = list_entries([OpenSource(Source(str(self.source.uri)), self.source)], options)
        if options.excerpt:
            film = [entry for entry in found if entry.key == "r.mp4"]
            return list(excerpt_entries(film, Excerpt(*options.excerpt)))
        return found

    def outlines(self, options=OPTIONS, films=2):
        context = InspectionContext(
            options, MODEL, 1 << 30, self.destination, Recorded(self.destination)
        )
        entries = outline_films(self.entries(options), films, context, lambda _: self.source)
        return {entry.key: found for entry, found in entries}

    def scan(self, options=OPTIONS):
        context = WorkerContext(self.destination, lambda _: self.source, None, MODEL, "test")
        (entry,) = [entry for entry in self.entries(options) if entry.key == "r.mp4"]
        unit = scan(entry.asset(), entry.output_key, options, MODEL)
        return unit, scan_film(context, unit, 1)[0]


@pytest.fixture
def lookout(archive):
    return Lookout(archive)


@pytest.mark.parametrize("options", [OPTIONS, replace(OPTIONS, excerpt=(400, 1480))])
def test_predicted_cuts_equal_those_of_the_scan(lookout, options):
    found = lookout.outlines(options)["r.mp4"]

    _, record = lookout.scan(options)
    cuts = record.info.cuts
    assert len(cuts) > 1
    assert found.segments == len(cuts)
    assert found.cuts == group_cuts(cuts, 0, record.info.time_base)
    assert found.frames == record.info.frames
    assert found.seconds == pytest.approx(record.info.film_seconds, abs=0.001)
    assert (found.width, found.height, found.codec, found.pix_fmt, found.rate) == (
        64, 48, "h264", "yuv420p", 25,
    )  # fmt: skip


def test_a_scanned_film_is_not_read_again(lookout):
    fresh = lookout.outlines()["r.mp4"]
    unit, _ = lookout.scan()
    lookout.source.opened.clear()

    known = lookout.outlines()["r.mp4"]

    assert known == fresh
    assert "r.mp4" not in lookout.source.opened
    lookout.destination.put(f".colorworker/units/{unit.assembly_id}.json", b"{}")
    assert lookout.outlines()["r.mp4"].is_done


def test_a_damaged_record_is_ignored_in_favor_of_the_header(lookout):
    unit, _ = lookout.scan()
    key = f".colorworker/units/{unit.unit_id}.json"
    lookout.destination.put(key, b"torn {")

    found = lookout.outlines()["r.mp4"]

    assert (found.frames, found.cuts) == (60, ())
    assert lookout.destination.get(key) == b"torn {"


def test_films_above_the_size_limit_are_described_by_their_header_unless_single(
    lookout, monkeypatch
):
    monkeypatch.setattr(module, "MOST_READ_BYTES", 100)

    found = lookout.outlines()["r.mp4"]

    assert (found.frames, found.segments, found.cuts) == (60, 2, ())
    assert (found.width, found.codec, found.rate) == (64, "h264", 25)
    assert lookout.outlines(films=1)["r.mp4"].cuts


def test_only_the_first_of_very_many_films_are_examined(lookout, monkeypatch):
    monkeypatch.setattr(module, "MOST_FILMS", 1)

    found = lookout.outlines()

    assert found["r.mp4"] is not None
    assert found["torn.mp4"] is None


def test_broken_films_and_films_the_profile_refuses_are_listed_with_the_reason(lookout, archive):
    make_film(archive / "deep.mkv", Recipe("ffv1", "gray12le", 32, 32, 4, gop_size=1))

    found = lookout.outlines()

    assert found["torn.mp4"].error.startswith("torn.mp4: ")
    assert "12" in found["deep.mkv"].error
    assert found["deep.mkv"].frames == 4
    assert found["r.mp4"].error == ""
    assert found["still.png"] is None


def test_films_whose_times_the_output_cannot_hold_are_listed_with_the_reason(lookout, archive):
    fast = Recipe("mjpeg", "yuvj420p", 32, 32, 12, gop_size=1, rate=Fraction(1200))
    make_film(archive / "r.mp4", fast)
    options = replace(OPTIONS, profile="archive")

    read = lookout.outlines(options)["r.mp4"]
    lookout.scan(replace(options, profile="mezzanine"))
    recorded = lookout.outlines(options)["r.mp4"]

    assert "ms apart, and Matroska stores times in whole milliseconds" in read.error
    assert recorded.error == read.error
    assert lookout.outlines(replace(options, profile="mezzanine"))["r.mp4"].error == ""


def test_an_excerpt_beyond_the_film_is_an_error_of_that_film(lookout):
    found = lookout.outlines(replace(OPTIONS, excerpt=(5000, None)))["r.mp4"]

    assert "does not have all of 00:00:05.000 to the end" in found.error


def test_a_frame_of_a_sequence_is_named(tmp_path):
    write_sequence(tmp_path, 9)
    other = encode_picture(np.zeros((32, 48), np.uint8), ".png", "gray")
    (tmp_path / "scan_0005.png").write_bytes(other)

    (found,) = Lookout(tmp_path).outlines(replace(OPTIONS, sequences="film", fps=24.0)).values()

    assert "change at frame scan_0005.png from 96 x 64 gray" in found.error
