"""OpenEXR frames of light: colored into frames of light, and into films."""

import hashlib
import struct

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from colorworker.domain.exrheaders import read_exr_header
from colorworker.domain.options import Options
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.sequences import encode_picture, moving_codes
from tests.verifying import findings

FRAMES = Options(sequences="frames", segment_frames=4)
WEIGHTS = np.array([0.2126729, 0.7151522, 0.0721750])
WEIGHTS /= WEIGHTS.sum()
TYPES = {"half": np.float16, "float": np.float32}
TIMECODE = 0x01020304


def light(index, height=64, width=96):
    """Return a ramp of light that moves, from below black to twice white."""
    x = (np.arange(width) + 2 * index) % width / width
    y = np.arange(height)[:, None] / height
    return 0.9 * (0.1 + 0.7 * x + 0.3 * y) ** 2.2 + np.where((x < 0.1) & (y < 0.2), 1.3, 0)


def write_exr(path, samples, kind="half", names=("Y",), *, tile=0, window=None, **attributes):
    height, width, channels = samples.shape
    spec = oiio.ImageSpec(width, height, channels, kind)
    spec.channelnames = names
    if tile:
        spec.tile_width = spec.tile_height = tile
    if window:
        spec.x, spec.y, spec.full_width, spec.full_height = window
    spec.attribute("compression", attributes.pop("compression", "zip"))
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), *value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(samples.astype(np.float32)), output.geterror()
    output.close()


