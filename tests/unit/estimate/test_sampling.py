"""An archive looked over: what headers say, what is done, and what a sample stands for."""

from dataclasses import replace

import numpy as np
import pytest
import pyvips

from colorworker.domain.entries import count_entries
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import output_identity
from colorworker.estimate.sampling import Recorded, survey
from colorworker.inputs.listing import OpenSource, list_entries
from colorworker.media.containers.headers import film_header
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from colorworker.store.memory import MemoryStore
from colorworker.store.sources import Source

OPTIONS, MODEL = Options(segment_frames=24), ModelRef("lite", "0" * 64)


@pytest.fixture
def archive(tmp_path):
    gray = pyvips.Image.new_from_array(np.zeros((30, 40), np.uint8)).copy(interpretation="b-w")
    for number in range(6):
        gray.write_to_file(str(tmp_path / f"{number}.png"))
    gray.write_to_file(str(tmp_path / "a.jpg"))
    make_film(tmp_path / "r.mp4", Recipe(width=64, height=48, frames=60, gop_size=12))
    make_film(tmp_path / "s.mkv", Recipe("ffv1", "gray", 32, 32, 30, gop_size=1))
    (tmp_path / "torn.mp4").write_bytes(b"\0\0\0\x18ftypisom torn")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def look(archive, destination=None, **changes):
    entries = list_entries([OpenSource(Source(str(archive)), LocalStore(archive))], OPTIONS)
    volume = survey(
        entries, count_entries(entries), OPTIONS, MODEL, lambda _: LocalStore(archive),
        Recorded(destination), **changes,
    )  # fmt: skip
    return entries, volume


def test_headers_give_the_properties_of_pictures_and_films(archive):
    _, volume = look(archive)

    found = {
        sample.cost_class.name: (group.items, sample.frames, sample.megapixels, sample.segments)
        for group in volume.groups
        for sample in group.samples
    }
    assert found == {
        "still/access/png/8": (6, 1, 0.0012, 1),
        "still/access/jpeg/8": (1, 1, 0.0012, 1),
        "film/access/h264/yuv420p": (2, 60, 0.003072, 2),
        "film/access/ffv1/gray": (1, 30, 0.001024, 1),
    }
    assert (volume.items, volume.items_done) == (10, 0)


def test_a_sample_of_every_group_is_examined(archive):
    _, volume = look(archive, most_samples=2)

    samples = {group.items: len(group.samples) for group in volume.groups if group.kind == "still"}
    assert samples == {6: 2, 1: 1}
    assert sum(group.items for group in volume.groups) == 10


def test_items_with_a_done_record_are_not_counted(archive):
    store = MemoryStore("color")
    entries, _ = look(archive)
    for entry in entries:
        if entry.key in {"0.png", "r.mp4"}:
            store.put(f".colorworker/units/{output_identity(entry, OPTIONS, MODEL)}.json", b"{}")
    store.put(".colorworker/units/no unit", b"")

    _, volume = look(archive, store)

    assert (volume.items, volume.items_done) == (8, 2)
    assert len(Recorded(store)) == 3


def test_only_frames_inside_an_excerpt_count(archive):
    entries = [entry for entry in look(archive)[0] if entry.key == "r.mp4"]

    found = [
        survey(
            entries,
            count_entries(entries),
            replace(OPTIONS, excerpt=excerpt),
            MODEL,
            lambda _: LocalStore(archive),
        )
        .groups[0]
        .samples[0]
        for excerpt in ((400, 1400), (1400, None), (400, 99_000))
    ]

    assert [sample.frames for sample in found] == [25, 25, 50]
    assert [sample.film_seconds for sample in found] == pytest.approx([1.0, 1.0, 2.0])


def test_sound_bytes_are_separated_from_picture_bytes_by_the_header(tmp_path):
    make_film(tmp_path / "r.mkv", Recipe(width=64, height=48, frames=50, sound="pcm_s16le"))
    size_bytes = (tmp_path / "r.mkv").stat().st_size

    _, volume = look(tmp_path)
    (sample,) = volume.groups[0].samples

    # Stereo, 48 kHz, 16 bits, 2 seconds.
    assert sample.other_bytes == pytest.approx(2 * 192_000, rel=0.05)
    assert sample.picture_bytes + sample.other_bytes == size_bytes


def test_film_duration_comes_from_the_header(tmp_path):
    film = make_film(tmp_path / "r.mkv", Recipe(width=64, height=48, frames=50))

    with film.open("rb") as reader:
        header = film_header(reader, film.name)

    assert (header.codec, header.pix_fmt, header.width, header.height) == (
        "h264", "yuv420p", 64, 48,
    )  # fmt: skip
    assert (header.frames, header.seconds) == (50, pytest.approx(2.0, abs=0.05))


def test_a_source_that_brings_out_a_bug_is_not_estimated(archive, monkeypatch, caplog):
    def failing(reader, key, **_):
        raise IndexError(key)

    monkeypatch.setattr("colorworker.estimate.sampling.open_still", failing)
    _, volume = look(archive)

    assert {group.kind for group in volume.groups if group.samples} == {"film"}
    assert volume.items == 10
    assert "0.png: not estimated" in caplog.text
