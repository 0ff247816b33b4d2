"""The Python API with the real network, in scripts as people write them: without a main guard."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import pyvips

import colorworker as cw
from tests.archives import Outcome, save_film
from tests.waiting import wait_for

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("COLORWORKER_", "RAY_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "MEDIA__SETTLE_ANCHORS": "0",
        "MEDIA__SEGMENT_FRAMES": "12",
        "RUN__WORKERS": "1",
        "RUN__CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(f"COLORWORKER_{name}", value)


def test_a_job_reports_failures_resumes_and_is_the_job_of_the_command_line(
    archive, tmp_path, command
):
    (archive / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    shown = []

    first = cw.colorize(archive, tmp_path / "color", profile="archive", progress=shown.append)
    second = cw.colorize(archive, tmp_path / "color", profile="archive")
    done = command.here(
        "colorize", archive, tmp_path / "color", "--profile", "archive",
        COLORWORKER_MEDIA__SEGMENT_FRAMES="12",
    )  # fmt: skip

    assert first.counts == cw.ItemCounts(total=5, succeeded=4, failed=1)
    assert second.counts == cw.ItemCounts(total=5, succeeded=4, failed=1, resumed=4)
    assert [(item.key, item.error_code) for item in first.failed] == [
        ("torn.png", "source_damaged")
    ]
    for item in first.items:
        assert all(map(os.path.isfile, item.outputs))
        assert len(item.outputs) == (item.outcome == "succeeded")
    assert shown[-1].items_done == 5
    # The command line finds the same job done.
    assert second.job_id == first.job_id
    assert f"/{first.job_id}/" in done.stdout
    lines = Outcome(tmp_path / "color").lines.values()
    assert all(line["resumed"] for line in lines if line["outcome"] == "succeeded")
    (job,) = cw.status(tmp_path / "color")
    assert (job.runs_total, job.latest.counts.items_failed) == (3, 1)
    assert cw.sweep(tmp_path / "color", older_than="0s").counts.keys() <= {"empty folder"}


def test_a_report_can_be_read_after_a_change_of_folder(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    monkeypatch.chdir(tmp_path)
    report = cw.colorize("in", "color")

    monkeypatch.chdir("/")

    assert [item.key for item in report.failed] == ["torn.png"]


def test_errors_with_exit_code_2_on_the_command_line_raise_in_python(tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(cw.UsageError, match="nothing matched"):
        cw.colorize(tmp_path / "empty", tmp_path / "color")
    (tmp_path / "text.npz").write_text("not weights")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(cw.WeightsRefused, match=name):
            cw.Colorizer(tmp_path / name)
    with pytest.raises(cw.UsageError, match="Did you mean"):
        cw.Colorizer("lite", vividnes=1)
    assert not (tmp_path / "color").exists()


@pytest.mark.parametrize(("name", "dtype"), [("a.png", np.uint8), ("c.tif", np.uint16)])
def test_an_array_gets_the_colors_of_a_file_with_its_pixels(archive, tmp_path, name, dtype):
    source = pyvips.Image.new_from_file(str(archive / name)).numpy()
    assert source.dtype == dtype

    cw.colorize(archive / name, tmp_path / "color")

    of_file = pyvips.Image.new_from_file(str(tmp_path / "color" / name)).numpy()
    assert np.array_equal(cw.Colorizer().image(source), of_file)


def test_a_dry_run_counts_sources_and_writes_nothing(archive, tmp_path):
    found = cw.dry_run(archive, tmp_path / "color", calibrate=False)

    assert (found.counts.stills, found.counts.films, found.estimate) == (3, 1, None)
    assert not (tmp_path / "color").exists()


def test_a_plan_is_run_its_failures_are_listed_and_forgotten(archive, tmp_path):
    (archive / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    (archive / "reel.mp4").unlink()
    plan = tmp_path / "plan.toml"
    plan.write_text('[[collection]]\nname = "all"\nsources = ["archive"]\ndestination = "color"\n')

    expected = cw.dry_run_plan(plan, calibrate=False)
    end = cw.restore(plan)

    assert expected["all"].counts.stills == 4
    (collection,) = end.collections
    assert (end.status, collection.tally.done, collection.tally.failed) == ("done", 3, 1)
    (failure,) = cw.plan_failures(plan)
    assert (failure.failure.key, failure.parked) == ("torn.png", False)
    assert cw.unpark(plan, "*.png") == (failure,)
    assert cw.plan_failures(plan) == ()
    with pytest.raises(cw.UsageError, match="matches no key"):
        cw.unpark(plan, "*.png")


def test_a_data_set_is_inspected(tmp_path):
    rows, columns = np.mgrid[0:64, 0:64]
    for number in range(4):
        picture = np.stack([rows * 3, columns * 3, np.full_like(rows, 60 * number)], axis=2)
        pyvips.Image.new_from_array(picture.astype(np.uint8)).write_to_file(
            str(tmp_path / f"{number}.png")
        )
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")

    found = cw.inspect_dataset(tmp_path)

    assert (len(found.kept), [key for key, _ in found.broken]) == (4, ["torn.png"])


SCRIPT = """
import signal, sys
import colorworker as cw
# A shell starts its background jobs with SIGINT ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    cw.colorize(sys.argv[1], sys.argv[2])
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(7)
"""


def test_ctrl_c_in_a_script_finishes_running_units_and_the_next_call_resumes(archive, tmp_path):
    save_film(archive / "long.mp4", frames=120)
    script, color = tmp_path / "script.py", Outcome(tmp_path / "color")
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(archive), str(color.destination)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(color.records) >= 3, process)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)

    assert (process.returncode, out) == (7, "interrupted\n")
    assert "running units are finished first" in err
    (run,) = (color.destination / ".colorworker" / "jobs").glob("*/runs/*.json")
    assert json.loads(run.read_text())["outcome"] == "interrupted"
    before = color.records
    report = cw.colorize(archive, color.destination)
    assert report.counts.succeeded == report.counts.total == 5
    assert before.items() <= color.records.items()


def test_a_job_runs_in_another_thread_and_under_a_running_event_loop(archive, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio, sys\n"
        "import colorworker as cw\n"
        "async def main():\n"
        "    here = cw.colorize(sys.argv[1] + '/a.png', sys.argv[2])\n"
        "    there = await asyncio.to_thread(cw.colorize, sys.argv[1] + '/c.tif', sys.argv[2])\n"
        "    print(here.counts.succeeded, there.counts.succeeded)\n"
        "asyncio.run(main())\n"
    )

    done = subprocess.run(
        [sys.executable, str(script), str(archive), str(tmp_path / "color")],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "1 1\n"), done.stderr
