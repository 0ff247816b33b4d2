"""`colorworker evaluate` on a handful of small pictures and a film."""

import json
import os

import numpy as np
import pytest
import pyvips

from tests.archives import save_film

pytestmark = pytest.mark.integration


def save_color(path, seed, height=48, width=64):
    generator = np.random.default_rng(seed)
    coarse = generator.integers(20, 236, (3, 4, 3)).astype(np.uint8)
    image = pyvips.Image.new_from_array(coarse).copy(interpretation="srgb")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize(width / 4, vscale=height / 3).write_to_file(str(path))


@pytest.fixture
def truth(tmp_path):
    """Six color pictures, a broken one, and a file that is none."""
    folder = tmp_path / "truth"
    for index in range(5):
        save_color(folder / f"{index}.png", index)
    save_color(folder / "sub" / "5.jpg", 5, 64, 48)
    (folder / "3-cut.png").write_bytes((folder / "3.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_pictures_and_a_film_are_measured_in_one_run(command, truth, tmp_path):
    film = save_film(tmp_path / "film.mp4", frames=12)
    output = tmp_path / "out"

    done = command.here(
        "evaluate", truth, "--output", output, "--plot-pictures", 0, "--seed", 1,
        "--film", film, "--against", film,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "6 pictures measured, 1 not" in done.stdout
    assert "not measured: 3-cut.png" in done.stdout
    assert "CIEDE2000" in done.stdout
    document = json.loads((output / "evaluation.json").read_bytes())
    gray, mean, lite = document["pictures"]["rows"]
    assert [gray["name"], mean["name"]] == ["gray", "constant mean"]
    assert lite["name"] == "lite, vividness 0.8"
    assert lite["sha256"]
    assert lite["colorfulness"] > gray["colorfulness"]
    assert [row["coloring"] for row in document["films"]] == ["gray", "colored"]
    assert document["films"][1]["scores"]["frames"] == 12
    assert {path.name for path in output.iterdir() if path.is_file()} == {
        "evaluation.html", "evaluation.json", "table.md",
        "sheet-best.jpg", "sheet-median.jpg", "sheet-worst.jpg",
    }  # fmt: skip


@pytest.mark.parametrize("trouble", ["empty", "film without source"])
def test_an_evaluation_that_cannot_start_ends_with_one_sentence(command, tmp_path, trouble):
    folder = tmp_path / "truth"
    folder.mkdir()
    arguments = [folder] if trouble == "empty" else ["--film", "a.mkv"]

    done = command.here("evaluate", *arguments, "--output", tmp_path / "out")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("colorworker: ")
    assert "Traceback" not in done.stderr
    assert not os.path.lexists(tmp_path / "out")
