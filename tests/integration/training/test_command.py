"""`colorworker train` before its first step."""

import io
import signal
import tarfile
import time

import pytest

from tests.integration.training.pictures import codes, encoded

pytestmark = pytest.mark.integration


def test_a_training_that_cannot_start_ends_with_one_sentence(command, tmp_path):
    (tmp_path / "empty").mkdir()
    config = tmp_path / "config.toml"
    config.write_text("[optimizer]\nbatch = -1\n")
    mistaken = command.here("train", config, "--data", tmp_path, "--output", tmp_path / "out")
    config.write_text("")
    nameless = command.here("train", config, "--output", tmp_path / "out")
    empty = command.here(
        "train", config, "--data", tmp_path / "empty", "--output", tmp_path / "out"
    )

    assert [run.returncode for run in (mistaken, nameless, empty)] == [2, 2, 2]
    assert "line 2, optimizer.batch" in mistaken.stderr
    assert "--data" in nameless.stderr
    assert "no picture and no tar shard" in empty.stderr
    assert not (tmp_path / "out").exists()


def test_sigterm_stops_the_copying_of_pictures_at_once_and_keeps_what_is_copied(command, tmp_path):
    shard = tmp_path / "data" / "train-000.tar"
    shard.parent.mkdir()
    pictures = [encoded(codes(number)) for number in range(20)]
    with tarfile.open(shard, "w") as tar:
        for number in range(20_000):
            member = tarfile.TarInfo(f"{number:05d}.jpg")
            member.size = len(pictures[number % 20])
            tar.addfile(member, io.BytesIO(pictures[number % 20]))
    config = tmp_path / "config.toml"
    config.write_text("[picture]\nsize = 32\n")

    process = command.start(
        "train", config, "--data", shard.parent, "--output", tmp_path / "out",
        COLORWORKER_RUN__CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    line = next(line for line in process.stderr if "copying the pictures" in line)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()

    assert process.returncode == 130, err
    assert "stopped while copying the pictures" in out
    assert "MiB (0%)" in line
    assert time.monotonic() - begun < 30
    [index] = (tmp_path / "cache" / "pictures").glob("*/index.jsonl")
    assert len(index.read_text().splitlines()) < 20_000
