"""Which pixel format a source's colour version gets."""

from fractions import Fraction

import av
import pytest

from colorworker.errors import SourceUnsupported
from colorworker.media.profiles import FFV1_PIX_FMTS, access_pix_fmt, archive_pix_fmt, encoder_for
from colorworker.work.film import VideoInfo
from colorworker.work.job import Options


def info(pix_fmt: str, width: int = 64, height: int = 48) -> VideoInfo:
    return VideoInfo("mov", "h264", width, height, pix_fmt, Fraction(25), None, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("source", "size", "access"),
    [
        ("yuv420p", (64, 48), "yuv420p"),
        ("yuv422p", (64, 48), "yuv420p"),
        ("yuvj420p", (64, 48), "yuvj420p"),
        ("yuvj422p", (64, 48), "yuv420p"),
        ("gray", (64, 48), "yuv420p"),
        ("gray10le", (64, 48), "yuv420p10le"),
        ("yuv420p10le", (64, 48), "yuv420p10le"),
        ("yuv420p", (63, 48), "yuv444p"),
        ("yuvj420p", (64, 47), "yuv444p"),
        ("yuv420p10le", (63, 47), "yuv444p10le"),
    ],
)
def test_access_keeps_depth_and_fits_browsers(source, size, access):
    assert access_pix_fmt("film", info(source, *size)) == access


def test_access_refuses_depths_that_h264_would_change():
    with pytest.raises(SourceUnsupported, match=r"12 bits.*--profile archive"):
        access_pix_fmt("film", info("yuv420p12le"))


@pytest.mark.parametrize(
    ("source", "archive"),
    [
        ("yuv420p", "yuv420p"),
        ("yuvj422p", "yuv422p"),
        ("yuv411p", "yuv411p"),
        ("yuv422p10le", "yuv422p10le"),
        ("gray", "yuv444p"),
        ("gray16le", "yuv444p16le"),
    ],
)
def test_archive_never_has_less_chroma_than_the_source(source, archive):
    assert archive_pix_fmt("film", info(source)) == archive


def test_archive_refuses_what_ffv1_cannot_hold():
    with pytest.raises(SourceUnsupported, match="yuv444p14le"):
        archive_pix_fmt("film", info("gray14le"))


def test_this_libav_encodes_every_archive_format():
    known = {form.name for form in av.Codec("ffv1", "w").video_formats}

    assert known >= FFV1_PIX_FMTS


@pytest.mark.parametrize("size", [(128, 128), (720, 576), (721, 575), (16, 16), (135, 129)])
def test_the_archive_encoder_opens_at_any_size(size, tmp_path):
    spec = encoder_for("film", info("yuv420p", *size), Options(profile="archive"), ".mkv")
    context = av.CodecContext.create(spec.codec, "w")
    context.width, context.height, context.pix_fmt = *size, spec.pix_fmt
    context.time_base, context.options = Fraction(1, 25), dict(spec.options)

    context.open()

    assert context.is_open


def test_an_extension_without_muxer_is_refused_by_name():
    with pytest.raises(SourceUnsupported, match=r"no film is written as \.avi"):
        encoder_for("film", info("yuv420p"), Options(), ".avi")
