"""`colorworker train` where it cannot start."""

import pytest

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
