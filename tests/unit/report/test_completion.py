"""Completion reports in the format of S3 Batch Operations, for objects with any names."""

import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colorworker.errors import StoreUnavailable
from colorworker.inputs.csvrows import BatchRows
from colorworker.inputs.scope import Scope
from colorworker.report.completion import CompletionReport
from colorworker.report.itemlines import ItemLine
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore

DONE = ItemLine("s3://archive/reels", "a b.mkv", "film", "succeeded", output_key="a b.mkv")
LINES = [
    DONE,
    replace(DONE, key="=1+2.mkv", version="v/1", outcome="failed", error_code="source_damaged",
            error="=1+2.mkv: does not decode.", output_key=""),
    replace(DONE, key="gone.mkv", outcome="failed", error_code="key_missing", error="It is gone."),
    replace(DONE, key="c.mkv", outcome="skipped", error_code="already_color", error="In color."),
    replace(DONE, key="p.mkv", outcome="skipped", error_code="parked", error="Failed too often."),
    replace(DONE, key="x.mkv", outcome="skipped", error_code="source_gone", error="No more."),
]  # fmt: skip


def written(store, lines):
    """Write a report; return its manifest, and the rows of its CSV files by status."""
    with CompletionReport(store, "s3://color/reels", "job", "run") as report:
        for line in lines:
            report.add(line)
        report.finish()
    manifest = json.loads(store.get("job-job-run/manifest.json"))
    files = {}
    for result in manifest["Results"]:
        data = store.get(result["Key"].removeprefix("reports/"))
        assert hashlib.md5(data, usedforsecurity=False).hexdigest() == result["MD5Checksum"]
        files[result["TaskExecutionStatus"]] = list(csv.reader(io.StringIO(data.decode())))
    return manifest, files


def end_by_error(store):
    with CompletionReport(store, "s3://color", "job", "run") as report:
        report.add(DONE)
        raise KeyError


@pytest.fixture
def store():
    made = MemoryStore("reports")
    made.uri = "s3://bucket/reports"
    return made


def test_the_manifest_has_format_schema_and_files(store):
    manifest, _ = written(store, LINES)

    assert manifest["Format"] == "Report_CSV_20180820"
    assert manifest["ReportSchema"] == (
        "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", manifest["ReportCreationDate"])
    assert [result["TaskExecutionStatus"] for result in manifest["Results"]] == [
        "succeeded",
        "failed",
    ]
    for result in manifest["Results"]:
        assert set(result) == {"TaskExecutionStatus", "Bucket", "MD5Checksum", "Key"}
        assert result["Bucket"] == "bucket"
        assert re.fullmatch(r"reports/job-job-run/results/[0-9a-f]{32}\.csv", result["Key"])


def test_rows_have_the_columns_of_the_schema(store):
    _, files = written(store, LINES)

    assert files["succeeded"] == [
        ["archive", "reels/a%20b.mkv", "", "succeeded", "", "200",
         "written: s3://color/reels/a b.mkv"],
        ["archive", "reels/c.mkv", "", "succeeded", "already_color", "200",
         "skipped: In color."],
    ]  # fmt: skip
    assert files["failed"] == [
        ["archive", "reels/%3D1%2B2.mkv", "v%2F1", "failed", "source_damaged", "",
         "failed: =1+2.mkv: does not decode."],
        ["archive", "reels/gone.mkv", "", "failed", "key_missing", "404", "failed: It is gone."],
        ["archive", "reels/p.mkv", "", "failed", "parked", "", "skipped: Failed too often."],
    ]  # fmt: skip


@given(st.text(min_size=1), st.text(), st.text())
@settings(max_examples=25, deadline=None)
@example("-1.jpg", "-1", "-1")
def test_no_field_is_a_formula_or_contains_a_line_break(key, version, error):
    line = replace(
        DONE,
        root="file:///archive",
        key=key,
        version=version,
        outcome="failed",
        error_code="x",
        error=error,
    )

    store = MemoryStore("reports")
    written(store, [line])

    (found,) = [info.key for info in store.list("job-job-run/results/")]
    data = store.get(found).decode()
    assert data.count("\n") == 1
    (row,) = csv.reader(io.StringIO(data))
    assert len(row) == 7
    assert not any(field.startswith(("=", "+", "-", "@", "\t", "\r")) for field in row)


def test_the_file_of_failed_items_can_be_a_manifest(store):
    _, files = written(store, LINES[1:3])

    parse = BatchRows(Scope("s3://archive/reels"), 7)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(files["failed"])
    named = [parse(1, line) for line in text.getvalue().splitlines()]

    assert [line.key for line in named] == ["=1+2.mkv", "gone.mkv"]


def test_keys_that_are_not_utf8_and_local_sources_are_reported(store):
    _, files = written(store, [replace(DONE, root="file:///archive", key="caf\udce9.mkv")])

    ((bucket, key, *_),) = files["succeeded"]
    assert (bucket, unquote(key)) == ("file:///archive", "caf\\udce9.mkv")


def test_a_job_without_items_has_no_report(store):
    with CompletionReport(store, "s3://color", "job", "run") as report:
        assert report.finish() == ""

    assert list(store.list()) == []


def test_a_job_that_ends_by_an_error_reports_its_items_so_far(store):
    with pytest.raises(KeyError):
        end_by_error(store)

    assert json.loads(store.get("job-job-run/manifest.json"))["Results"]


def test_a_failed_report_does_not_hide_the_error_that_ended_the_job(tmp_path):
    class Away(MemoryStore):
        def put_file(self, key, path):
            raise StoreUnavailable("reports", "does not answer", "Wait")

    away = Away("reports")
    with pytest.raises(KeyError):
        end_by_error(away)
    with CompletionReport(away, "s3://color", "job", "run") as report:
        report.add(DONE)
        with pytest.raises(StoreUnavailable):
            report.finish()


def test_the_scratch_files_are_removed(tmp_path):
    store = LocalStore(tmp_path)

    written_on = CompletionReport(store, "s3://color", "job", "run")
    with written_on as report:
        report.add(DONE)
        report.finish()

    assert not [path for path in store.scratch().iterdir() if path.suffix == ".csv"]
