"""Whole clips through all stages, with a toy that colors every picture a little differently."""

import zlib
from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.color.palette import build_palette
from colorworker.domain.options import Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import OutputMismatch
from colorworker.media.planes import luma_plane
from colorworker.pipeline.propagation.interpolate import (
    estimate_from_palette,
    interpolate_between_anchors,
)
from colorworker.pipeline.propagation.propagate import (
    LumaFrame,
    color_frames,
    lookahead_frames,
    propagate_chroma,
)
from colorworker.pipeline.propagation.propagationsetup import film_format

OPTIONS = Options()
PER_FRAME = Options(anchor_interval=1, settle_anchors=0)
SMALL, LARGE = (64, 96), (192, 288)
"""Chroma planes as large as the toy's working shape, and three times as large."""


class NoisyColorizer:
    """Colors dark pictures green and light ones orange, with an error for each picture."""

    weights_sha256 = "toy"

    def __init__(self, noise=0.0):
        self.noise = noise
        self.pictures = 0

    def working_shape(self, height, width):
        return 32, 48

    def predict(self, lightness, known=None):
        self.pictures += len(lightness)
        colors = []
        for picture in lightness:
            random = np.random.default_rng(zlib.crc32(picture.tobytes()))
            base = (30, 40) if picture.mean() > 50 else (-30, 20)
            error = random.normal(0, self.noise, 2)
            colors.append(np.full((*picture.shape, 2), base + error, np.float32))
        return np.stack(colors)


class ByObject(NoisyColorizer):
    """Colors the lightest pixels red and all others green, with an error for each picture."""

    def predict(self, lightness, known=None):
        light = (lightness > 70)[..., None]
        error = super().predict(lightness)[:, :1, :1] - (30, 40)
        return (np.where(light, (25, 15), (-20, 10)) + error).astype(np.float32)


class ByLuma(NoisyColorizer):
    """Colors light pixels orange and dark pixels green."""

    def predict(self, lightness, known=None):
        light = lightness[..., None] > 60
        return np.where(light, (20, 30), (-30, 20)).astype(np.float32)


def info_of(shape, pix_fmt="yuv420p"):
    return VideoInfo(
        container="matroska", codec="ffv1", width=shape[1], height=shape[0], pix_fmt=pix_fmt,
        frame_rate=Fraction(25), sample_aspect_ratio=None,
        color_range=1, colorspace=6, color_primaries=6, color_trc=6,
    )  # fmt: skip


