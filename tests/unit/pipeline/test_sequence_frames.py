"""Image sequences colored into frames of the same kind."""

import hashlib

import av
import numpy as np
import pytest

from colorworker.color.luma import ColorSpec
from colorworker.domain.options import Options
from colorworker.errors import PlaceFailed
from colorworker.media.rgbluma import rgb_luma
from colorworker.state import all_records
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.sequences import with_film_header, write_sequence

FRAMES = Options(sequences="frames", segment_frames=4)
SPECS = {depth: ColorSpec("bt601", full_range=True, bit_depth=depth) for depth in (8, 10, 16)}
KINDS = {
    "png8": {"extension": ".png", "pix_fmt": "gray"},
    "png16": {"extension": ".png", "pix_fmt": "gray16be", "depth": 16},
    "tiff8": {"extension": ".tif", "pix_fmt": "gray"},
    "tiff16": {"extension": ".tif", "pix_fmt": "gray16le", "depth": 16},
    "dpx8": {"extension": ".dpx", "pix_fmt": "gray"},
    "dpx10": {"extension": ".dpx", "pix_fmt": "gbrp10be", "depth": 10},
}


def run(tmp_path, options=FRAMES, **settings):
    return run_toy_job(tmp_path / "in", LocalStore(tmp_path / "out"), options, **settings)


def rgb_codes(path):
    """Return R'G'B' codes as libav decodes them."""
    with av.open(str(path)) as file:
        frame = next(iter(file.decode(video=0)))
    name = frame.format.name
    if name.startswith("gbrp"):
        planes = [
            np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[:64, :96]
            for plane in frame.planes
        ]
        return np.stack([planes[2], planes[0], planes[1]], axis=-1)
    return frame.to_ndarray(format="rgb24" if "48" not in name else "rgb48le")


@pytest.mark.parametrize("kind", KINDS)
def test_frames_keep_their_names_their_depth_and_the_codes_of_luma(tmp_path, kind):
    written = write_sequence(tmp_path / "in/reel", 9, **KINDS[kind])
    depth = KINDS[kind].get("depth", 8)

    (line,) = run(tmp_path).values()

    assert (line.outcome, line.error, line.frames) == ("succeeded", "", 9)
    assert line.output_key == "reel/scan.sha256"
    names = sorted(path.name for path in (tmp_path / "in/reel").iterdir())
    out = tmp_path / "out/reel"
    assert sorted(path.name for path in out.iterdir()) == ["scan.sha256", *names]
    colored = 0
    for name, codes in zip(names, written, strict=True):
        rgb = rgb_codes(out / name)
        assert np.array_equal(rgb_luma(*np.moveaxis(rgb, -1, 0), SPECS[depth]), codes)
        colored += int((rgb.max(axis=-1) != rgb.min(axis=-1)).sum())
    assert colored > 0
    listed = dict(
        reversed(row.split("  ")) for row in (out / "scan.sha256").read_text().split("\n")[:-1]
    )
    assert listed == {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in names}


def test_a_lost_frame_is_made_anew_and_the_others_stay(tmp_path):
    write_sequence(tmp_path / "in", 12)
    run(tmp_path)
    out = tmp_path / "out"
    before = {path.name: path.read_bytes() for path in out.glob("*.png")}
    kept = (out / "scan_0001.png").stat()
    (out / "scan_0006.png").unlink()

    (line,) = run(tmp_path).values()

    assert line.outcome == "succeeded"
    assert {path.name: path.read_bytes() for path in out.glob("*.png")} == before
    assert (out / "scan_0001.png").stat().st_mtime_ns == kept.st_mtime_ns
    assert next(iter(run(tmp_path).values())).resumed


def test_other_options_replace_the_frames_and_a_third_run_brings_them_back(tmp_path):
    write_sequence(tmp_path / "in", 9)
    out = tmp_path / "out"

    def frames():
        return [path.read_bytes() for path in sorted(out.glob("*.png"))]

    run(tmp_path)
    first = frames()
    (line,) = run(tmp_path, Options(sequences="frames", segment_frames=4, label="none")).values()
    assert line.outcome == "succeeded"
    assert frames() != first

    (again,) = run(tmp_path).values()

    assert (again.outcome, again.error) == ("succeeded", "")
    assert frames() == first


def test_frames_that_no_job_wrote_are_not_replaced(tmp_path):
    write_sequence(tmp_path / "in", 9)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/scan_0003.png").write_bytes(b"mine")

    (line,) = run(tmp_path).values()

    assert line.error_code == "output_collision"
    assert "scan_0003.png" in line.error
    assert (tmp_path / "out/scan_0003.png").read_bytes() == b"mine"


def test_an_interrupted_publication_is_continued(tmp_path, monkeypatch):
    write_sequence(tmp_path / "in", 12)
    published = LocalStore.publish
    left = [5]

    def dies(self, attempt_key, output_key):
        if output_key.endswith(".png"):
            left[0] -= 1
            if left[0] < 0:
                raise PlaceFailed("worker", "died", "")
        return published(self, attempt_key, output_key)

    monkeypatch.setattr(LocalStore, "publish", dies)
    (failed,) = run(tmp_path, max_attempts=1).values()
    monkeypatch.setattr(LocalStore, "publish", published)

    (line,) = run(tmp_path).values()

    assert failed.outcome == "failed"
    assert line.outcome == "succeeded"
    assert len(list((tmp_path / "out").glob("*.png"))) == 12


def test_log_material_is_read_as_density_and_keeps_its_codes(tmp_path):
    written = write_sequence(
        tmp_path / "in", 9, extension=".dpx", pix_fmt="gbrp10be", depth=10, low=0.1, high=0.66
    )
    for number, path in enumerate(sorted((tmp_path / "in").iterdir())):
        path.write_bytes(with_film_header(path.read_bytes(), rate=24.0, transfer=1, frame=number))

    lines = [
        next(iter(run(tmp_path, options).values()))
        for options in (FRAMES, Options(sequences="film", profile="archive"))
    ]

    assert [line.outcome for line in lines] == ["succeeded"] * 2
    records = list(all_records(LocalStore(tmp_path / "out")))
    assert all(record.info.video.is_log for record in records if record.kind == "scan")
    assert any("printing density" in note for note in lines[1].notes)
    rgb = rgb_codes(tmp_path / "out/scan_0004.dpx")
    assert np.array_equal(rgb_luma(*np.moveaxis(rgb, -1, 0), SPECS[10]), written[3])


def test_jpeg_frames_are_refused_by_name(tmp_path):
    write_sequence(tmp_path / "in", 9, extension=".jpg", pix_fmt="yuvj444p")

    (line,) = run(tmp_path).values()

    assert line.error_code == "source_unsupported"
    assert "--sequences film" in line.error