def write_sequence(folder, count=9, kind="half", names=("Y",), **options):
    """Write EXR frames; return the samples as they are stored."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for index in range(count):
        samples = np.repeat(light(index)[..., None], len(names), axis=-1)
        if "A" in names:
            samples[..., names.index("A")] = 0.5
        samples[0, 0] = -0.25
        write_exr(folder / f"scan_{index + 1:04d}.exr", samples, kind, names, **options)
        found.append(samples.astype(TYPES[kind]))
    return found


def run(tmp_path, options=FRAMES, **settings):
    return run_toy_job(tmp_path / "in", LocalStore(tmp_path / "out"), options, **settings)


def planes(path):
    """Return R, G, B (and A) as FFmpeg decodes them, which shares no code with OpenEXR."""
    with av.open(str(path)) as file:
        frame = next(iter(file.decode(video=0)))
    dtype = np.float16 if "16" in frame.format.name else np.float32
    found = [
        np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype().itemsize)[
            : frame.height, : frame.width
        ]
        for plane in frame.planes
    ]
    assert frame.format.name.startswith("gbr"), frame.format.name
    return [found[2], found[0], found[1], *found[3:]]


def luminance(red, green, blue):
    exact = np.stack([red, green, blue], -1).astype(np.float64) @ WEIGHTS
    return exact.astype(red.dtype)


@pytest.mark.parametrize(
    ("kind", "names", "options"),
    [
        ("half", ("Y",), {}),
        ("half", ("R", "G", "B"), {"tile": 32, "compression": "piz"}),
        ("float", ("Y",), {"compression": "dwaa"}),
        ("float", ("R", "G", "B", "A"), {"compression": "none"}),
    ],
)
def test_frames_keep_the_luminance_of_every_pixel_and_their_type(tmp_path, kind, names, options):
    write_sequence(tmp_path / "in/reel", kind=kind, names=names, **options)

    (line,) = run(tmp_path).values()

    assert (line.outcome, line.error, line.frames) == ("succeeded", "", 9)
    assert line.output_key == "reel/scan.sha256"
    for source in sorted((tmp_path / "in/reel").iterdir()):
        copy = tmp_path / "out/reel" / source.name
        before = oiio.ImageBuf(str(source)).get_pixels(oiio.FLOAT).astype(TYPES[kind])
        red, green, blue, *alpha = planes(copy)
        assert red.dtype == TYPES[kind]
        assert np.array_equal(luminance(red, green, blue), before[..., 0])
        assert all(np.array_equal(plane, before[..., 3]) for plane in alpha)
        assert len(alpha) == ("A" in names)
        is_gray = (red == green) & (green == blue)
        assert is_gray[(before[..., 0] >= 1) | (before[..., 0] <= 0)].all()
        assert not is_gray.all()
        spec = oiio.ImageBuf(str(copy)).spec()
        assert spec.tile_width == options.get("tile", 0)
    said = next(note for note in line.notes if "brighter than white" in note)
    assert "frames keep their luminance" in said


def test_frames_keep_the_header_of_the_source(tmp_path):
    write_sequence(
        tmp_path / "in",
        window=(5, 7, 120, 90),
        smpte__TimeCode=(oiio.TypeDesc("timecode"), (TIMECODE, 0)),
        framesPerSecond=(oiio.TypeDesc("rational"), (18, 1)),
        ImageDescription=("scanned",),
        Artist=("Somebody",),
    )

    (line,) = run(tmp_path).values()

    assert line.version == "sequence:18/1"
    spec = oiio.ImageBuf(str(tmp_path / "out/scan_0003.exr")).spec()
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (5, 7, 120, 90)
    assert tuple(spec.getattribute("framesPerSecond")) == (18, 1)
    assert tuple(spec["smpte:TimeCode"]) == (TIMECODE, 0)
    assert spec["Artist"] == "Somebody"
    assert spec["ImageDescription"] == "scanned; colorized by colorworker"


def test_two_runs_write_the_same_bytes_and_verify_accepts_them(tmp_path):
    for index in range(9):  # by FFmpeg, without a date: none is made up
        data = encode_picture(moving_codes(index), ".exr", "gbrpf32le")
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / f"in/a{index}.exr").write_bytes(data)
    hashes = []
    for name in ("one", "two"):
        store = LocalStore(tmp_path / name)
        run_toy_job(tmp_path / "in", store, FRAMES)
        paths = sorted((tmp_path / name).glob("*.exr"))
        hashes.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])

    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 9
    assert b"capDate" not in paths[0].read_bytes()
    assert findings(store, sources=True) == {}


def test_verify_notices_a_change_that_films_do_not_show(tmp_path):
    write_sequence(tmp_path / "in")
    run(tmp_path)
    path = tmp_path / "in/scan_0002.exr"
    samples = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    samples[samples > 1] += 1
    write_exr(path, samples)

    found = findings(LocalStore(tmp_path / "out"), sources=True)

    assert [code for _, code in found] == ["source"]


@pytest.mark.parametrize(("profile", "depth"), [("archive", 16), ("access", 10), ("mezzanine", 10)])
def test_films_show_light_as_srgb_codes(tmp_path, profile, depth):
    written = write_sequence(tmp_path / "in")
    options = Options(sequences="film", fps=18.0, profile=profile, segment_frames=4)

    (line,) = run(tmp_path, options).values()

    assert (line.outcome, line.error, line.frames) == ("succeeded", "", 9)
    assert any("% of its pixels are brighter than white" in note for note in line.notes)
    if profile == "archive":
        with av.open(str(tmp_path / "out" / line.output_key)) as film:
            frame = next(iter(film.decode(video=0)))
        plane = frame.planes[0]
        codes = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[:64, :96]
        clipped = np.clip(written[0][..., 0].astype(np.float64), 0, 1)
        srgb = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
        assert np.abs(codes / 65535 - srgb).max() < 1.5 / 65535
    with av.open(str(tmp_path / "out" / line.output_key)) as film:
        assert film.streams.video[0].format.components[0].bits == depth


def test_a_film_of_frames_without_white_at_one_is_refused(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(9):
        write_exr(folder / f"a{index}.exr", 3 + light(index)[..., None])

    (line,) = run(tmp_path).values()

    assert line.error_code == "source_unsupported"
    assert "brighter than 1.0" in line.error


def test_damaged_frames_are_named_or_repeated(tmp_path):
    write_sequence(tmp_path / "in")
    path = tmp_path / "in/scan_0005.exr"
    path.write_bytes(path.read_bytes()[:-2000])
    film = Options(sequences="film", fps=18.0, segment_frames=4)

    (line,) = run(tmp_path).values()
    (tolerated,) = run(tmp_path, film, repeat_damaged=True).values()

    assert line.error_code == "source_damaged"
    assert "scan_0005.exr" in line.error
    assert "make a film (--sequences film)" in line.error
    assert (tolerated.outcome, tolerated.error) == ("succeeded", "")


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.full((64, 96, 1), np.nan), "not numbers"),
        (np.zeros((32, 96, 1)), "it holds 96 x 32 pixels, the first frame 96 x 64"),
    ],
)
def test_frames_that_do_not_fit_are_refused_by_name(tmp_path, samples, said):
    write_sequence(tmp_path / "in")
    write_exr(tmp_path / "in/scan_0005.exr", samples)

    (line,) = run(tmp_path).values()

    assert line.error_code == "source_unsupported"
    assert "scan_0005.exr" in line.error
    assert said in line.error


def test_channels_of_integers_are_not_lost_silently(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    spec = oiio.ImageSpec(96, 64, 2, "float")
    spec.channelnames, spec.channelformats = ("Y", "id"), ("half", "uint")
    for index in range(9):
        path = folder / f"a{index}.exr"
        output = oiio.ImageOutput.create(str(path))
        output.open(str(path), spec)
        output.write_image(np.repeat(light(index)[..., None], 2, -1).astype(np.float32))
        output.close()

    (line,) = run(tmp_path).values()

    assert "its channel id holds integers" in line.error


def test_a_header_that_declares_far_too_many_pixels_is_refused(tmp_path):
    write_sequence(tmp_path / "in")
    (tmp_path / "in/scan_0001.exr").write_bytes(
        with_window((tmp_path / "in/scan_0001.exr").read_bytes(), 0, 0, 1 << 20, 1 << 20)
    )

    (line,) = run(tmp_path).values()

    assert line.error_code == "source_too_large"
    assert "scan_0001.exr" in line.error


def test_a_frame_whose_size_is_a_lie_is_damaged_and_takes_no_memory(tmp_path):
    write_sequence(tmp_path / "in")
    path = tmp_path / "in/scan_0005.exr"
    path.write_bytes(with_window(path.read_bytes(), 0, 0, 30000, 30000))

    (line,) = run(tmp_path).values()

    assert line.error_code == "source_damaged"
    assert "scan_0005.exr" in line.error


def with_window(data, *window):
    name = b"dataWindow\0box2i\0" + struct.pack("<i", 16)
    place = data.index(name) + len(name)
    return data[:place] + struct.pack("<4i", *window) + data[place + 16 :]


def test_texts_that_are_not_utf_8_do_not_matter(tmp_path):
    write_sequence(tmp_path / "in", Artist=("Somebody",))
    for path in (tmp_path / "in").iterdir():
        path.write_bytes(path.read_bytes().replace(b"Somebody", b"Some\xff\xfe\xfdy"))

    (line,) = run(tmp_path).values()

    assert (line.outcome, line.error_code) == ("succeeded", "")


def test_headers_that_are_damaged_anywhere_are_read_or_are_none(tmp_path):
    path = tmp_path / "a.exr"
    write_exr(path, light(0)[..., None], framesPerSecond=(oiio.TypeRational, (18, 1)))
    data = path.read_bytes()[:600]
    random = np.random.default_rng(0)
    found = [read_exr_header(data)]
    for _ in range(2000):
        damaged = bytearray(data[: random.integers(1, len(data))])
        damaged[random.integers(0, len(damaged))] = random.integers(0, 256)
        found.append(read_exr_header(bytes(damaged)))

    assert (found[0].width, found[0].height, found[0].rate) == (96, 64, 18)
    assert None in found
