"""Luma of RGB frames: exact for gray, the matrix's weights for colors, in every RGB format."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.format import VideoFormat

from colorworker.color.luma import ColorSpec
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.planes import luma_plane, plane_view
from colorworker.media.repack import planar_format
from colorworker.media.rgbluma import gray_format, is_rgb, luma_frame
from colorworker.media.swscale import reformat

# fmt: off
OPAQUE = [
    "rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr", "gbrp", "gbrp9le", "gbrp10le", "gbrp12le",
    "gbrp14le", "gbrp16le",
]
DEEP = [
    "rgb48le", "rgb48be", "bgr48le", "bgr48be", "x2rgb10le", "x2bgr10le", "gbrp10be", "gbrp12be",
    "gbrp16be",
]
# fmt: on
ALPHA_8 = ["rgba", "bgra", "argb", "abgr"]
ALPHA_16 = ["rgba64le", "rgba64be"]
SIZE = 64, 1024


def info(pix_fmt, matrix=6, color_range=2):
    return VideoInfo("mov", "qtrle", *SIZE, planar_format(pix_fmt), Fraction(25), None, color_range,
                     matrix, 2, 2)  # fmt: skip


def spec(pix_fmt, matrix="bt601"):
    return ColorSpec(matrix, True, VideoFormat(planar_format(pix_fmt)).components[0].bits)


def luma_of(frame, matrix="bt601"):
    name = frame.format.name
    return luma_plane(luma_frame(frame, "film.mov", info(name), spec(name, matrix)))


def planar_rgb(red, green, blue, depth):
    frame = av.VideoFrame(*SIZE, "gbrp" if depth == 8 else f"gbrp{depth}le")
    for plane, codes in zip(frame.planes, (green, blue, red), strict=True):
        view = np.frombuffer(plane, codes.dtype).reshape(-1, plane.line_size // codes.itemsize)
        view[: SIZE[1], : SIZE[0]] = codes
    return frame


def every_code(depth):
    """Return a picture of SIZE with all codes of a bit depth."""
    codes = np.arange(SIZE[0] * SIZE[1]) % (1 << depth)
    return codes.reshape(SIZE[::-1]).astype(np.uint8 if depth == 8 else np.uint16)


def any_colors(depth):
    random = np.random.default_rng(0)
    dtype = np.uint8 if depth == 8 else np.uint16
    return [random.integers(0, 1 << depth, SIZE[::-1], dtype) for _ in range(3)]


def in_format(planar, pix_fmt):
    return planar if planar.format.name == pix_fmt else reformat(planar, pix_fmt)


@pytest.mark.parametrize("pix_fmt", OPAQUE + DEEP + ALPHA_8 + ALPHA_16)
def test_gray_rgb_has_its_codes_as_luma(pix_fmt):
    depth = VideoFormat(pix_fmt).components[0].bits
    codes = every_code(depth)

    luma = luma_of(in_format(planar_rgb(codes, codes, codes, depth), pix_fmt))

    np.testing.assert_array_equal(luma, codes)


@pytest.mark.parametrize("pix_fmt", OPAQUE + DEEP + ALPHA_8 + ALPHA_16)
@pytest.mark.parametrize(
    ("matrix", "weights"),
    [("bt601", (0.299, 0.587, 0.114)), ("bt709", (0.2126, 0.7152, 0.0722))],
)
def test_luma_of_colors_is_weighted_by_the_matrix(pix_fmt, matrix, weights):
    depth = VideoFormat(pix_fmt).components[0].bits
    colors = any_colors(depth)

    luma = luma_of(in_format(planar_rgb(*colors, depth), pix_fmt), matrix)

    exact = np.tensordot(weights, np.stack(colors).astype(np.float64), 1)
    # The weights have 15 fractional bits.
    assert np.abs(luma - exact).max() <= 0.5 + (1 << depth) / (1 << 15)


def test_palettes_and_gray_with_opaque_alpha_are_read():
    indices = every_code(8)
    palette = av.VideoFrame(*SIZE, "pal8")
    np.frombuffer(palette.planes[0], np.uint8).reshape(-1, palette.planes[0].line_size)[
        : SIZE[1], : SIZE[0]
    ] = indices
    np.frombuffer(palette.planes[1], np.uint32)[:256] = (
        np.arange(255, -1, -1, np.uint32) * 0x010101 | 0xFF000000
    )
    gray = av.VideoFrame(*SIZE, "ya16le")
    pairs = np.frombuffer(gray.planes[0], np.uint16).reshape(-1, gray.planes[0].line_size // 2)
    pairs[: SIZE[1], : 2 * SIZE[0] : 2] = every_code(16)
    pairs[: SIZE[1], 1 : 2 * SIZE[0] : 2] = 0xFFFF

    np.testing.assert_array_equal(luma_of(palette), 255 - indices)
    np.testing.assert_array_equal(luma_of(gray), every_code(16))


@pytest.mark.parametrize("pix_fmt", ["rgba", "argb", "rgba64le", "gbrap", "gbrap10le", "ya8"])
def test_a_frame_with_a_transparent_pixel_is_refused(pix_fmt):
    frame = av.VideoFrame(*SIZE, pix_fmt)
    for plane in frame.planes:
        np.frombuffer(plane, np.uint8)[:] = 0

    with pytest.raises(SourceUnsupported, match=rf"its {pix_fmt} frames have transparent pixels"):
        luma_of(frame)


def test_planar_alpha_of_any_depth_is_accepted_if_opaque():
    for pix_fmt, depth in (("gbrap", 8), ("gbrap10le", 10), ("gbrap12le", 12), ("gbrap16le", 16)):
        frame, codes = av.VideoFrame(*SIZE, pix_fmt), every_code(depth)
        for number, plane in enumerate(frame.planes):
            view = np.frombuffer(plane, codes.dtype).reshape(-1, plane.line_size // codes.itemsize)
            view[: SIZE[1], : SIZE[0]] = (1 << depth) - 1 if number == 3 else codes

        np.testing.assert_array_equal(luma_of(frame), codes)


@pytest.mark.parametrize(("pix_fmt", "bits"), [("rgb555le", 5), ("rgb565le", 5)])
def test_few_bits_are_widened_by_repeating_the_highest(pix_fmt, bits):
    frame = av.VideoFrame(*SIZE, pix_fmt)
    levels = every_code(8) % 32
    green = levels << 1 | levels >> 4 if pix_fmt == "rgb565le" else levels
    words = levels.astype(np.uint16) << (11 if pix_fmt == "rgb565le" else 10)
    words |= green.astype(np.uint16) << np.uint16(5)
    words |= levels
    np.frombuffer(frame.planes[0], np.uint16).reshape(-1, frame.planes[0].line_size // 2)[
        : SIZE[1], : SIZE[0]
    ] = words

    luma = luma_of(frame)

    assert np.abs(luma.astype(int) - (levels << 3 | levels >> 2)).max() <= 1
    assert (luma.min(), luma.max()) == (0, 255)


def test_the_frame_keeps_its_properties_and_gets_the_films_color_tags():
    frame = planar_rgb(*any_colors(8), 8)
    frame.pts, frame.time_base, frame.colorspace = 7, Fraction(1, 25), 0

    made = luma_frame(frame, "film.mov", info("gbrp", matrix=1), spec("gbrp"))

    assert (made.format.name, made.pts, made.time_base) == ("gray", 7, Fraction(1, 25))
    assert (made.colorspace, made.color_range) == (1, 2)


def test_formats_that_are_not_rgb_of_8_to_16_bits_are_told_apart():
    others = ["yuv420p", "gray", "gray10le", "gbrpf32le", "rgbaf16le", "rgb444le", "bayer_rggb8",
              "yuva420p", "nv12", "rgb96le", "gbrap32le"]  # fmt: skip

    assert [name for name in others if is_rgb(name)] == []
    assert [gray_format(name) for name in ("bgr0", "pal8", "gbrp10be", "x2rgb10le", "ya16le")] == [
        "gray", "gray", "gray10le", "gray10le", "gray16le",
    ]  # fmt: skip


PACKED_YUV = {
    "vyu444": 8, "vuyx": 8, "nv42": 8, "p012le": 12, "p016le": 16, "nv20le": 10, "p210le": 10,
    "y210le": 10, "p212le": 12, "y212le": 12, "p216le": 16, "y216le": 16, "p410le": 10,
    "v30xle": 10, "xv30le": 10, "p412le": 12, "xv36le": 12, "p416le": 16, "xv48le": 16,
    "yuv422p10be": 10, "gray16be": 16,
}  # fmt: skip


@pytest.mark.parametrize("packed", PACKED_YUV)
@pytest.mark.parametrize("size", [(64, 48), (641, 3), (3, 3)], ids=str)
def test_packed_yuv_keeps_every_luma_code(packed, size):
    frame = av.VideoFrame(*size, planar_format(packed))
    for number in range(len(frame.planes)):
        view = plane_view(frame, number)
        random = np.random.default_rng(number)
        view[:] = random.integers(0, 1 << PACKED_YUV[packed], view.shape)

    back = reformat(reformat(frame, packed), planar_format(packed))

    np.testing.assert_array_equal(luma_plane(back), luma_plane(frame))
