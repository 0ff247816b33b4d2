from fractions import Fraction

import av
import numpy as np
import pytest

from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.planes import (
    chroma_shape,
    color_spec,
    layout_of,
    luma_for_chroma,
    luma_plane,
    luma_proxy,
    replace_chroma,
)

HEIGHT, WIDTH = 49, 83
SAME = ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuv420p10le", "yuv422p10le", "yuv444p12le"]
FRESH = [
    ("gray", "yuv444p"),
    ("gray", "yuv420p"),
    ("gray10le", "yuv444p10le"),
    ("gray12le", "yuv444p12le"),
    ("gray16le", "yuv444p16le"),
    ("yuv420p", "yuv444p"),
    ("yuv411p", "yuv422p"),
]


def plane_of(frame, index, shape, dtype):
    plane = frame.planes[index]
    lines = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    return lines[: shape[0], : shape[1]]


def noisy_frame(pix_fmt, seed=0):
    """Return a frame with random luma codes of its full bit depth, color tags and a pts."""
    layout = layout_of(pix_fmt)
    frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
    luma = np.random.default_rng(seed).integers(0, 1 << layout.bit_depth, (HEIGHT, WIDTH))
    plane_of(frame, 0, (HEIGHT, WIDTH), layout.dtype)[:] = luma
    frame.pts, frame.time_base = 1001, Fraction(1, 90000)
    frame.colorspace, frame.color_range = 6, 1
    frame.color_primaries, frame.color_trc = 5, 6
    return frame, luma.astype(layout.dtype)


def chroma_for(pix_fmt, bit_depth, dtype):
    shape = chroma_shape(pix_fmt, HEIGHT, WIDTH)
    random = np.random.default_rng(9)
    return [random.integers(0, 1 << bit_depth, shape).astype(dtype) for _ in range(2)]


@pytest.mark.parametrize(("source", "target"), [(name, name) for name in SAME] + FRESH)
def test_chroma_is_replaced_and_luma_is_bit_equal(source, target):
    frame, luma = noisy_frame(source)
    layout = layout_of(source)
    cb, cr = chroma_for(target, layout.bit_depth, layout.dtype)

    colored = replace_chroma(frame, cb, cr, target)

    assert colored.format.name == target
    np.testing.assert_array_equal(luma_plane(colored), luma)
    np.testing.assert_array_equal(plane_of(colored, 1, cb.shape, layout.dtype), cb)
    np.testing.assert_array_equal(plane_of(colored, 2, cr.shape, layout.dtype), cr)


@pytest.mark.parametrize(("source", "target"), [("yuv420p", "yuv420p"), *FRESH])
def test_time_and_color_tags_stay(source, target):
    frame, _ = noisy_frame(source)
    layout = layout_of(source)

    colored = replace_chroma(frame, *chroma_for(target, layout.bit_depth, layout.dtype), target)

    assert (colored.pts, colored.time_base) == (1001, Fraction(1, 90000))
    tags = (colored.colorspace, colored.color_range)
    assert (*tags, colored.color_primaries, colored.color_trc) == (6, 1, 5, 6)


def test_a_frame_of_the_right_format_is_reused():
    frame, _ = noisy_frame("yuv420p")

    assert replace_chroma(frame, *chroma_for("yuv420p", 8, np.uint8), "yuv420p") is frame


