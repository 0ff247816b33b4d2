"""Films of unusual pictures: RGB, palettes, changing sizes and formats, tiny frames."""

from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from colorworker.domain.options import Options
from colorworker.media.planes import luma_plane, plane_view
from colorworker.media.synthetic import Recipe, make_film
from colorworker.store.local import LocalStore
from tests.jobharness import run_toy_job
from tests.toycolorizer import ToyColorizer

OPTIONS = Options(profile="archive", segment_frames=8, anchor_interval=3, settle_anchors=1)
WIDTH, HEIGHT, FRAMES = 96, 64, 12


class NoColor(ToyColorizer):
    """Predicts gray."""

    def predict(self, lightness, known=None):
        return super().predict(lightness) * 0


@pytest.fixture
def sources(tmp_path):
    made = tmp_path / "sources"
    made.mkdir()
    return made


def color(sources, options=OPTIONS, make_colorizer=None):
    """Color the only film of a folder; return its line and the path of its color copy."""
    outputs = sources.with_name("outputs")
    lines = run_toy_job(
        sources, LocalStore(outputs), options, make_colorizer=make_colorizer, max_attempts=1
    )
    (line,) = lines.values()
    return line, outputs / line.output_key


def decoded(path, pix_fmt=None):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [frame.reformat(format=pix_fmt, threads=1) if pix_fmt else frame for frame in frames]


def gray_codes(index, depth=8):
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    codes = (columns * (1 << depth) // WIDTH + rows * 5 + index * 11) % (1 << depth)
    return codes.astype(np.uint8 if depth == 8 else np.uint16)


def write_rgb(path, codec, pix_fmt, colors, **options):
    """Write a film whose frames have the R', G' and B' codes that `colors` returns by index."""
    depth = av.VideoFormat(pix_fmt).components[0].bits
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        height, width = colors(0)[0].shape
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        for index in range(FRAMES):
            frame = av.VideoFrame(width, height, "gbrp" if depth == 8 else f"gbrp{depth}le")
            red, green, blue = colors(index)
            for plane, codes in zip(frame.planes, (green, blue, red), strict=True):
                rows = np.frombuffer(plane, codes.dtype)
                rows = rows.reshape(-1, plane.line_size // codes.itemsize)
                rows[:height, :width] = codes
            if frame.format.name != pix_fmt:
                frame = frame.reformat(format=pix_fmt, threads=1)
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


RGB_FILMS = {
    "animation.mov": ("qtrle", "rgb24", 8),
    "rgb.avi": ("rawvideo", "bgr24", 8),
    "lossless.mkv": ("libx264rgb", "rgb24", 8),
    "scan10.mkv": ("ffv1", "gbrp10le", 10),
    "scan12.mkv": ("ffv1", "gbrp12le", 12),
    "scan14.mkv": ("ffv1", "gbrp14le", 14),
    "scan16.mkv": ("ffv1", "gbrp16le", 16),
    "scan16.nut": ("rawvideo", "rgb48le", 16),
}


@pytest.mark.parametrize("name", RGB_FILMS)
def test_gray_rgb_is_archived_with_its_own_codes_and_shown_without_tint(name, sources):
    codec, pix_fmt, depth = RGB_FILMS[name]
    options = {"qp": "0"} if codec == "libx264rgb" else {}
    write_rgb(sources / name, codec, pix_fmt, lambda at: [gray_codes(at, depth)] * 3, **options)

    line, output = color(sources, make_colorizer=lambda _: NoColor())

    assert (line.error, line.warnings) == ("", ())
    assert any("gray keeps its codes" in note for note in line.notes)
    for index, frame in enumerate(decoded(output)):
        np.testing.assert_array_equal(luma_plane(frame), gray_codes(index, depth))
        assert (frame.color_range, frame.colorspace) == (2, 6)
        shown = frame.reformat(format="rgb24", threads=1).to_ndarray().astype(int)
        exact = gray_codes(index, depth).astype(float) * 255 / ((1 << depth) - 1)
        assert np.ptp(shown, axis=-1).max() <= (depth > 12)
        assert np.abs(shown[..., 0] - exact).max() <= (0 if depth == 8 else 2)


@pytest.mark.parametrize("profile", ["access", "mezzanine"])
def test_gray_rgb_has_the_same_brightness_in_players_under_lossy_profiles(profile, sources):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (128, 1))
    write_rgb(sources / "film.mov", "qtrle", "rgb24", lambda _: [ramp] * 3)

    line, output = color(sources, replace(OPTIONS, profile=profile), lambda _: NoColor())

    # DNxHR can only say BT.709; grays look the same.
    lost = ("mov does not keep the film's matrix",) if profile == "mezzanine" else ()
    assert (line.error, line.warnings) == ("", lost)
    for frame in decoded(output, "rgb24"):
        shown = frame.to_ndarray().astype(int)
        assert np.ptp(shown, axis=-1).max() <= 2
        assert np.abs(shown.mean(axis=-1) - ramp).max() <= 4


def test_a_nearly_gray_rgb_film_is_colored_and_one_in_color_only_on_request(sources):
    random = np.random.default_rng(0)

    def noisy(index):
        noise = random.integers(-3, 4, (3, HEIGHT, WIDTH))
        smooth = gray_codes(index) // 2 + 60
        return np.clip(smooth + noise, 0, 255).astype(np.uint8)

    write_rgb(sources / "noisy.mov", "qtrle", "rgb24", noisy)
    line, output = color(sources)
    assert (line.outcome, line.error) == ("succeeded", "")
    source = decoded(sources / "noisy.mov", "rgb24")
    weights = np.array([0.299, 0.587, 0.114])
    for frame, before in zip(decoded(output), source, strict=True):
        assert np.abs(luma_plane(frame) - before.to_ndarray() @ weights).max() <= 0.51

    (sources / "noisy.mov").unlink()
    colorful = [gray_codes(0), gray_codes(0)[::-1], gray_codes(0)[:, ::-1]]
    write_rgb(sources / "color.mov", "qtrle", "rgb24", lambda _: colorful)
    skipped, _ = color(sources)
    again, output = color(sources, replace(OPTIONS, color_sources="recolor"))
    assert (skipped.outcome, skipped.error_code) == ("skipped", "already_color")
    assert again.error == ""
    exact = np.stack(colorful, -1) @ weights
    for frame in decoded(output):
        assert np.abs(luma_plane(frame) - exact).max() <= 0.51


def test_a_palette_is_known_in_every_segment(sources):
    make_film(sources / "film.mov", Recipe(codec="qtrle", pix_fmt="gray", frames=24, gop_size=1))
    before = [frame.to_ndarray()[..., 0] for frame in decoded(sources / "film.mov", "rgb24")]

    line, output = color(sources)

    assert line.error == ""
    assert decoded(sources / "film.mov")[0].format.name == "pal8"
    for frame, codes in zip(decoded(output), before, strict=True):
        np.testing.assert_array_equal(luma_plane(frame), codes)


def test_a_film_with_transparent_pixels_fails_before_it_is_colored(sources):
    with av.open(str(sources / "film.mov"), "w") as output:
        stream = output.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "argb"
        for index in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 4), 90, np.uint8), "argb")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))

    line, _ = color(sources)

    assert line.error_code == "source_unsupported"
    assert "its argb frames have transparent pixels" in line.error


