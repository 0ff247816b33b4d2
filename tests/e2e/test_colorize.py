"""`colorworker colorize` in a separate process on real files: killed, interrupted, resumed."""

import signal
import time
from pathlib import Path

import pyvips

from tests.archives import Outcome, save_film
from tests.waiting import wait_for

SMALL_SEGMENTS = {"COLORWORKER_MEDIA__SEGMENT_FRAMES": "12", "COLORWORKER_RUN__WORKERS": "1"}


def test_an_archive_is_colorized_and_a_second_run_repeats_nothing(command, archive, tmp_path):
    sources = {path: path.read_bytes() for path in archive.rglob("*") if path.is_file()}
    color = Outcome(tmp_path / "color")

    first = command.run("colorize", archive, color.destination, **SMALL_SEGMENTS)
    records = color.records
    second = command.here("colorize", archive, color.destination, **SMALL_SEGMENTS)

    assert first.returncode == 0, first.stderr
    assert color.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4"}
    assert {path: path.read_bytes() for path in sources} == sources
    assert len([r for r in records.values() if r[1].endswith(".nut")]) == 6
    assert (second.returncode, color.records) == (0, records)
    assert all(line["resumed"] for line in color.lines.values())
    page = Path(first.stdout.splitlines()[-1].removeprefix("report: "))
    assert page.read_text().count("data:image/jpeg") == 3 + 6 + 1
    for name in ("a.png", "c.tif"):
        lab = pyvips.Image.new_from_file(str(color.destination / name)).colourspace("lab")
        assert lab.extract_band(1, n=2).abs().max() > 4


def test_after_a_kill_a_second_run_repeats_no_finished_unit(command, archive, tmp_path):
    save_film(archive / "long.mp4", frames=120)
    color = Outcome(tmp_path / "color")

    process = command.start("colorize", archive, color.destination, **SMALL_SEGMENTS)
    wait_for(lambda: len(color.records) >= 6, process)
    process.kill()
    process.communicate()
    killed = color.records
    done = command.here("colorize", archive, color.destination, **SMALL_SEGMENTS)

    assert done.returncode == 0, done.stderr
    assert killed.items() <= color.records.items()
    assert color.files == {"a.png", "sub/b.jpg", "c.tif", "reel.mp4", "long.mp4"}
    assert color.lines["long.mp4"]["frames"] == 120


def test_one_ctrl_c_finishes_units_in_progress_and_writes_reports(command, archive, tmp_path):
    save_film(archive / "long.mp4", frames=240)
    (archive / "a.xml").write_text("<a/>")
    color, reports = Outcome(tmp_path / "color"), tmp_path / "reports"
    process = command.start(
        "colorize", archive, color.destination, "--completion-report", reports, **SMALL_SEGMENTS
    )
    wait_for(lambda: len(color.records) >= 5, process)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "Ctrl-C stops at once" in err
    assert "report.html" in out
    (run,) = (color.destination / ".colorworker" / "jobs").glob("*/runs/*.json")
    assert '"outcome": "interrupted"' in run.read_text()
    (reported,) = reports.glob("job-*/results/*.csv")
    assert "a.xml,,succeeded,not_media,200,skipped: a.xml" in reported.read_text()
    assert "long.mp4" not in reported.read_text()
    assert not list((color.destination / ".colorworker" / "tmp").iterdir())


def test_two_ctrl_c_stop_at_once(command, archive, tmp_path):
    save_film(archive / "long.mp4", frames=240)
    color = Outcome(tmp_path / "color")
    process = command.start("colorize", archive, color.destination, **SMALL_SEGMENTS)
    wait_for(lambda: len(color.records) >= 5, process)

    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)

    assert process.returncode == 130
