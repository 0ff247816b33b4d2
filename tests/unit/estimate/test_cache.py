"""Calibrations are kept by what they hold for; what is damaged is not trusted."""

import json
from dataclasses import replace

import pytest

from colorworker.domain.costs import Calibration, Rate
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.estimate.cache import CalibrationFile
from colorworker.estimate.calibrate import Bench

BENCH = Bench(ModelRef("lite", "0" * 64), Options(), 1, 8)
FOUND = Calibration(
    "2026-11-25T10:00:00+00:00", 8.5, {"still/access/png/8": Rate(0.1, 0.0, 0.5, 250_000.0)}
)


def test_a_stored_calibration_is_read_back(tmp_path):
    kept = CalibrationFile(tmp_path / "cache", BENCH)
    assert kept.read() is None

    kept.write(FOUND)

    assert kept.read() == FOUND
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [kept.path.name]


@pytest.mark.parametrize(
    "other",
    [
        replace(BENCH, workers=2),
        replace(BENCH, threads=2),
        replace(BENCH, model=ModelRef("lite", "1" * 64)),
        replace(BENCH, options=Options(preset="slow")),
        replace(BENCH, options=Options(anchor_interval=3)),
    ],
)
def test_different_conditions_use_a_different_file(tmp_path, other):
    CalibrationFile(tmp_path, BENCH).write(FOUND)

    assert CalibrationFile(tmp_path, other).read() is None


def test_options_that_do_not_change_costs_share_a_file(tmp_path):
    CalibrationFile(tmp_path, BENCH).write(FOUND)

    calm = replace(BENCH, options=Options(vividness=0.1, profile="archive"))

    assert CalibrationFile(tmp_path, calm).read() == FOUND


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: "{",
        lambda _: "[]",
        lambda values: json.dumps({**values, "circumstances": {}}),
        lambda values: json.dumps(values).replace("8.5", "NaN"),
        lambda values: json.dumps(values).replace("8.5", '"soon"'),
        lambda values: json.dumps(values).replace("0.5", "-1"),
        lambda values: json.dumps(values).replace("item_seconds", "seconds"),
    ],
)
def test_a_damaged_file_is_reported_and_ignored(tmp_path, caplog, damage):
    kept = CalibrationFile(tmp_path, BENCH)
    kept.write(FOUND)
    kept.path.write_text(damage(json.loads(kept.path.read_text())))

    assert kept.read() is None
    assert "it is damaged" in caplog.text


def test_an_unwritable_cache_folder_does_not_fail_the_estimate(tmp_path, caplog):
    (tmp_path / "file").write_text("")

    CalibrationFile(tmp_path / "file", BENCH).write(FOUND)

    assert "could not be stored" in caplog.text
