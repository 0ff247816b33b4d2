"""Dry runs print what there is to do and how long it takes; the machine is measured once."""

import os

import numpy as np
import pytest
import pyvips
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.domain.costs import Calibration, CostClass, Rate
from colorworker.errors import UsageError
from colorworker.estimate import estimator
from colorworker.executors.cores import usable_cores
from colorworker.media.synthetic import Recipe, make_film

PLAN = """\
name = "nightly"
[budget]
hours = 0.01
money = 100
price_per_hour = 36
[[collection]]
name = "all"
sources = ["archive"]
destination = "color"
[[collection]]
name = "none"
sources = ["nowhere"]
destination = "other"
"""


class Measuring:
    """A machine on which everything takes a second."""

    def __init__(self):
        self.asked = []
        self.error = None

    def __call__(self, cost_classes, bench, said, *, known):
        if self.error:
            raise self.error
        self.asked.append([cost_class.name for cost_class in cost_classes])
        said("measuring")
        rates = {cost_class.name: Rate(1.0, 0.0, 0.0, 1e9) for cost_class in cost_classes}
        return Calibration("2026-11-25T10:00:00+00:00", 10.0, {**known.rates, **rates} if known
                           else rates)  # fmt: skip


@pytest.fixture
def measuring(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(("COLORWORKER_", "RAY_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLORWORKER_RUN__CACHE", str(tmp_path / "cache"))
    machine = Measuring()
    monkeypatch.setattr(estimator, "calibrate", machine)
    archive = tmp_path / "archive"
    archive.mkdir()
    gray = pyvips.Image.new_from_array(np.zeros((30, 40), np.uint8)).copy(interpretation="b-w")
    for number in range(3):
        gray.write_to_file(str(archive / f"{number}.png"))
    make_film(archive / "r.mp4", Recipe(width=64, height=48, frames=50))
    (tmp_path / "plan.toml").write_text(PLAN)
    return machine


def run(*arguments):
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_dry_run_prints_what_there_is_to_do_and_how_long_it_takes(measuring, tmp_path):
    first = run("colorize", tmp_path / "archive", tmp_path / "out", "--dry-run", "--workers", "2")

    assert "to do: 4 items" in first.stdout
    assert "films: 0.0 minutes, 50 frames" in first.stdout
    assert "expected: 12.0 s with 2 workers like this machine's, 11.0 s with 4" in first.stdout
    assert "measured on this machine at 2026-11-25T10:00:00+00:00" in first.stdout
    assert "measuring" in first.stderr
    assert not (tmp_path / "out").exists()
    assert measuring.asked == [["film/access/h264/yuv420p", "still/access/png/8"]]


def test_a_dry_run_prints_the_segments_of_films_and_of_excerpts(measuring, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORWORKER_MEDIA__SEGMENT_FRAMES", "12")
    (tmp_path / "archive" / "torn.mp4").write_bytes(b"\0\0\0\x18ftypisom torn")
    film, out = tmp_path / "archive" / "r.mp4", tmp_path / "out"

    whole = run("colorize", tmp_path / "archive", out, "--dry-run")
    part = run("colorize", film, out, "--dry-run", "--from", "0.2", "--to", "1")

    assert "00:00:02.000, 50 frames, 25 frames/s, 64 x 48, h264 yuv420p" in whole.stdout
    assert "  1-4       from 00:00:00.000  12 frames each\n" in whole.stdout
    assert "will fail: torn.mp4: " in whole.stdout
    assert "00:00:00.200 to 00:00:01.000: 00:00:00.800, 20 frames, " in part.stdout
    assert "  1         from 00:00:00.200  7 frames\n" in part.stdout
    assert (whole.exit_code, part.exit_code) == (0, 0)
    assert not out.exists()


def test_measurements_are_stored_and_only_new_media_are_measured(measuring, tmp_path):
    command = ["colorize", tmp_path / "archive", tmp_path / "out", "--dry-run"]
    run(*command)
    run(*command)
    run(*command, "--profile", "archive", "--include", "*.png")
    run(*command, "--calibrate")
    alone = run(*command, "--no-calibrate", "--profile", "archive")

    both = ["film/access/h264/yuv420p", "still/access/png/8"]
    assert measuring.asked == [both, ["still/archive/png/8"], both]
    assert "estimated from similar media: film/archive/h264/yuv420p" in alone.stdout


def test_without_a_measurement_the_items_are_listed_without_an_estimate(measuring, tmp_path):
    command = ["colorize", tmp_path / "archive", tmp_path / "out", "--dry-run"]

    said = run(*command, "--no-calibrate").stdout
    measuring.error = UsageError("tensorflow", "is not installed")
    broken = run(*command)

    assert "no estimate: this machine is not measured yet; --calibrate" in said
    assert "r.mp4 -> r.mp4" in broken.stdout
    assert "no estimate: tensorflow: is not installed." in broken.stderr
    assert broken.exit_code == 0


def test_previews_have_no_estimate(measuring, tmp_path):
    said = run("colorize", tmp_path / "archive", tmp_path / "out", "--dry-run", "--preview").stdout

    assert "no estimate: previews are not measured" in said
    assert measuring.asked == []


@pytest.mark.parametrize(("load", "warned"), [(0.2, False), (0.99, False), (1.0, True), (9, True)])
def test_measuring_a_busy_machine_prints_a_warning(load, warned):
    assert ("--calibrate again when it is idle" in estimator.busy_warning(load, 2)) is warned


def test_one_of_each_kind_is_measured_before_a_second_of_any():
    png, tiff, jpeg = (CostClass("still", form, "8") for form in ("png", "tiff", "jpeg"))
    reel = CostClass("film", "h264", "yuv420p")

    assert estimator.one_of_each_first([png, tiff, reel, jpeg]) == [png, reel, jpeg, tiff]
    assert estimator.one_of_each_first([]) == []


def test_calibrate_without_dry_run_is_refused(measuring, tmp_path):
    with pytest.raises(UsageError, match="works only with --dry-run"):
        run("colorize", tmp_path / "archive", tmp_path / "out", "--calibrate")


def test_an_unreachable_destination_of_a_plan_is_named_with_its_line(measuring, tmp_path):
    (tmp_path / "color").write_text("a file")

    with pytest.raises(UsageError) as refused:
        run("restore", tmp_path / "plan.toml")

    where = f"{tmp_path / 'plan.toml'}, line 9: collection[1].destination"
    assert refused.value.subject == where
    assert refused.value.next_step


def test_the_dry_run_of_a_plan_prints_the_number_of_runs_within_its_budget(measuring, tmp_path):
    done = run("restore", tmp_path / "plan.toml", "--dry-run", "--workers", "1")

    assert "all:\n" in done.stdout
    assert "plan nightly: 14.0 s, 0.14 at 36 an hour" in done.stdout
    assert f"none ({tmp_path / 'plan.toml'}, line 13): " in done.stdout
    assert "no such file" in done.stdout
    assert done.exit_code == 2
    (tmp_path / "plan.toml").write_text(PLAN.replace("hours = 0.01", "hours = 0.001"))
    again = run("restore", tmp_path / "plan.toml", "--dry-run", "--workers", "1")
    assert "4 runs within its budget" in again.stdout


@pytest.mark.parametrize(
    ("workers", "cpus", "wanted"),
    [(None, 1, usable_cores()), (None, 10**6, 1), (1, 1, 1), (10**6, 1, usable_cores())],
)
def test_a_node_is_measured_with_as_many_workers_as_a_job_gives_it(workers, cpus, wanted):
    assert estimator.workers_on_a_node(workers, cpus) == wanted
