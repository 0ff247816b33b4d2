"""Image sequences colored into films."""

import av
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.sequences import encode_picture, write_sequence
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