def test_a_lower_bit_depth_rounds_all_planes():
    frame, luma = noisy_frame("gray12le")
    cb, cr = chroma_for("yuv444p10le", 12, np.uint16)

    colored = replace_chroma(frame, cb, cr, "yuv444p10le")

    wanted = np.minimum((luma.astype(int) + 2) // 4, 1023)
    np.testing.assert_array_equal(luma_plane(colored), wanted)
    wanted = np.minimum((cb.astype(int) + 2) // 4, 1023)
    np.testing.assert_array_equal(plane_of(colored, 1, cb.shape, np.uint16), wanted)


def interlaced_frame():
    """Return a frame of an interlaced stream from the MPEG-2 decoder."""
    encoder = av.CodecContext.create("mpeg2video", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(25), Fraction(1, 25)
    encoder.options = {"flags": "+ildct+ilme"}
    decoder = av.CodecContext.create("mpeg2video", "r")
    frame = av.VideoFrame.from_ndarray(np.full((72, 64), 90, np.uint8), "yuv420p")
    frame.pts = 0
    packets = encoder.encode(frame) + encoder.encode(None)
    return [*decoder.decode(packets[0]), *decoder.decode(None)][0]


@pytest.mark.parametrize("target", ["yuv420p", "yuv444p"])
def test_interlace_flag_survives(target):
    frame = interlaced_frame()
    assert frame.interlaced_frame
    shape = chroma_shape(target, frame.height, frame.width)

    colored = replace_chroma(
        frame, np.full(shape, 90, np.uint8), np.full(shape, 140, np.uint8), target
    )

    assert colored.interlaced_frame


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "gray", "yuv422p10le", "gray16le"])
def test_the_proxy_is_the_area_mean_in_any_range(pix_fmt):
    layout = layout_of(pix_fmt)
    frame = av.VideoFrame(96, 64, pix_fmt)
    luma = np.random.default_rng(4).integers(0, 1 << layout.bit_depth, (64, 96))
    plane_of(frame, 0, (64, 96), layout.dtype)[:] = luma

    proxy = luma_proxy(frame, 16, 24)

    wanted = luma.reshape(16, 4, 24, 4).mean(axis=(1, 3))
    assert proxy.dtype == layout.dtype
    assert np.abs(proxy - wanted).max() <= max(1.0, 2 ** (layout.bit_depth - 12))


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv420p12le"])
def test_luma_for_chroma_is_the_mean_of_the_covered_luma_samples(pix_fmt):
    layout = layout_of(pix_fmt)
    luma = np.random.default_rng(5).integers(0, 1 << layout.bit_depth, (HEIGHT, WIDTH))
    luma = luma.astype(layout.dtype)
    shape = chroma_shape(pix_fmt, HEIGHT, WIDTH)
    down, across = -(-HEIGHT // shape[0]), -(-WIDTH // shape[1])

    means = luma_for_chroma(luma, shape)

    assert means.shape == shape
    for row, column in [(0, 0), (3, 5), (shape[0] - 2, shape[1] - 2)]:
        area = luma[row * down : (row + 1) * down, column * across : (column + 1) * across]
        assert abs(means[row, column] - area.mean()) <= 0.5


def video_info(**changes):
    values = {
        "container": "matroska", "codec": "ffv1", "width": 720, "height": 576,
        "pix_fmt": "yuv420p", "frame_rate": Fraction(25), "sample_aspect_ratio": None,
        "color_range": 0, "colorspace": 2, "color_primaries": 2, "color_trc": 2,
    }  # fmt: skip
    return VideoInfo(**{**values, **changes})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_luma_for_chroma_does_not_mix_the_fields_of_420(dtype):
    luma = np.zeros((8, 6), dtype)
    luma[0::2], luma[1::2] = 40, 200
    luma[2] = 60

    woven = luma_for_chroma(luma, (4, 3), fields=True)

    np.testing.assert_array_equal(woven, np.repeat([[50], [200], [40], [200]], 3, axis=1))
    np.testing.assert_array_equal(luma_for_chroma(luma, (8, 3), fields=True), luma[:, ::2])


@pytest.mark.parametrize(
    ("changes", "full_range"),
    [
        ({}, False),
        ({"color_range": 2}, True),
        ({"pix_fmt": "yuvj420p"}, True),
        ({"pix_fmt": "gray"}, True),
        ({"pix_fmt": "gray", "color_range": 1}, False),
        ({"pix_fmt": "gray10le", "codec": "h264"}, False),
    ],
)
def test_the_color_range_follows_tag_format_name_and_codec(changes, full_range):
    assert color_spec(video_info(**changes)).full_range == full_range


@pytest.mark.parametrize("pix_fmt", ["rgb24", "nv12", "yuv420p10be", "yuva420p", "pal8", "monob"])
def test_unsupported_formats_are_refused_by_name(pix_fmt):
    with pytest.raises(SourceUnsupported, match=pix_fmt):
        layout_of(pix_fmt)
