"""`colorworker references export`: what it prints, writes and refuses."""

import pytest
from typer.testing import CliRunner

from colorworker.cli.app import app
from colorworker.errors import UsageError
from colorworker.media.synthetic import Recipe, make_film
from tests.sequences import write_sequence


def export(*arguments):
    return CliRunner().invoke(app, ["references", "export", *map(str, arguments)])


def test_a_damaged_film_is_one_sentence_and_the_others_are_exported(tmp_path):
    films, refs = tmp_path / "films", tmp_path / "refs"
    (films / "b").mkdir(parents=True)
    make_film(films / "b" / "good.mkv", Recipe(frames=12, shots=1))
    (films / "a.mkv").write_bytes(make_film(tmp_path / "c.mkv", Recipe()).read_bytes()[:300])
    (films / "notes.txt").write_text("no film")

    end = export(films, refs)

    assert end.exit_code == 3
    assert "a.mkv" in end.stderr
    assert end.stdout == "b/good.mkv: 1 shot, 1 frame written\n"
    assert [path.name for path in (refs / "b" / "good.mkv").iterdir()].count("ref_000006.png") == 1

    again = export(films, refs, "--exclude", "a.mkv")

    assert again.exit_code == 0
    assert again.stdout == "b/good.mkv: 1 shot, 0 frames written, 1 kept\n"


def test_sources_without_films_and_references_inside_sources_are_refused(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "notes.txt").write_text("no film")

    nothing = export(tmp_path / "films", tmp_path / "refs")
    inside = export(tmp_path / "films", tmp_path / "films" / "refs")

    assert isinstance(nothing.exception, UsageError)
    assert "no film matched" in str(nothing.exception)
    assert isinstance(inside.exception, UsageError)
    assert "lies inside the source" in str(inside.exception)


def test_frames_of_an_image_sequence_are_exported(tmp_path):
    write_sequence(tmp_path / "scans" / "reel7", 12)
    pattern = tmp_path / "scans" / "reel7" / "scan_%04d.png"

    found = export(tmp_path / "scans", tmp_path / "refs", "--sequences", "film", "--fps", "18")
    named = export(pattern, tmp_path / "more", "--fps", "18")
    without = export(pattern, tmp_path / "none")

    assert found.stdout == "reel7/scan_%04d.png: 1 shot, 1 frame written\n"
    assert (tmp_path / "refs/reel7/scan_%04d.png/ref_000006.png").is_file()
    assert named.exit_code == 0
    assert without.exit_code == 3
    assert "--fps" in without.stderr


@pytest.mark.parametrize("arguments", [(), ("only-one",)])
def test_two_paths_are_needed(arguments):
    assert export(*arguments).exit_code != 0
