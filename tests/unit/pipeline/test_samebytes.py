"""Two runs write the same bytes, so a copy can be checked by doing it again."""

import hashlib

import pytest

from colorworker.domain.options import Options
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from tests.archives import save_picture
from tests.jobharness import run_toy_job
from tests.richmatroska import make_rich_matroska


def hashes(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


@pytest.mark.parametrize("profile", ["archive", "access"])
def test_two_runs_write_the_same_bytes(profile, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    make_film(archive / "a.mkv", Recipe(frames=8, sound="flac", metadata={"title": "a"}))
    make_film(archive / "b.mov", Recipe(frames=8, codec="prores_ks", pix_fmt="yuv422p10le"))
    make_rich_matroska(archive / "rich.mkv")
    save_picture(archive / "a.tif", bits=16)
    save_picture(archive / "c.jpg")
    options = Options(profile=profile, segment_frames=4, color_sources="recolor")

    found = []
    for name in ("first", "second"):
        lines = run_toy_job(archive, LocalStore(tmp_path / name), options, max_attempts=1)
        assert {line.outcome for line in lines.values()} <= {"succeeded", "skipped"}
        found.append(hashes(tmp_path / name))

    assert found[0] == found[1]