def changing_film(path, *parts):
    """Write raw streams one after another."""
    made = [
        make_film(path.with_name(f"{number}{path.suffix}"), Recipe(**{"frames": 12} | part))
        for number, part in enumerate(parts)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in made))
    for part in made:
        part.unlink()


@pytest.mark.parametrize(("width", "height"), [(80, 48), (48, 36), (64, 96)])
def test_frames_of_another_size_are_scaled_on_request_and_counted(width, height, sources):
    changing_film(sources / "film.h264", {}, {"width": width, "height": height}, {})
    before = decoded(sources / "film.h264")

    refused, _ = color(sources)
    line, output = color(sources, replace(OPTIONS, size_changes="scale"))
    strict, _ = color(sources, replace(OPTIONS, size_changes="scale", strict=True))

    assert refused.error_code == "source_unsupported"
    assert "Split it there, or use --size-changes scale." in refused.error
    assert line.error == ""
    scaled = [said for said in line.warnings if "scaled to it" in said]
    assert sum(int(said.split(": ")[1].split()[0]) for said in scaled) == 12
    after = decoded(output)
    assert len(after) == len(before) == 36
    shrinks = width >= 64 and height >= 48
    for frame, source in zip(after, before, strict=True):
        luma = luma_plane(source)
        if luma.shape != (48, 64):
            method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
            luma = cv2.resize(np.ascontiguousarray(luma), (64, 48), interpolation=method)
        np.testing.assert_array_equal(luma_plane(frame), luma)
    assert (strict.outcome, strict.error_code) == ("failed", "strict")


def test_another_chroma_format_in_the_middle_does_not_matter(sources):
    changing_film(sources / "film.h264", {}, {"pix_fmt": "yuv444p"})
    before = [luma_plane(frame).copy() for frame in decoded(sources / "film.h264")]

    line, output = color(sources)

    assert (line.error, line.warnings) == ("", ())
    for frame, luma in zip(decoded(output), before, strict=True):
        np.testing.assert_array_equal(luma_plane(frame), luma)


def test_another_bit_depth_in_the_middle_is_refused(sources):
    changing_film(sources / "film.h264", {}, {"pix_fmt": "yuv420p10le"})

    line, _ = color(sources, replace(OPTIONS, size_changes="scale"))

    assert "from 64 x 48 yuv420p to 64 x 48 yuv420p10le. Split it there." in line.error


def test_interlaced_frames_are_scaled_field_by_field(sources):
    small = {"codec": "mpeg2video", "field_order": 2, "height": 64}
    changing_film(sources / "film.m2v", small, small | {"height": 96})

    line, output = color(sources, replace(OPTIONS, size_changes="scale"))

    assert line.error == ""
    last = decoded(sources / "film.m2v")[-1]
    luma = luma_plane(last)
    for first in (0, 1):
        field = cv2.resize(
            np.ascontiguousarray(luma[first::2]), (64, 32), interpolation=cv2.INTER_AREA
        )
        np.testing.assert_array_equal(plane_view(decoded(output)[-1], 0)[first::2], field)


TINY = [(3, 3), (641, 3), (3, 641), (1, 1), (2, 2)]


@pytest.mark.parametrize("size", TINY, ids=str)
@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv410p"])
def test_tiny_films_keep_their_luma_in_the_archive(size, pix_fmt, sources):
    width, height = size
    recipe = Recipe(codec="rawvideo", pix_fmt=pix_fmt, width=width, height=height, frames=4)
    make_film(sources / "film.nut", replace(recipe, gop_size=1))

    line, output = color(sources)

    assert line.error == ""
    for frame, source in zip(decoded(output), decoded(sources / "film.nut"), strict=True):
        np.testing.assert_array_equal(luma_plane(frame), luma_plane(source))


def test_an_encoder_that_refuses_a_size_is_named(sources):
    recipe = Recipe(codec="rawvideo", width=3, height=3, frames=4, gop_size=1, rate=Fraction(24))
    make_film(sources / "film.nut", recipe)

    line, _ = color(sources, Options(codec="av1"))

    assert line.error == "film.nut: AV1 needs at least 4 x 4, this is 3 x 3. Use --codec h264."
