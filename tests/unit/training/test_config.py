from pathlib import Path

import pytest

from colorworker.errors import UsageError
from colorworker.training.config import TrainConfig, parse_config

CONFIGS = sorted((Path(__file__).parents[3] / "jobs" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid_and_states_time_and_accuracy(path):
    text = path.read_text()

    parse_config(text, path.name)

    head = text[: text.index("[")]
    assert all(line.startswith("#") for line in head.splitlines() if line)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[optimizer]\n\nbatch = 0\n", "line 3, optimizer.batch"),
        ("[optimizer]\nbatchsize = 4\n", "line 2, optimizer.batchsize"),
        ("[optimization]\nbatch = 4\n", "line 1, optimization"),
        ("[picture]\nsize = 100\n", "multiple of 32"),
        ("[hints]\nnone = 0.8\ndense = 0.5\n", "line 1, hints"),
        ("[cluster]\nworkers = 3\n", "not a multiple of cluster.workers"),
        ("[data]\n[data.weights]\nface = 1\npeople = -2\n", "line 4, data.weights.people"),
        ("[data]\nweights = {face = -1}\n", "line 2, data.weights.face"),
        ("[picture\n", "line 1"),
        ("picture = 3\n", "picture"),
    ],
)
def test_an_invalid_value_is_reported_with_line_and_field(text, said):
    with pytest.raises(UsageError) as caught:
        parse_config(text, "my.toml")

    assert "my.toml" in str(caught.value)
    assert said in str(caught.value)


def test_overrides_replace_values_of_the_file():
    config = parse_config(
        '[data]\ntrain = "a"\n', "x", {"data.train": "b", "optimizer.max_steps": 7}
    )

    assert config.data.train == "b"
    assert config.optimizer.max_steps == 7


def test_the_hash_covers_what_affects_the_result():
    same = [
        {},
        {"data.train": "s3://elsewhere/"},
        {"run.output": "there", "run.keep_checkpoints": 5},
        {"data.keep_copy": False, "data.max_gib": 1, "run.validate_steps": 9, "run.threads": 1},
        {"cluster.workers": 2, "cluster.max_failures": 9},
    ]
    other = [
        {"optimizer.seed": 1},
        {"picture.size": 64},
        {"data.min_colorfulness": 1.0},
        {"data.weights": {"face": 0.5}},
        {"loss.consistency": 0.5},
    ]

    hashes = {parse_config("", "x", change).sha256() for change in same}

    assert hashes == {TrainConfig().sha256()}
    assert all(parse_config("", "x", change).sha256() not in hashes for change in other)
