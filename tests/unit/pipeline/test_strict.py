"""The option `strict` fails items of which something is lost or altered, and only those."""

import struct
import zlib
from dataclasses import replace
from typing import get_args

import av
import numpy as np
import pytest
import pyvips

from colorworker.domain.notes import Note, split_notes
from colorworker.domain.optionfields import Place, option_fields
from colorworker.domain.options import Options
from colorworker.domain.units import segments, still
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.memory import MemoryStore
from tests.jobharness import TOY_MODEL, folder_entries, run_toy_job
from tests.toycolorizer import ToyColorizer

LENIENT = Options(profile="archive", segment_frames=8)
STRICT = replace(LENIENT, strict=True)


class CountingColorizer(ToyColorizer):
    """Counts the pictures that it colors."""

    predicted = 0

    def predict(self, lightness, hints=None):
        type(self).predicted += len(lightness)
        return super().predict(lightness, hints)


def run(folder, destination, options, **settings):
    CountingColorizer.predicted = 0
    make = lambda _: CountingColorizer()  # noqa: E731
    lines = run_toy_job(folder, destination, options, make_colorizer=make, **settings)
    return lines, CountingColorizer.predicted


@pytest.fixture
def destination():
    return MemoryStore("destination")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "source"
    made.mkdir()
    return made


def damaged_film(path):
    make_film(path, Recipe(codec="mjpeg", pix_fmt="yuvj420p", frames=16))
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][10]
    path.write_bytes(path.read_bytes().replace(packet, b"\xff" * len(packet)))


def png_with_a_text(path):
    gray = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    data = pyvips.Image.new_from_array(gray).pngsave_buffer()
    text = b"tEXtTitle\0Reel 7"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    path.write_bytes(data[:33] + chunk + data[33:])


def test_a_film_that_passed_is_judged_anew_without_coloring_it_again(folder, destination):
    damaged_film(folder / "film.mov")
    settings = {"repeat_damaged": True}

    passed, colored = run(folder, destination, LENIENT, **settings)
    judged, colored_again = run(folder, destination, STRICT, **settings)
    accepted, colored_last = run(folder, destination, LENIENT, **settings)

    line = judged["film.mov"]
    assert (passed["film.mov"].outcome, colored > 0) == ("succeeded", True)
    assert (line.outcome, line.error_code, line.resumed) == ("failed", "strict", True)
    assert "1 of 8 frames do not decode and repeat the previous frame" in line.error
    assert line.error.endswith("film.mkv is kept; leave out --strict to accept it.")
    assert line.output_key == passed["film.mov"].output_key
    assert line.warnings == passed["film.mov"].warnings != ()
    assert accepted["film.mov"].outcome == "succeeded"
    assert (colored_again, colored_last) == (0, 0)


def test_a_warning_of_the_scan_fails_a_film_before_it_is_colored(folder, destination):
    path = make_film(folder / "film.dv", Recipe(codec="dvvideo", pix_fmt="yuv420p", width=720,
                                                 height=576, frames=4))  # fmt: skip
    path.write_bytes(path.read_bytes()[:-1000])

    lines, colored = run(folder, destination, STRICT)

    line = lines["film.dv"]
    assert (line.outcome, line.error_code, colored) == ("failed", "strict", 0)
    assert "are only part of a frame" in line.error
    assert line.error.endswith("Leave out --strict to color it all the same.")


def test_notes_about_what_is_harmless_do_not_count(folder, destination):
    make_film(folder / "film.avi", Recipe(frames=8, height=64, field_order=2, sound="pcm_s16le"))

    options = Options(strict=True, deinterlace="bwdif")
    lines, _ = run(folder, destination, options)

    line = lines["film.avi"]
    assert (line.outcome, line.error, line.warnings) == ("succeeded", "", ())
    assert "deinterlaced with bwdif" in line.notes[0]
    assert any("becomes aac" in note for note in line.notes)


def test_each_still_of_a_batch_is_judged_by_its_own_options(folder, destination):
    for name in ("kept.png", "lost.png", "strict.png"):
        png_with_a_text(folder / name)
    own = {"kept.png": "kept.png", "lost.png": "lost.tif", "strict.png": "strict.tif"}
    entries = [
        replace(
            entry,
            output_key=own[entry.key],
            own_options=() if entry.key == "lost.png" else (("strict", True),),
        )
        for entry in folder_entries(folder, LENIENT)
    ]

    lines, _ = run(folder, destination, LENIENT, entries=entries)

    assert {key: line.outcome for key, line in lines.items()} == {
        "kept.png": "succeeded",
        "lost.png": "succeeded",
        "strict.png": "failed",
    }
    assert "TIFF has no place for the PNG's 1 text chunks" in lines["strict.png"].error


def test_a_film_in_color_is_skipped_whatever_its_warnings(folder, destination):
    path = folder / "film.dv"
    rows, columns = np.mgrid[0:576, 0:720] * 255 // 720
    picture = np.stack([rows, columns, 255 - columns], -1).astype(np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        for _ in range(4):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[:-1000])

    lines, _ = run(folder, destination, STRICT)

    assert lines["film.dv"].outcome == "skipped"


def test_the_option_is_no_part_of_an_identity(folder):
    path = folder / "a.png"
    png_with_a_text(path)
    (entry,) = folder_entries(folder, LENIENT)
    asset = entry.asset()

    one, other = (still(asset, "a.tif", each, TOY_MODEL) for each in (LENIENT, STRICT))
    parts = [segments(asset, [], "scan", each, TOY_MODEL) for each in (LENIENT, STRICT)]

    assert one.unit_id == other.unit_id
    assert parts[0] == parts[1]
    assert other.options.strict


def test_the_option_can_be_given_everywhere():
    places = get_args(Place)

    assert len(places) == 3
    for place in places:
        assert "strict" in {field.name for field in option_fields(Options, place)}


def test_sentences_are_split_into_warnings_and_notes_once_each():
    found = split_notes(["lost", Note("fine"), "lost", Note("fine"), Note("also fine")])

    assert found == (("lost",), ("fine", "also fine"))
    assert {type(each) for each in found[1]} == {str}
