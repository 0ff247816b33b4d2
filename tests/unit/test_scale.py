"""The simulated units of `benchmarks/scale.py` ask the store for what real ones do."""

import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Asset, Options
from colorworker.domain.records import ScanInfo, info_of
from colorworker.domain.units import assembly, image_batch, scan, segments, still
from colorworker.media.synthetic import Recipe, make_film
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.unit import run_unit
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL
from tests.toycolorizer import ToyColorizer

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import simulated
from actortimes import Unit, shares_of
from simulated import Counted, Workload

OPTIONS = Options(segment_frames=12)
FOLDER = "constant-0-4"
SEGMENTS = 4


class Creating(MemoryStore):
    """Like a bucket of a service with conditional writes."""

    prefers_create = True


class Place:
    """A source and a worker's context for it."""

    def __init__(self, root, destination=None):
        self.source = LocalStore(root / "source")
        self.context = WorkerContext(
            destination or LocalStore(root / "color"),
            lambda _: self.source,
            lambda _: ToyColorizer(),
            TOY_MODEL,
            "test",
        )

    def asset(self, key, kind, data):
        found = self.source.put(key, data)
        return Asset(self.source.uri, key, kind, found.size_bytes, found.etag)

    def run(self, unit, how):
        """Do a unit; return its result and the calls of the destination."""
        store = Counted(self.context.destination)
        result = how(replace(self.context, destination=store), unit, 1)
        assert result.outcome == "succeeded", result.error
        return result, store.calls


def film_calls(place, asset, how):
    """Color a film; return the calls of its scan, segments and assembly, and of a rerun."""
    first = scan(asset, "film.mkv", OPTIONS, TOY_MODEL)
    scanned, of_scan = place.run(first, how)
    cuts = list(info_of(scanned.record, ScanInfo).cuts)
    parts = segments(asset, cuts, first.unit_id, OPTIONS, TOY_MODEL)
    assert len(parts) == SEGMENTS
    of_segments = [place.run(part, how)[1] for part in parts]
    joined = assembly(first, parts)
    return of_scan, of_segments, place.run(joined, how)[1], place.run(joined, how)[1]


@pytest.mark.parametrize("creating", [False, True])
def test_a_simulated_picture_asks_the_store_for_what_a_real_one_does(tmp_path, creating):
    gray = pyvips.Image.new_from_array(np.arange(3072, dtype=np.uint8).reshape(48, 64))
    calls = []
    for name, how in (("real", run_unit), ("simulated", simulated.run_unit)):
        place = Place(tmp_path / name, Creating(f"{name}-{tmp_path}") if creating else None)
        asset = place.asset(f"{FOLDER}/a.png", "still", gray.write_to_buffer(".png"))
        batch = image_batch((still(asset, "a.png", OPTIONS, TOY_MODEL),))
        calls.append((place.run(batch, how)[1], place.run(batch, how)[1]))

    assert calls[0] == calls[1]
    if creating:
        # Record? Thumbnail, output, record.
        assert calls[0][0] == {"get": 1, "put": 2, "create": 1}


def test_a_simulated_film_asks_the_store_for_what_a_real_one_does(tmp_path):
    film = make_film(tmp_path / "f.mkv", Recipe(frames=48, gop_size=12)).read_bytes()
    calls = []
    for name, how in (("real", run_unit), ("simulated", simulated.run_unit)):
        place = Place(tmp_path / name)
        asset = place.asset(f"{FOLDER}/f.mkv", "film", film)
        calls.append(film_calls(place, asset, how))

    assert calls[0] == calls[1]
    _, of_segments, *_ = calls[0]
    # The first one reads the scan, record and timeline, for all that follow on its worker.
    assert [each["get"] for each in of_segments] == [3, 1, 1, 1]
    # The others are record? Thumbnail, part, sheet of shots, record.
    assert all(each.total() == 5 for each in of_segments[1:])


def test_a_segment_that_the_report_does_not_show_takes_four_requests(tmp_path):
    film = make_film(tmp_path / "f.mkv", Recipe(frames=48, gop_size=12)).read_bytes()
    for name, how in (("real", run_unit), ("simulated", simulated.run_unit)):
        place = Place(tmp_path / name)
        asset = place.asset(f"{FOLDER}/f.mkv", "film", film)
        first = scan(asset, "film.mkv", OPTIONS, TOY_MODEL)
        cuts = list(info_of(place.run(first, how)[0].record, ScanInfo).cuts)
        parts = segments(asset, cuts, first.unit_id, OPTIONS, TOY_MODEL)
        place.run(parts[0], how)

        result, calls = place.run(replace(parts[1], is_shown=False), how)

        assert calls == {"get": 1, "put_file": 1, "put": 2}
        assert result.record.thumbnail_key == ""


@pytest.mark.parametrize("shape", ["constant", "heavy", "stragglers"])
def test_latencies_have_the_stated_mean_and_repeat(shape):
    workload = Workload(shape, 2.0)

    latencies = [workload.latency(str(number)) for number in range(20_000)]

    assert fmean(latencies) == pytest.approx(2.0, rel=0.03)
    assert workload.latency("17") == latencies[17]
    assert (max(latencies) > 10 * min(latencies)) == (shape != "constant")


def test_the_actors_time_is_split_into_work_store_gaps_and_tail():
    units = [
        Unit("a", 0.0, 4.0, work=3.0),
        Unit("b", 0.0, 5.0, work=5.0),
        Unit("a", 5.0, 10.0, work=5.0),
    ]

    shares = shares_of(units, 2)

    assert shares.seconds == 10
    assert shares.efficiency == pytest.approx(13 / 20)
    assert shares.store == pytest.approx(1 / 20)
    assert shares.gap == pytest.approx(1 / 20)
    assert shares.steady == pytest.approx(8 / 10)
    assert (shares.tail_seconds, shares.tail_idle) == (5, pytest.approx(0.5))
