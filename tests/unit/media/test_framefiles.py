"""Frames of image sequences: exact luma, and headers that keep everything else."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from colorworker.color.luma import ColorSpec
from colorworker.errors import OutputMismatch
from colorworker.media.framefiles import check_jpeg_luma, film_frame_file, rgb_of_frame
from colorworker.media.planes import Frame, plane_view
from colorworker.media.rgbluma import rgb_luma
from tests.sequences import encode_picture, moving_codes, with_film_header

PIX_FMTS = {8: "yuv444p", 10: "yuv444p10le", 12: "yuv444p12le", 16: "yuv444p16le"}


def random_frame(depth, seed=0):
    random = np.random.default_rng(seed)
    frame = Frame(64, 64, PIX_FMTS[depth])
    for number in range(3):
        view = plane_view(frame, number)
        codes = random.integers(0, 1 << depth, view.shape)
        if number == 0:
            codes[:2] = 0
            codes[2:4] = (1 << depth) - 1
        view[:] = codes
    return frame


@pytest.mark.parametrize("depth", PIX_FMTS)
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_the_luma_of_rgb_is_exact_for_any_chroma(depth, matrix):
    spec = ColorSpec(matrix, full_range=True, bit_depth=depth)
    frame = random_frame(depth)

    rgb = rgb_of_frame(frame, spec)

    assert np.array_equal(
        rgb_luma(rgb[..., 0], rgb[..., 1], rgb[..., 2], spec), plane_view(frame, 0)
    )
    assert int(rgb.max()) < 1 << depth


@pytest.mark.parametrize("depth", PIX_FMTS)
def test_chroma_in_gamut_is_kept_to_within_a_code(depth):
    spec = ColorSpec("bt709", full_range=True, bit_depth=depth)
    frame = Frame(64, 64, PIX_FMTS[depth])
    top = (1 << depth) - 1
    for number, share in enumerate((0.5, 0.45, 0.56)):
        plane_view(frame, number)[:] = round(top * share)

    red, green, blue = rgb_of_frame(frame, spec)[0, 0].astype(float)

    y, cb, cr = (float(plane_view(frame, number)[0, 0]) for number in range(3))
    assert abs(red - (y + 1.5748 * (cr - spec.neutral))) <= 0.51
    assert abs(blue - (y + 1.8556 * (cb - spec.neutral))) <= 0.51
    assert green < y


@pytest.mark.parametrize(
    ("pix_fmt", "depth", "order"),
    [("gray", 8, "<"), ("gbrp10be", 10, ">"), ("gbrp10le", 10, "<"), ("gbrp12be", 12, ">"),
     ("gray16be", 16, ">")],
)  # fmt: skip
def test_a_dpx_file_keeps_its_header_and_holds_the_codes(tmp_path, pix_fmt, depth, order):
    oiio = pytest.importorskip("OpenImageIO")
    codes = moving_codes(0, depth)
    source = encode_picture(codes, ".dpx", pix_fmt)
    source = with_film_header(source, rate=18.0, frame=1234, transfer=1, order=order)
    rgb = np.stack([codes, codes[::-1], codes[:, ::-1]], axis=-1)
    path = tmp_path / "frame.dpx"

    (offset,) = struct.unpack_from(f"{order}I", source, 4)
    path.write_bytes(film_frame_file(source[:offset], rgb, "frame.dpx", "colorized"))

    file = oiio.ImageInput.open(str(path))
    spec = file.spec()
    read = np.asarray(file.read_image("uint16")).astype(np.uint32)
    file.close()
    assert np.array_equal(read >> (16 - depth), rgb)
    said = {each.name: each.value for each in spec.extra_attribs}
    assert (said["dpx:FramePosition"], said["dpx:FrameRate"]) == (1234, 18.0)
    assert (said["dpx:TimeCode"], said["dpx:Transfer"]) == ("01:02:03:04", "Printing density")
    assert said["Software"].endswith("; colorized")
    written = path.read_bytes()
    assert written[1664:2048] == source[1664:2048]
    assert struct.unpack_from(f"{order}I", written, 16)[0] == len(written)


@pytest.mark.parametrize("seed", range(3))
def test_the_rounding_of_any_jpeg_of_quality_95_is_accepted_and_nothing_more(seed):
    luma = np.random.default_rng(seed).integers(0, 256, (61, 45), np.uint8)
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=95)
    written = np.asarray(Image.open(file))
    other = written.copy()
    other[56:, 40:] ^= 8  # the corner: a block of 5 x 5

    check_jpeg_luma(written, luma, "a.jpg")

    assert not np.array_equal(written, luma)
    with pytest.raises(OutputMismatch, match="off by"):
        check_jpeg_luma(other, luma, "a.jpg")
