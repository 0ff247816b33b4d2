"""Image sequences colored into films."""

from dataclasses import replace

import av
import numpy as np
import pytest
import pyvips

from colorworker.domain.options import Options
from colorworker.store.local import LocalStore
from tests.jobharness import folder_entries, run_toy_job
from tests.sequences import (
    encode_picture,
    gray_dpx,
    moving_codes,
    with_film_header,
    write_sequence,
)
from tests.toycolorizer import ToyColorizer

ARCHIVE = Options(sequences="film", fps=24.0, profile="archive", segment_frames=4)
KINDS = {
    "png8": {"extension": ".png", "pix_fmt": "gray"},
    "png16": {"extension": ".png", "pix_fmt": "gray16be", "depth": 16},
    "tiff8": {"extension": ".tif", "pix_fmt": "gray"},
    "tiff16": {"extension": ".tif", "pix_fmt": "gray16le", "depth": 16},
    "jpeg": {"extension": ".jpg", "pix_fmt": "yuvj444p"},
    "dpx8": {"extension": ".dpx", "pix_fmt": "gray"},
    "dpx10": {"extension": ".dpx", "pix_fmt": "gbrp10be", "depth": 10},
    "dpx16": {"extension": ".dpx", "pix_fmt": "gray16be", "depth": 16},
}


def luma_codes(path):
    with av.open(str(path)) as film:
        found = []
        for frame in film.decode(video=0):
            plane = frame.planes[0]
            dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
            rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype().itemsize)
            found.append(rows[: frame.height, : frame.width].copy())
        return found


