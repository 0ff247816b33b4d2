"""A job's metrics are what happened in it, and can be scraped."""

import io
import json
import logging
import urllib.request
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from colorworker.cli.logs import JsonFormatter
from colorworker.domain.fixity import FixityCheck
from colorworker.domain.options import Options
from colorworker.domain.records import UnitResult
from colorworker.domain.workersettings import WorkerSettings
from colorworker.driver import Job, run_job
from colorworker.errors import UsageError
from colorworker.executors.instruments import RayInstruments, instruments
from colorworker.executors.metered import MeteredExecutor
from colorworker.pipeline.context import WorkerContext
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.requests import count_request
from tests.archives import save_film
from tests.jobharness import TOY_MODEL, folder_entries
from tests.ports import free_port
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer


def run_measured(folder, destination, measured):
    """Color a folder with a toy colorizer through a `MeteredExecutor`."""
    store = LocalStore(folder)
    context = WorkerContext(
        destination, lambda _: store, lambda _: ToyColorizer(), TOY_MODEL, "w", WorkerSettings()
    )
    entries = folder_entries(folder, Options())
    with closing(MeteredExecutor(ThreadExecutor(context, 1), measured, "job-1")) as executor:
        executor.plan(len(entries))
        run_job(Job("job-1", entries, Options(), TOY_MODEL), executor, line=executor.add_item)


@pytest.fixture
def folder(tmp_path):
    """A film of 24 frames, two pictures and a damaged one."""
    save_film(tmp_path / "reel.mkv", frames=24)
    for name in ("a.pgm", "b.pgm"):
        (tmp_path / name).write_bytes(b"P5 64 48 255\n" + bytes(range(64)) * 48)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return tmp_path


