"""Image sequences colored into frames of the same kind."""

import hashlib
import time

import av
import numpy as np
import pytest
import pyvips
from PIL import Image
from tifffile import TiffFile

from colorworker.color.luma import ColorSpec
from colorworker.domain.options import Options
from colorworker.errors import PlaceFailed
from colorworker.media.rgbluma import rgb_luma
from colorworker.runs.sweep import AgeLimits, sweep
from colorworker.state import all_records
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.sequences import cineon_picture, moving_codes, with_film_header, write_sequence
from tests.verifying import findings, flip

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


@pytest.mark.parametrize("pix_fmt", ["gray", "yuvj444p"])
def test_jpeg_frames_are_jpegs_whose_luma_is_only_rounded(tmp_path, pix_fmt):
    write_jpegs(tmp_path / "in", pix_fmt)

    (line,) = run(tmp_path).values()

    assert (line.outcome, line.error) == ("succeeded", "")
    assert any("JPEG rounds luma" in note for note in line.notes)
    names = sorted(path.name for path in (tmp_path / "in").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").glob("*.jpg")) == names
    for name in names:
        before = Image.open(tmp_path / "in" / name).convert("L")
        with Image.open(tmp_path / "out" / name) as copy:
            assert copy.layers == 3
            assert [layer[1:3] for layer in copy.layer] == [(1, 1)] * 3  # 4:4:4
            assert copy.getexif()[271] == "Scanner"
            assert "Colorized" in str(copy.info["xmp"]) or "colorworker" in str(copy.info["xmp"])
            rgb = np.asarray(copy.convert("RGB"), np.int32)
        off = np.abs(rgb @ [0.299, 0.587, 0.114] - np.asarray(before, np.float64))
        assert off.mean() < 1
        assert off.max() < 6
        assert (rgb.max(axis=-1) - rgb.min(axis=-1)).mean() > 3
    assert findings(LocalStore(tmp_path / "out")) == {}


def test_frames_in_rgb_keep_their_profile_and_gray_ones_do_not(tmp_path):
    for name, kind in (("rgb", "srgb"), ("gray", "b-w")):
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        for index in range(9):
            gray = pyvips.Image.new_from_array(moving_codes(index)).copy(interpretation="b-w")
            picture = gray.colourspace(kind).icc_transform("sgrey" if name == "gray" else "srgb")
            picture.write_to_file(str(folder / f"a{index}.tif"), compression="none")

    lines = run(tmp_path).values()

    assert [line.error for line in lines] == ["", ""]
    for name in ("rgb", "gray"):
        with TiffFile(tmp_path / f"out/{name}/a3.tif") as file:
            assert (file.pages[0].iccprofile is not None) == (name == "rgb")


def write_jpegs(folder, pix_fmt):
    folder.mkdir()
    exif = Image.Exif()
    exif[271] = "Scanner"
    for index in range(9):
        picture = Image.fromarray(moving_codes(index))
        picture = picture if pix_fmt == "gray" else picture.convert("RGB")
        picture.save(folder / f"scan_{index:04d}.jpg", quality=90, exif=exif)


def test_two_runs_write_the_same_jpegs(tmp_path):
    write_jpegs(tmp_path / "in", "gray")

    written = []
    for name in ("one", "two"):
        run_toy_job(tmp_path / "in", LocalStore(tmp_path / name), FRAMES)
        written.append([path.read_bytes() for path in sorted((tmp_path / name).glob("*.jpg"))])

    assert written[0] == written[1]
    assert len(written[0]) == 9


def test_cineon_frames_are_log_and_are_written_as_cineon(tmp_path):
    oiio = pytest.importorskip("OpenImageIO")
    folder = tmp_path / "in"
    folder.mkdir()
    written = [moving_codes(index, 10, 0.1, 0.66) for index in range(9)]
    for number, codes in enumerate(written):
        picture = cineon_picture(codes, rate=18.0, frame=number)
        (folder / f"a{number:03d}.cin").write_bytes(picture)

    (frames,) = run(tmp_path).values()
    (film,) = run(tmp_path, Options(sequences="film", profile="archive")).values()

    assert [frames.error, film.error] == ["", ""]
    assert film.version == "sequence:18/1"
    assert any("printing density" in note for note in film.notes)
    file = oiio.ImageInput.open(str(tmp_path / "out/a004.cin"))
    said = {each.name: each.value for each in file.spec().extra_attribs}
    rgb = np.asarray(file.read_image("uint16")) >> 6
    file.close()
    assert np.array_equal(rgb_luma(*np.moveaxis(rgb, -1, 0), SPECS[10]), written[4])
    assert (said["cineon:FramePosition"], said["cineon:FrameRate"]) == (4, 18.0)
    with av.open(str(tmp_path / "out/a.mkv")) as container:
        shown = [np.array(rows(frame)) for frame in container.decode(video=0)]
    assert all(np.array_equal(one, other) for one, other in zip(shown, written, strict=True))


def rows(frame):
    plane = frame.planes[0]
    return np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[:64, :96]


def test_verify_finds_a_changed_and_a_missing_frame(tmp_path):
    write_sequence(tmp_path / "in", 9)
    run(tmp_path)
    store = LocalStore(tmp_path / "out")
    clean = findings(store)
    flip(tmp_path / "out/scan_0003.png", 0.5)
    (tmp_path / "out/scan_0005.png").unlink()

    found = findings(store)

    assert clean == {}
    assert set(found) == {("scan_0003.png", "changed"), ("scan_0005.png", "missing")}


def test_frames_of_an_unfinished_sequence_are_not_swept(tmp_path, monkeypatch):
    write_sequence(tmp_path / "in", 12)
    published = LocalStore.publish

    def dies(self, attempt_key, output_key):
        raise PlaceFailed("worker", "died", "")

    monkeypatch.setattr(LocalStore, "publish", dies)
    run(tmp_path, max_attempts=1)
    monkeypatch.setattr(LocalStore, "publish", published)
    store = LocalStore(tmp_path / "out")
    later = time.time() + 3600
    (store.root / ".colorworker/parts" / ("0" * 32)).mkdir()
    store.put(f".colorworker/parts/{'0' * 32}/abc/000000001.png", b"of an attempt without a record")

    swept = [orphan.key for orphan in sweep(store, AgeLimits(later, later), delete=True)]

    assert [key for key in swept if key.endswith(".png")] == [
        f".colorworker/parts/{'0' * 32}/abc/000000001.png"
    ]
    (line,) = run(tmp_path).values()
    assert line.outcome == "succeeded"


def test_a_jpeg_frame_that_ends_early_is_named(tmp_path):
    write_sequence(tmp_path / "in", 9, extension=".jpg", pix_fmt="yuvj444p")
    frame = tmp_path / "in/scan_0005.jpg"
    frame.write_bytes(frame.read_bytes()[: frame.stat().st_size * 9 // 10])
    options = Options(sequences="film", fps=24.0)

    (line,) = run(tmp_path, options).values()
    (tolerated,) = run(tmp_path, options, repeat_damaged=True).values()

    assert line.error.startswith("scan_0005.jpg: it does not decode completely")
    assert tolerated.outcome == "succeeded"
    assert any(text.startswith("scan_0005.jpg does not decode") for text in tolerated.warnings)


@pytest.mark.parametrize("repeat", [False, True])
def test_a_damaged_frame_gets_advice_that_works_for_frames(tmp_path, repeat):
    write_sequence(tmp_path / "in", 9, extension=".jpg", pix_fmt="yuvj444p")
    (tmp_path / "in/scan_0005.jpg").write_bytes(bytes(range(256)) * 3)

    (line,) = run(tmp_path, repeat_damaged=repeat).values()

    assert "scan_0005.jpg" in line.error
    assert "Restore it from another copy" in line.error
    assert ("--sequences film" in line.error) is not repeat
