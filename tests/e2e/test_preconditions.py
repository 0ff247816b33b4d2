"""What is wrong with the place ends a job with one sentence, and is charged to no item."""

import hashlib
import json
import subprocess
import time

import pytest

from colorworker.model.weights import PACKAGED
from tests.commandline import REPOSITORY

DEMO = REPOSITORY / "docs" / "demo"
BROKEN = {
    "missing": "import sys\nsys.modules.pop(__name__)\nraise ModuleNotFoundError("
    "\"No module named 'tensorflow'\", name='tensorflow')\n",
    "broken": "raise ImportError('libcublas.so.12: cannot open shared object file\\nand more')\n",
    "raising": "raise RuntimeError('no AVX')\n",
    "exiting": "import sys\nsys.exit(1)\n",
    "crashing": "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n",
}


def without(tmp_path, module, source):
    """Return the environment in which importing a module does what the source does."""
    folder = tmp_path / "stubs" / module
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(source)
    return {"PYTHONPATH": f"{folder.parent}:{REPOSITORY}"}


def states(destination):
    """Return what runs have left on a destination besides its pages: paths of files."""
    found = {path.relative_to(destination) for path in destination.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if path.suffix != ".html"}


def refused(done, *words):
    """Check that a command could not start, and said so in one sentence."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("colorworker: ")
    for word in words:
        assert word in line


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MiB; skips the test where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("state", BROKEN)
def test_colorize_ends_at_once_and_writes_nothing_if_tensorflow_does_not_load(
    state, command, tmp_path
):
    environment = without(tmp_path, "tensorflow", BROKEN[state])
    began = time.monotonic()

    done = command.run("colorize", DEMO, tmp_path / "out", **environment)

    refused(done, "tensorflow: ", "pip install ")
    assert time.monotonic() - began < 60
    assert not (tmp_path / "out").exists()


def test_restore_counts_no_attempts_if_tensorflow_does_not_load(command, tmp_path):
    environment = without(tmp_path, "tensorflow", BROKEN["broken"])
    out, plan = tmp_path / "out", tmp_path / "plan.toml"
    plan.write_text(
        "[retry]\nattempts = 1\n"
        f'[[collection]]\nname = "demo"\nsources = ["{DEMO}"]\ndestination = "{out}"\n'
    )

    runs = [command.run("restore", plan, **environment) for _ in range(2)]
    failures = command.run("restore", plan, "--failures")

    for done in runs:
        assert done.returncode == 2
        assert done.stdout.count("tensorflow: does not load (ImportError: libcublas") == 1
        assert "and more" not in done.stdout + done.stderr
    assert (failures.returncode, failures.stdout) == (0, "")
    # The plan's own state is kept; there is no job, and so no item that failed.
    assert {name.split("/")[1] for name in states(out)} == {"state.json", "plans", "jobs"}
    assert {name.split("/")[2] for name in states(out) if "/jobs/" in name} == {"plan-plan"}
    for path in (out / ".colorworker" / "jobs" / "plan-plan" / "runs").glob("*.json"):
        counts = json.loads(path.read_text())["counts"]
        assert (counts["items_failed"], counts["items_parked"]) == (0, 0)


def test_a_disk_that_fills_up_during_a_run_ends_it_without_counting_attempts(
    command, small_disk, tmp_path
):
    plan, out = tmp_path / "plan.toml", small_disk / "out"
    plan.write_text(
        "[retry]\nattempts = 1\n"
        f'[[collection]]\nname = "demo"\nsources = ["{DEMO}"]\ndestination = "{out}"\n'
    )

    done = command.here("restore", plan, COLORWORKER_RUN__MIN_FREE_BYTES="0")
    failures = command.here("restore", plan, "--failures")

    assert done.returncode == 2
    assert "no space left on the disk of " in done.stdout
    assert (failures.returncode, failures.stdout) == (0, "")


def test_a_finished_archive_is_recognized_without_tensorflow(command, archive, tmp_path):
    (archive / "reel.mp4").unlink()
    out = tmp_path / "out"
    assert command.here("colorize", archive, out).returncode == 0

    for state in ("missing", "broken"):
        environment = without(tmp_path / state, "tensorflow", BROKEN[state])
        done = command.run("colorize", archive, out, **environment)

        assert done.returncode == 0, done.stderr
        assert "3 of 3 items done or skipped, 0 failed" in done.stdout


@pytest.mark.parametrize("module", ["av", "pyvips", "cv2"])
def test_a_library_that_does_not_load_is_reported_in_one_sentence(module, command, tmp_path):
    environment = without(tmp_path, module, "raise ImportError('broken')\n")

    done = command.run("colorize", DEMO, tmp_path / "out", **environment)

    refused(done, f"{module}: does not load (ImportError: broken)", "pip install ")
    assert not (tmp_path / "out").exists()


def test_a_bucket_without_boto3_is_reported_in_one_sentence(command, tmp_path):
    environment = without(tmp_path, "boto3", "raise ImportError('broken')\n")

    done = command.run("colorize", DEMO, "s3://bucket/out", **environment)

    refused(done, "boto3: does not load (broken)", "pip install 'colorworker[s3]'")


def test_weights_with_another_hash_are_reported_in_one_sentence(command, tmp_path):
    weights = tmp_path / "mine.npz"
    weights.write_bytes(b"other weights")
    seen = hashlib.sha256(b"other weights").hexdigest()

    done = command.run(
        "colorize", DEMO, tmp_path / "out", "--model", f"{weights}#sha256={PACKAGED['lite']}"
    )

    refused(done, "mine.npz", seen[:12], PACKAGED["lite"][:12])
    assert not (tmp_path / "out").exists()


def test_a_destination_that_cannot_be_written_is_reported_in_one_sentence(command):
    done = command.run("colorize", DEMO, "/sys/fs/colorworker")

    refused(done, "/sys/fs/colorworker: ", "a test write from ")


def test_too_little_free_space_is_reported_in_one_sentence(command, tmp_path):
    done = command.run(
        "colorize", DEMO, tmp_path / "out", COLORWORKER_RUN__MIN_FREE_BYTES=str(1 << 60)
    )

    refused(done, "MiB are free", "COLORWORKER_RUN__MIN_FREE_BYTES")
    assert states(tmp_path / "out") == set()


def test_a_dry_run_needs_neither_tensorflow_nor_write_access(command, tmp_path):
    environment = without(tmp_path, "tensorflow", BROKEN["broken"])

    done = command.run(
        "colorize", DEMO, "/sys/fs/colorworker", "--dry-run", "--no-calibrate", **environment
    )

    assert done.returncode == 0, done.stderr
    assert "to do: 7 items" in done.stdout