def scene(shape, count, level, seed, pix_fmt="yuv420p"):
    """Return the luma of a still scene around a level, with grain of about one code."""
    random = np.random.default_rng(seed)
    blocks = random.integers(-25, 25, (shape[0] // 8, shape[1] // 8))
    picture = level + np.kron(blocks, np.ones((8, 8)))
    grain = random.integers(-1, 2, (count, *shape))
    return [(picture + each).astype(np.uint8) for each in grain]


def pan(shape, count, seed):
    """Return the luma of a scene that moves by one pixel per frame."""
    (wide,) = scene((shape[0], shape[1] + 16 * -(-count // 16)), 1, 120, seed)
    return [np.ascontiguousarray(wide[:, left : left + shape[1]]) for left in range(count)]


def frames_of(lumas, pix_fmt="yuv420p", first=0):
    for number, luma in enumerate(lumas, start=first):
        frame = av.VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
        plane = frame.planes[0]
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : luma.shape[1]] = luma
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


def chroma_of(frame):
    planes = []
    for plane in frame.planes[1:]:
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        planes.append(lines[: plane.height, : plane.width].astype(np.float32))
    return np.stack(planes)


def colored(lumas, count, noise=0.0, options=OPTIONS):
    shape = lumas[0].shape
    frames = color_frames(
        frames_of(lumas), count, info_of(shape), NoisyColorizer(noise), options, "yuv420p"
    )
    return np.stack([chroma_of(frame) for frame in frames])


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("border", [24, 27])
def test_the_last_frame_before_a_border_leads_to_the_next_segments_color(shape, border):
    lumas = scene(shape, 70, 120, seed=1)
    ahead = lookahead_frames(OPTIONS)

    before = colored(lumas[: border + ahead], border, noise=8)
    after = colored(lumas[border:], len(lumas) - border, noise=8)

    # The last anchor before the border, and the position of the last frame between it and the
    # border.
    anchor = (border - 1) // OPTIONS.anchor_interval * OPTIONS.anchor_interval
    share = (border - 1 - anchor) / (border - anchor)
    wanted = (1 - share) * before[anchor] + share * after[0]
    assert np.abs(before[border - 1] - wanted).mean() < 0.6
    assert np.abs(after[0] - before[anchor]).mean() > 0.3


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("border", [24, 31])
@pytest.mark.parametrize("after", ["a pan", "a cut", "a flash"])
def test_the_anchor_on_a_border_has_the_same_colors_in_both_segments(
    monkeypatch, shape, border, after
):
    film = pan(shape, 75, seed=20)
    if after == "a cut":
        film[border + 9 :] = pan(shape, 75, seed=21)[border + 9 :]
    if after == "a flash":
        film[border + 3 : border + 5] = scene(shape, 2, 200, seed=22)

    def settled_anchor(lumas, count, index):
        found = []

        def recorded(frames):
            for frame in frames:
                if frame.decoded.index == index:
                    found.append(frame.colors.planes)
                yield frame

        monkeypatch.setattr(
            "colorworker.pipeline.propagation.propagate.interpolate_between_anchors",
            lambda frames, setup: interpolate_between_anchors(recorded(frames), setup),
        )
        frames, toy = frames_of(lumas), NoisyColorizer(8)
        list(color_frames(frames, count, info_of(shape), toy, OPTIONS, "yuv420p"))
        (planes,) = found
        return planes

    from_before = settled_anchor(film[: border + lookahead_frames(OPTIONS)], border, border)
    from_behind = settled_anchor(film[border:], len(film) - border, 0)

    np.testing.assert_array_equal(from_before, from_behind)


def test_frames_after_the_look_ahead_change_nothing():
    lumas = scene(SMALL, 80, 120, seed=2)
    ahead = lookahead_frames(OPTIONS)

    short = colored(lumas[: 24 + ahead], 24, noise=8)
    long = colored(lumas, 24, noise=8)

    np.testing.assert_array_equal(short, long)


def test_a_cut_after_a_border_affects_both_segments_alike():
    lumas = scene(SMALL, 33, 90, seed=3) + scene(SMALL, 40, 180, seed=4)
    ahead = lookahead_frames(OPTIONS)

    before = colored(lumas[: 24 + ahead], 24, noise=8)
    after = colored(lumas[24:], 20, noise=8)

    wanted = (before[18] + 5 * after[0]) / 6
    assert np.abs(before[23] - wanted).mean() < 0.6


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_propagation_reduces_flicker_to_less_than_a_third(shape):
    lumas = scene(shape, 60, 120, seed=5)

    raw = np.abs(np.diff(colored(lumas, 60, noise=8, options=PER_FRAME), axis=0)).mean()
    calm = np.abs(np.diff(colored(lumas, 60, noise=8), axis=0)).mean()

    assert raw > 2
    assert calm < raw / 3


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("cut", [30, 31, 35])
def test_no_color_bleeds_across_a_cut(shape, cut):
    lumas = scene(shape, cut, 80, seed=6) + scene(shape, 60 - cut, 180, seed=7)

    together = colored(lumas, 60)

    np.testing.assert_allclose(together[:cut], colored(lumas[:cut], cut), atol=1)
    np.testing.assert_allclose(together[cut:], colored(lumas[cut:], 60 - cut), atol=1)
    assert np.abs(together[cut] - together[cut - 1]).mean() > 10


@pytest.mark.parametrize("seed", range(3))
def test_colors_are_the_same_before_and_after_a_flash(seed):
    lumas = scene(SMALL, 48, 120, seed=8 + seed)
    lumas[20:22] = scene(SMALL, 2, 200, seed=90)

    together = colored(lumas, 48, noise=8)

    settled_step = np.abs(np.diff(together[:18:6], axis=0)).mean()
    assert np.abs(together[22] - together[19]).mean() < max(2.0, 2 * settled_step)


def test_a_fast_object_has_its_color_in_every_frame():
    film = scene(LARGE, 30, 80, seed=16)
    for number in range(12, 22):
        left = (number - 12) * 24
        film[number][40:120, left : left + 40] = 180

    frames = list(color_frames(frames_of(film), 30, info_of(LARGE), ByLuma(), OPTIONS, "yuv420p"))

    for number in range(12, 22):
        left = (number - 12) * 12
        red = chroma_of(frames[number])[1, 25:55, left + 5 : left + 15]
        assert np.median(red) > 134


def crossing(count, step):
    """Return a light object that crosses a still scene, and its columns in chroma samples."""
    film = scene(LARGE, count, 130, seed=16)
    light = scene((80, 64), 1, 200, seed=17)[0]
    columns = []
    for number, luma in enumerate(film):
        left = 8 + number * step
        luma[40:120, left : left + 64] = light
        columns.append(slice(left // 2 + 6, left // 2 + 26))
    return film, columns


@pytest.mark.parametrize("step", [0, 3, 6])
def test_a_moving_object_keeps_its_color(step):
    film, columns = crossing(30, step)

    def red(options):
        frames = color_frames(frames_of(film), 30, info_of(LARGE), ByObject(6), options, "yuv420p")
        pairs = zip(frames, columns, strict=True)
        return np.array([chroma_of(frame)[1, 26:54, where].mean() for frame, where in pairs])

    alone, followed = red(PER_FRAME), red(OPTIONS)

    assert followed.min() > 132
    assert np.abs(np.diff(followed)).mean() < np.abs(np.diff(alone)).mean() / 4
    assert np.ptp(followed) < np.ptp(alone) / 2


def test_an_object_that_no_anchor_shows_takes_the_colors_around_it():
    film = scene(LARGE, 24, 80, seed=18)
    for number in range(4, 9):
        film[number][60:90, 100:130] = 190

    frames = list(color_frames(frames_of(film), 24, info_of(LARGE), ByLuma(), OPTIONS, "yuv420p"))

    for number in range(4, 9):
        assert chroma_of(frames[number])[1, 31:44, 51:64].max() < 128


def test_per_frame_predicts_every_frame_of_the_segment_and_no_other():
    colorizer = NoisyColorizer()
    lumas = scene(SMALL, 12 + lookahead_frames(PER_FRAME), 120, seed=19)

    frames = list(
        color_frames(frames_of(lumas), 12, info_of(SMALL), colorizer, PER_FRAME, "yuv420p")
    )

    assert len(frames) == 12
    assert colorizer.pictures == 12


def encoded(lumas, pix_fmt):
    """Return the clip as x264 packets, with references between frames."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = lumas[0].shape[1], lumas[0].shape[0], pix_fmt
    encoder.framerate, encoder.time_base = Fraction(25), Fraction(1, 25)
    encoder.options = {"preset": "veryfast"}
    packets = [packet for frame in frames_of(lumas, pix_fmt) for packet in encoder.encode(frame)]
    return encoder.extradata, [bytes(packet) for packet in packets + encoder.encode(None)]


def decoded(extradata, packets):
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = extradata
    for data in packets:
        yield from decoder.decode(av.Packet(data))
    yield from decoder.decode(None)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv422p", "yuv422p"),
        ("yuv444p", "yuv444p"),
        ("yuv420p", "yuv444p"),
    ],
)
def test_luma_is_bit_equal_and_frames_stay_in_order(source, target):
    extradata, packets = encoded(scene(LARGE, 40, 120, seed=10), source)
    plain = [luma_plane(frame).copy() for frame in decoded(extradata, packets)]

    frames = list(
        color_frames(
            decoded(extradata, packets),
            40,
            info_of(LARGE, source),
            NoisyColorizer(5),
            OPTIONS,
            target,
        )
    )

    assert all(frame.format.name == target for frame in frames)
    for frame, luma in zip(frames, plain, strict=True):
        np.testing.assert_array_equal(luma_plane(frame), luma)
        assert np.abs(chroma_of(frame) - 128).mean() > 5


def test_a_gray_film_is_colored_with_its_own_luma():
    lumas = scene(SMALL, 20, 120, seed=11)
    info = info_of(SMALL, "gray")

    frames = list(
        color_frames(frames_of(lumas, "gray"), 20, info, NoisyColorizer(), OPTIONS, "yuv444p")
    )

    np.testing.assert_array_equal(np.stack([luma_plane(frame) for frame in frames]), lumas)
    assert np.abs(chroma_of(frames[7]) - 128).mean() > 5


@pytest.mark.parametrize("options", [OPTIONS, Options(anchor_interval=3, settle_anchors=1)])
def test_no_more_frames_are_held_than_documented(options):
    lumas = scene(SMALL, 120, 120, seed=12)
    read = 0

    def counted():
        nonlocal read
        for frame in frames_of(lumas):
            read += 1
            yield frame

    held = []
    for number, _ in enumerate(
        color_frames(counted(), 120, info_of(SMALL), NoisyColorizer(), options, "yuv420p")
    ):
        held.append(read - number)

    assert max(held) <= 9 + options.anchor_interval * (options.settle_anchors + 1)


def test_frames_keep_their_pts():
    lumas = scene(SMALL, 30, 120, seed=15)

    frames = color_frames(
        frames_of(lumas, first=700), 30, info_of(SMALL), NoisyColorizer(), OPTIONS, "yuv420p"
    )

    assert [frame.pts for frame in frames] == list(range(700, 730))


def test_only_anchors_are_predicted():
    colorizer = NoisyColorizer()
    lumas = scene(SMALL, 120 + lookahead_frames(OPTIONS), 120, seed=13)

    list(color_frames(frames_of(lumas), 120, info_of(SMALL), colorizer, OPTIONS, "yuv420p"))

    assert colorizer.pictures == 120 // 12 + 1 + 2


@pytest.mark.parametrize("count", [1, 2, 7])
def test_short_clips_keep_all_frames(count):
    assert len(colored(scene(SMALL, count, 120, seed=14), count)) == count


@pytest.mark.parametrize("options", [OPTIONS, PER_FRAME, Options(anchor_interval=5)])
@pytest.mark.parametrize("border", [19, 20, 21, 22, 30, 40])
def test_no_frame_is_left_out_around_flashes_cuts_and_borders(options, border):
    film = scene(SMALL, 30, 120, seed=8) + scene(SMALL, 20, 60, seed=9)
    film[20:22] = scene(SMALL, 2, 200, seed=90)

    before = colored(film[: border + lookahead_frames(options)], border, options=options)
    after = colored(film[border:], len(film) - border, options=options)

    assert len(before) == border
    assert len(after) == len(film) - border


def test_a_stage_that_loses_a_frame_is_an_error(monkeypatch):
    def lose_one(frames, setup):
        colored_frames = interpolate_between_anchors(frames, setup)
        return (frame for frame in colored_frames if frame.decoded.index != 7)

    monkeypatch.setattr(
        "colorworker.pipeline.propagation.propagate.interpolate_between_anchors", lose_one
    )

    with pytest.raises(OutputMismatch, match="frame 7 of the segment"):
        colored(scene(SMALL, 30, 120, seed=14), 30)


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_planes_from_memory_get_the_same_chroma_as_a_film(shape):
    lumas = pan(shape, 40, seed=20)
    frames = (LumaFrame(number, luma) for number, luma in enumerate(lumas))
    planes = film_format(info_of(shape), "yuv420p")

    chroma = list(propagate_chroma(frames, planes, NoisyColorizer(8), OPTIONS))

    assert [frame.source for frame in chroma] == list(range(40))
    from_memory = np.stack([[frame.cb, frame.cr] for frame in chroma])
    np.testing.assert_array_equal(from_memory, colored(lumas, 40, noise=8))


def test_colors_of_an_empty_palette_do_not_leak_into_its_surroundings():
    palette = build_palette(np.full((24, 36), -5.0, np.float32), np.full((2, 24, 36), 22.0))
    luma = np.full((24, 36), -5.0, np.float32)
    luma[:, 18:] = 5.0

    found = estimate_from_palette(palette, luma, (48, 72))

    certain = found.confidence > 1e-3
    assert certain.any()
    assert not certain.all()
    assert np.abs(np.stack(found.planes)[:, certain] - 22).max() < 0.01