def colored(tmp_path, options=ARCHIVE, **settings):
    destination = LocalStore(tmp_path / "out")
    return run_toy_job(tmp_path / "in", destination, options, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_luma_of_the_film_has_the_codes_of_the_frames(tmp_path, kind):
    written = write_sequence(tmp_path / "in", 9, **KINDS[kind])

    (line,) = colored(tmp_path).values()

    assert (line.outcome, line.kind, line.frames, line.error) == ("succeeded", "film", 9, "")
    found = luma_codes(tmp_path / "out" / line.output_key)
    if kind == "jpeg":
        written = [
            np.asarray(frame)
            for path in sorted((tmp_path / "in").iterdir())
            for frame in luma_codes(path)
        ]
    assert all(np.array_equal(one, other) for one, other in zip(found, written, strict=True))


def test_a_second_run_finds_the_finished_segments(tmp_path):
    write_sequence(tmp_path / "in", 12)
    asked = []

    def toy(settings):
        asked.append(settings)
        return ToyColorizer()

    destination = LocalStore(tmp_path / "out")
    (line,) = run_toy_job(
        tmp_path / "in", destination, ARCHIVE, make_colorizer=toy, keep_parts=True
    ).values()
    first = len(asked)
    (tmp_path / "out" / line.output_key).unlink()

    (again,) = run_toy_job(tmp_path / "in", destination, ARCHIVE, make_colorizer=toy).values()

    assert first > 0
    assert len(asked) == first
    assert again.outcome == "succeeded"


def test_a_damaged_frame_is_named(tmp_path):
    write_sequence(tmp_path / "in", 12)
    frame = tmp_path / "in/scan_0011.png"
    frame.write_bytes(frame.read_bytes()[:200])

    (line,) = colored(tmp_path).values()

    assert line.outcome == "failed"
    assert "at frame scan_0011.png" in line.error


def test_a_frame_of_another_size_is_named(tmp_path):
    write_sequence(tmp_path / "in", 9)
    codes = np.zeros((32, 48), np.uint8)
    (tmp_path / "in/scan_0005.png").write_bytes(encode_picture(codes, ".png", "gray"))

    (line,) = colored(tmp_path).values()

    assert line.outcome == "failed"
    assert "change at frame scan_0005.png from 96 x 64 gray to 48 x 32 gray" in line.error


def test_hints_and_references_apply_to_frames_by_their_index(tmp_path):
    write_sequence(tmp_path / "in", 9)
    hints = tmp_path / "in/scan_%04d.hints"
    hints.mkdir()
    (hints / "000003.json").write_text('[{"x": 40, "y": 30, "radius": 8, "color": "#e01010"}]')
    (tmp_path / "refs").mkdir()
    red = np.full((64, 96, 3), (200, 60, 40), np.uint8)
    pyvips.Image.new_from_array(red).copy(interpretation="srgb").write_to_file(
        str(tmp_path / "refs/ref_000003.png")
    )
    options = Options(sequences="film", fps=24.0, references=str(tmp_path / "refs"))

    (entry,) = folder_entries(tmp_path / "in", options)
    (line,) = colored(tmp_path, options).values()
    plain = run_toy_job(
        tmp_path / "in",
        LocalStore(tmp_path / "plain"),
        options,
        entries=[replace(entry, own_options=())],
    )[line.key]

    own = dict(entry.own_options)
    assert [file.frame for file in own["hint_files"]] == [3]
    assert [each.frame for each in own["reference_frames"]] == [3]
    assert (line.outcome, line.error, plain.error) == ("succeeded", "", "")
    assert line.output_sha256 != plain.output_sha256


def test_a_scan_of_one_channel_of_10_bits_is_read_in_its_order(tmp_path):
    (tmp_path / "in").mkdir()
    written = [moving_codes(index, 10) for index in range(9)]
    for index, codes in enumerate(written):
        (tmp_path / f"in/a{index:02d}.dpx").write_bytes(gray_dpx(codes))

    (film,) = colored(tmp_path, Options(sequences="film", fps=18.0, profile="archive")).values()
    frames = colored(tmp_path, Options(sequences="frames", fps=18.0))["a%02d.dpx"]

    assert [film.error, frames.error] == ["", ""]
    found = luma_codes(tmp_path / "out" / film.output_key)
    assert all(np.array_equal(one, other) for one, other in zip(found, written, strict=True))


@pytest.mark.parametrize("sequences", ["film", "frames"])
def test_missing_numbers_that_are_accepted_are_noted(sequences, tmp_path):
    write_sequence(tmp_path / "in", 12)
    for number in (4, 5):
        next((tmp_path / "in").glob(f"*{number:04d}.png")).unlink()
    options = replace(ARCHIVE, sequences=sequences, sequence_gaps="hold")

    (line,) = colored(tmp_path, options).values()

    assert line.outcome == "succeeded", line.error
    (noted,) = [note for note in line.notes if "missing" in note]
    assert noted.startswith("2 frames are missing between 1 and 12: 4 to 5; films show the frame")


@pytest.mark.parametrize("profile", ["access", "mezzanine", "archive"])
@pytest.mark.parametrize("excerpt", [None, (200, 400)])
def test_the_film_begins_at_the_timecode_of_the_first_frame(tmp_path, profile, excerpt):
    write_sequence(tmp_path / "in", 10, extension=".dpx", pix_fmt="gbrp10be", depth=10)
    for path in sorted((tmp_path / "in").iterdir()):
        path.write_bytes(with_film_header(path.read_bytes(), rate=24.0, transfer=0))
    options = Options(sequences="film", profile=profile, excerpt=excerpt, segment_frames=4)

    (line,) = colored(tmp_path, options).values()

    assert line.error == ""
    with av.open(str(tmp_path / "out" / line.output_key)) as film:
        tags = [film.metadata, *(stream.metadata for stream in film.streams)]
    found = {value for each in tags for name, value in each.items() if name.lower() == "timecode"}
    dropped = [said for said in line.warnings if "timecode is dropped" in said]
    assert (found, len(dropped)) == (({"01:02:03:04"}, 0) if excerpt is None else (set(), 1))
    assert not any("tag timecode" in said for said in line.warnings)
    said = line.notes if excerpt is None else line.warnings
    assert any("per-frame timecodes (SMPTE ST 12-1) in" in each for each in said)