def scraped(port):
    """Return the samples by (name, labels)."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        text = response.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_jobs_metrics_can_be_scraped_and_count_what_it_did(folder):
    port, destination = free_port(), MemoryStore("d")
    with instruments(f"127.0.0.1:{port}", "local") as measured:
        run_measured(folder, destination, measured)
        found = scraped(port)

    def value(name, **labels):
        return found.get((f"colorworker_{name}", tuple(sorted(labels.items()))), 0)

    assert value("items_planned") == 4
    assert value("items_total", kind="still", outcome="succeeded") == 2
    assert value("items_total", kind="still", outcome="failed") == 1
    assert value("items_total", kind="film", outcome="succeeded") == 1
    assert value("units_total", kind="scan", outcome="succeeded") == 1
    assert value("units_total", kind="segment", outcome="succeeded") == 1
    assert value("units_total", kind="assembly", outcome="succeeded") == 1
    assert value("unit_errors_total", code="source_damaged") == 1
    assert value("frames_total") == 24 + 2
    assert value("source_bytes_total") == sum(each.stat().st_size for each in folder.iterdir())
    assert value("written_bytes_total") > 1000
    assert value("unit_seconds_count", kind="segment") == 1
    # Once by each unit that has the phase: the film's own record has those of its units, too.
    assert value("phase_seconds_count", phase="encode") == 2 + 1
    assert value("phase_seconds_count", phase="assemble") == 1
    assert value("model_pictures_total") >= value("model_batches_total") > 0
    assert value("units_in_flight") == value("oldest_unit_seconds") == 0
    with pytest.raises(OSError, match="refused"):
        scraped(port)


class Answering:
    """An executor whose unit has ended."""

    slots = 1

    def __init__(self, result):
        self.results = [result]

    def wait(self, _):
        count_request("ListObjectsV2")  # As by the driver's own process.
        return self.results


def test_requests_to_stores_are_counted_by_operation():
    port = free_port()
    result = UnitResult("unit", "failed", requests={"GetObject": 3, "PutObject": 1})
    count_request("HeadObject")  # Before the job.
    with instruments(f"127.0.0.1:{port}", "local") as measured:
        metered = MeteredExecutor(Answering(result), measured, "job-1")
        metered.wait(0)
        metered.wait(0)
        found = scraped(port)

    counted = {
        dict(labels)["operation"]: value
        for (name, labels), value in found.items()
        if name == "colorworker_store_requests_total"
    }
    assert counted == {"GetObject": 6, "PutObject": 2, "ListObjectsV2": 2}


class Queued(Answering):
    """An executor whose units end in the order of `ended`."""

    def __init__(self, *ended):
        self.ended = list(ended)

    def submit(self, unit, attempt):
        """Take it."""

    def wait(self, _):
        return [UnitResult(self.ended.pop(0), "failed")]


def test_the_oldest_unit_is_the_one_that_was_handed_out_first_and_has_not_ended():
    port, now = free_port(), [0.0]
    with instruments(f"127.0.0.1:{port}", "local") as measured:
        metered = MeteredExecutor(Queued("b", "a", "b"), measured, "job-1", lambda: now[0])
        ages = []
        for second, unit in enumerate("abc"):
            now[0] = float(second)
            metered.submit(FixityCheck(unit, (), ""), 1)
        for again in ("b", "", ""):
            metered.wait(0)
            ages.append(scraped(port)["colorworker_oldest_unit_seconds", ()])
            if again:
                metered.submit(FixityCheck(again, (), ""), 2)
            now[0] += 10

    assert ages == [2, 12 - 2, 22 - 2]


def test_a_second_run_counts_items_as_resumed(folder):
    port, destination = free_port(), MemoryStore("d")
    run_measured(folder, destination, [])
    with instruments(f"127.0.0.1:{port}", "local") as measured:
        run_measured(folder, destination, measured)
        found = scraped(port)

    film = ("colorworker_items_total", (("kind", "film"), ("outcome", "resumed")))
    assert found[film] == 1
    assert found["colorworker_frames_total", ()] == 0


def test_each_unit_and_item_is_one_line_of_json(folder):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("colorworker.executors.metered")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        run_measured(folder, MemoryStore("d"), [])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (segment,) = [line for line in lines if line.get("kind") == "segment"]
    assert segment["job"] == "job-1"
    assert segment["item"] == "reel.mkv"
    assert segment["level"] == "info"
    assert {"decode", "encode"} <= segment["phases"].keys()
    (broken,) = [line for line in lines if line["item"] == "broken.png" and "unit" not in line]
    assert broken["outcome"] == "failed"
    assert "broken.png" in broken["error"]


@pytest.mark.parametrize("listen", ["9464", "host", "127.0.0.1:99999999", "127.0.0.1:70000"])
def test_an_address_that_cannot_be_used_is_refused_before_any_item(listen):
    with (
        pytest.raises(UsageError, match="COLORWORKER_RUN__METRICS_LISTEN"),
        instruments(listen, "local"),
    ):
        pass


def test_ray_gets_counts_and_gauges_in_steps_and_the_rest_at_the_end(monkeypatch):
    got, time = [], [0.0]
    for kind, verb in (("Counter", "inc"), ("Gauge", "set"), ("Histogram", "observe")):
        for_ray = type(kind, (), {
            "__init__": lambda self, name, *_, **__: setattr(self, "name", name),
            verb: lambda self, value, tags=None: got.append((self.name, value, tags)),
        })  # fmt: skip
        monkeypatch.setattr(f"ray.util.metrics.{kind}", for_ray)
    given = RayInstruments(lambda: time[0])

    given.count("colorworker_units_total", kind="still", outcome="succeeded")
    given.count("colorworker_units_total", kind="still", outcome="succeeded")
    given.set("colorworker_units_in_flight", 3)
    given.set("colorworker_units_in_flight", 2)
    early = list(got)
    time[0] = 5.0
    given.count("colorworker_frames_total", 0)

    assert early == []
    assert got == [
        ("colorworker_units_total", 2, {"kind": "still", "outcome": "succeeded"}),
        ("colorworker_units_in_flight", 2, None),
    ]

    # Counts are given once, but Ray forgets a gauge that is not set again.
    got.clear()
    given.give()

    assert got == [("colorworker_units_in_flight", 2, None)]
