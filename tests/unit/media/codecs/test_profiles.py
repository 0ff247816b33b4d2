"""Encoders, options and pixel formats for each profile and source."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import pytest

from colorworker.domain.options import Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported, UsageError
from colorworker.media.codecs.pixelformats import AV1, DNXHR, FFV1, H264, HEVC, PRORES
from colorworker.media.codecs.profiles import encoder_for
from colorworker.media.filetypes import film_output_extension


def info(pix_fmt: str, width: int = 64, height: int = 48) -> VideoInfo:
    return VideoInfo("mov", "h264", width, height, pix_fmt, Fraction(25), None, 1, 1, 1, 1)


def pix_fmt(source: str, size: tuple[int, int] = (64, 48), **options: Any) -> str:
    made = Options(**options)
    extension = film_output_extension(".mp4", made.profile, made.codec)
    return encoder_for("film", info(source, *size), made, extension).pix_fmt


@pytest.mark.parametrize(
    ("source", "size", "expected"),
    [
        ("yuv420p", (64, 48), "yuv420p"),
        ("yuv422p", (64, 48), "yuv422p"),
        ("yuv411p", (64, 48), "yuv422p"),
        ("yuv410p", (64, 48), "yuv420p"),
        ("yuv440p", (64, 48), "yuv444p"),
        ("yuvj420p", (64, 48), "yuvj420p"),
        ("yuvj422p", (64, 48), "yuvj422p"),
        ("gray", (64, 48), "yuv420p"),
        ("gray10le", (64, 48), "yuv420p10le"),
        ("yuv422p10le", (64, 48), "yuv422p10le"),
        ("yuv420p", (63, 48), "yuv444p"),
        ("yuvj420p", (64, 47), "yuv444p"),
        ("yuv420p10le", (63, 47), "yuv444p10le"),
    ],
)
def test_h264_keeps_depth_and_has_chroma_as_fine_as_the_source(source, size, expected):
    assert pix_fmt(source, size) == expected


@pytest.mark.parametrize("source", ["yuv422p", "yuv444p", "yuvj420p", "gray"])
def test_coarse_chroma_is_used_on_request_only(source):
    assert pix_fmt(source, chroma="420") in {"yuv420p", "yuvj420p"}


def test_hevc_keeps_12_bits_and_h264_advises_it():
    assert pix_fmt("yuv420p12le", codec="hevc") == "yuv420p12le"
    with pytest.raises(SourceUnsupported, match=r"12 bits.*--codec hevc.*--profile archive"):
        pix_fmt("yuv420p12le")


def test_av1_reports_coarser_chroma_except_for_gray():
    fine = encoder_for("film", info("yuv422p"), Options(codec="av1"), ".mp4")
    gray = encoder_for("film", info("gray"), Options(codec="av1"), ".mp4")

    assert (fine.pix_fmt, gray.pix_fmt) == ("yuv420p", "yuv420p")
    assert fine.losses == ("AV1 is written with 4:2:0 chroma, coarser than the source's",)
    assert gray.losses == ()


@pytest.mark.parametrize("codec", ["prores", "dnxhr"])
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("gray", "yuv422p10le"),
        ("yuv420p", "yuv422p10le"),
        ("yuv422p10le", "yuv422p10le"),
        ("yuv444p", "yuv444p10le"),
    ],
)
def test_mezzanine_has_10_bits_and_444_if_the_source_has(source, expected, codec):
    made = encoder_for(
        "film", info(source, 256, 144), Options(profile="mezzanine", codec=codec), ".mov"
    )

    assert made.pix_fmt == expected
    assert ("444" in made.options["profile"]) == ("444" in expected)


def test_mezzanine_refuses_bit_depths_it_would_round():
    with pytest.raises(SourceUnsupported, match="ProRes does not support its 12 bits"):
        pix_fmt("yuv422p12le", profile="mezzanine")


@pytest.mark.parametrize(
    ("options", "size", "said"),
    [
        ({"profile": "mezzanine", "codec": "dnxhr"}, (240, 180), r"DNxHR .* 256 x 120.*prores"),
        ({"codec": "hevc"}, (48, 64), "HEVC needs at least 64 x 16.*h264"),
    ],
)
def test_sizes_below_an_encoders_minimum_are_refused(options, size, said):
    with pytest.raises(SourceUnsupported, match=said):
        pix_fmt("yuv422p", size, **options)


def test_prores_reports_that_it_has_no_full_range():
    full = replace(info("yuvj422p", 256, 128), color_range=2)

    prores, dnxhr = (
        encoder_for("film.mov", full, Options(profile="mezzanine", codec=codec), ".mov")
        for codec in ("prores", "dnxhr")
    )

    assert prores.losses == (
        "players read ProRes as limited range, the source is full: --codec dnxhr keeps it",
    )
    assert dnxhr.losses == ()
    chosen = encoder_for("film.mov", full, Options(profile="mezzanine"), ".mov")
    assert chosen.codec == "dnxhd"
    assert chosen.losses == ("written as DNxHR: ProRes supports only limited range",)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("yuv420p", "yuv420p"),
        ("yuvj422p", "yuv422p"),
        ("yuv411p", "yuv411p"),
        ("yuv422p10le", "yuv422p10le"),
        ("gray", "yuv444p"),
        ("gray16le", "yuv444p16le"),
    ],
)
def test_archive_never_has_less_chroma_than_the_source(source, expected):
    assert pix_fmt(source, profile="archive") == expected


def test_archive_refuses_what_ffv1_cannot_hold():
    with pytest.raises(SourceUnsupported, match="FFV1 does not support its 32 bits"):
        pix_fmt("grayf32le", profile="archive")


@pytest.mark.parametrize(
    ("encoder", "formats"),
    [
        ("ffv1", FFV1),
        ("libx264", H264),
        ("libx265", HEVC),
        ("libsvtav1", AV1),
        ("prores_ks", PRORES),
        ("dnxhd", DNXHR),
    ],
)
def test_every_chosen_format_is_supported_by_libav(encoder, formats):
    known = {form.name for form in av.Codec(encoder, "w").video_formats}

    assert known >= formats.pix_fmts


def test_a_codec_of_another_profile_is_refused():
    with pytest.raises(UsageError, match=r"codec av1: profile mezzanine.*prores or dnxhr"):
        Options(profile="mezzanine", codec="av1")
    with pytest.raises(UsageError, match=r"codec h264: profile archive.*archive is FFV1"):
        Options(profile="archive", codec="h264")


def test_encoders_get_the_field_order_and_486_lines_get_422():
    video = replace(info("yuv420p", 720, 486), field_order=3)

    made = encoder_for("film", video, Options(), ".mkv")

    assert made.pix_fmt == "yuv422p"
    assert made.options["flags"] == "+ilme+ildct"
    assert made.options["field_order"] == "bb"


@pytest.mark.parametrize("size", [(128, 128), (720, 576), (721, 575), (16, 16), (135, 129)])
def test_the_archive_encoder_opens_at_any_size(size, tmp_path):
    spec = encoder_for("film", info("yuv420p", *size), Options(profile="archive"), ".mkv")
    context = av.CodecContext.create(spec.codec, "w")
    context.width, context.height, context.pix_fmt = *size, spec.pix_fmt
    context.time_base, context.options = Fraction(1, 25), dict(spec.options)

    context.open()

    assert context.is_open


def test_an_unknown_extension_is_refused_by_name():
    with pytest.raises(SourceUnsupported, match=r"films cannot be written as \.avi"):
        encoder_for("film", info("yuv420p"), Options(), ".avi")
