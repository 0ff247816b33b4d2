"""`--encoder nvenc`: a job that could not be encoded is refused before anything is colored."""

import os
import platform
import re

import pytest
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.errors import UsageError
from colorworker.media.codecs import nvenc
from colorworker.media.synthetic import Recipe, make_film


@pytest.fixture
def colorize(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("COLORWORKER_", "RAY_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "archive").mkdir()
    make_film(tmp_path / "archive" / "r.mp4", Recipe(frames=4))

    def run(*options):
        words = ["colorize", str(tmp_path / "archive"), str(tmp_path / "out"), *options]
        done = CliRunner().invoke(app, [*words, "--dry-run", "--no-calibrate"])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code

    return run


@pytest.mark.parametrize("codec", ["h264", "av1"])
def test_a_job_with_nvenc_does_not_start_on_a_machine_without_it(codec, colorize):
    answer = nvenc.probe_nvenc(f"{codec}_nvenc")
    asked = ("--encoder", "nvenc", "--codec", codec)

    if answer.works:
        assert colorize(*asked) == 0
    else:
        said = f"{codec}_nvenc does not work on {platform.node()} ({answer.reason})"
        with pytest.raises(UsageError, match=re.escape(said)):
            colorize(*asked)


def test_nvenc_is_not_checked_for_ray_workers_and_previews(colorize):
    assert colorize("--encoder", "nvenc", "--executor", "ray") == 0
    assert colorize("--encoder", "nvenc", "--preview") == 0


def test_profiles_that_nvenc_cannot_write_are_refused(colorize):
    with pytest.raises(UsageError, match="it does not write profile archive"):
        colorize("--encoder", "nvenc", "--profile", "archive")
