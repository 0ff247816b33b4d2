"""Traces of real jobs, recorded by OpenTelemetry's own SDK."""

from contextlib import closing

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

from colorworker.domain.options import Options
from colorworker.domain.workersettings import WorkerSettings
from colorworker.driver import Job, run_job
from colorworker.executors import traces
from colorworker.executors.metered import MeteredExecutor
from colorworker.executors.worker import lost_result
from colorworker.pipeline.context import WorkerContext
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from tests.archives import save_film
from tests.jobharness import TOY_MODEL, folder_entries
from tests.threadexecutor import ThreadExecutor
from tests.toycolorizer import ToyColorizer


@pytest.fixture
def folder(tmp_path):
    """A film of two segments, two pictures and a damaged one."""
    save_film(tmp_path / "reel.mkv", frames=24)
    for name in ("a.pgm", "b.pgm"):
        (tmp_path / name).write_bytes(b"P5 64 48 255\n" + bytes(range(64)) * 48)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return tmp_path


def recorded(monkeypatch, sampler=None):
    """Let traces of this test go to an exporter, and return it."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # The global provider can be set only once in a process.
    monkeypatch.setattr(traces.trace, "get_tracer", provider.get_tracer)
    return exporter


class LosingFirst(ThreadExecutor):
    """Loses the worker of every segment's first attempt."""

    def wait(self, timeout_seconds):
        return [
            lost_result(result, 1, "was killed by SIGSEGV")
            if result.record and result.record.kind == "segment" and result.attempt == 1
            else result
            for result in super().wait(timeout_seconds)
        ]


def run_traced(folder, destination, executor=ThreadExecutor):
    store = LocalStore(folder)
    settings = WorkerSettings()
    context = WorkerContext(
        destination, lambda _: store, lambda _: ToyColorizer(), TOY_MODEL, "node-1:77", settings
    )
    options = Options(segment_frames=12)
    entries = folder_entries(folder, options)
    with closing(MeteredExecutor(executor(context, 1), [], "job-1")) as metered:
        run_job(Job("job-1", entries, options, TOY_MODEL), metered, line=metered.add_item)


def test_a_film_is_one_trace_with_its_units_and_their_phases(folder, monkeypatch):
    exporter = recorded(monkeypatch)
    run_traced(folder, MemoryStore("d"))

    spans = exporter.get_finished_spans()
    (film,) = [span for span in spans if span.name == "film"]
    units = [span for span in spans if span.parent and span.parent.span_id == film.context.span_id]
    assert film.parent is None
    assert dict(film.attributes) == {
        "colorworker.job": "job-1",
        "colorworker.item": "reel.mkv",
        "colorworker.outcome": "succeeded",
    }
    assert [unit.name for unit in units] == ["scan", "segment", "segment", "assembly"]
    assert {unit.context.trace_id for unit in units} == {film.context.trace_id}
    segment = units[1]
    assert {name: segment.attributes[f"colorworker.{name}"] for name in (
        "job", "item", "outcome", "attempt", "worker",
    )} == {
        "job": "job-1", "item": "reel.mkv", "outcome": "succeeded", "attempt": 1,
        "worker": "node-1:77",
    }  # fmt: skip
    assert len(segment.attributes["colorworker.unit"]) == 32
    phases = [span for span in spans if span.parent == segment.context]
    assert {"decode", "color", "predict", "encode", "write"} <= {span.name for span in phases}
    for span in phases:
        seconds = (span.end_time - span.start_time) / 1e9
        assert 0 < span.attributes["colorworker.seconds"] <= seconds + 1e-4
        assert segment.start_time - 1e7 < span.start_time <= span.end_time < segment.end_time + 1e7
    assert film.start_time <= units[0].start_time
    assert film.end_time >= units[-1].end_time


def test_each_picture_is_a_trace_of_its_own_and_failures_are_errors(folder, monkeypatch):
    exporter = recorded(monkeypatch)
    run_traced(folder, MemoryStore("d"))

    spans = exporter.get_finished_spans()
    stills = {s.attributes["colorworker.item"]: s for s in spans if s.name == "still"}
    assert stills.keys() == {"a.pgm", "b.pgm", "broken.png"}
    assert len({still.context.trace_id for still in stills.values()}) == 3
    broken = stills["broken.png"]
    assert broken.status.status_code == StatusCode.ERROR
    assert "broken.png" in broken.status.description
    assert broken.attributes["colorworker.error_code"] == "source_damaged"
    # What was done before it failed is part of the trace.
    assert "read" in {span.name for span in spans if span.parent == broken.context}
    assert stills["a.pgm"].status.status_code == StatusCode.UNSET


def test_the_attempt_of_a_worker_that_was_killed_has_a_span(folder, monkeypatch):
    exporter = recorded(monkeypatch)
    for name in ("a.pgm", "b.pgm", "broken.png"):
        (folder / name).unlink()
    run_traced(folder, MemoryStore("d"), LosingFirst)

    spans = exporter.get_finished_spans()
    attempts = [span for span in spans if span.name == "segment"]
    found = [(s.attributes["colorworker.attempt"], s.attributes["colorworker.outcome"])
             for s in attempts]  # fmt: skip
    assert sorted(found) == [(1, "lost"), (1, "lost"), (2, "resumed"), (2, "resumed")]
    lost = next(span for span in attempts if span.attributes["colorworker.outcome"] == "lost")
    assert lost.status.description == "was killed by SIGSEGV"
    (film,) = [span for span in spans if span.name == "film"]
    assert film.attributes["colorworker.outcome"] == "succeeded"


def test_a_film_that_a_job_does_not_finish_is_interrupted(folder, monkeypatch):
    exporter = recorded(monkeypatch)
    run_until_scanned(folder)

    (film,) = [span for span in exporter.get_finished_spans() if span.name == "film"]
    assert film.attributes["colorworker.outcome"] == "interrupted"


def run_until_scanned(folder):
    store = LocalStore(folder)
    context = WorkerContext(
        MemoryStore("d"), lambda _: store, lambda _: ToyColorizer(), TOY_MODEL, "w",
        WorkerSettings(),
    )  # fmt: skip
    entries = [entry for entry in folder_entries(folder, Options()) if entry.kind == "film"]
    with closing(MeteredExecutor(ThreadExecutor(context, 1), [], "job-1")) as metered:
        job = Job("job-1", entries, Options(), TOY_MODEL)
        seen = []
        run_job(
            job, metered, line=metered.add_item, progress=seen.append,
            stopping=lambda: any(each.units_done for each in seen),
        )  # fmt: skip


def test_sampling_is_the_sdks_and_without_it_nothing_is_recorded(folder, monkeypatch):
    exporter = recorded(monkeypatch, ALWAYS_OFF)
    run_traced(folder, MemoryStore("d"))

    assert exporter.get_finished_spans() == ()
