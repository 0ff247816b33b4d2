"""The options for NVENC, that libav accepts all of them, and the errors where it is missing."""

import ctypes
from dataclasses import replace
from fractions import Fraction
from typing import cast

import av
import pytest
from av.error import ArgumentError, FFmpegError
from av.error import OverflowError as TooMuch
from av.video.codeccontext import VideoCodecContext

from colorworker.domain.options import CODECS, Options, with_item_options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import HardwareMissing, SourceUnsupported, UsageError
from colorworker.media.codecs import nvenc
from colorworker.media.codecs.encode import configure_encoder
from colorworker.media.codecs.hardware import DRIVER, ENCODER
from colorworker.media.codecs.profiles import SVT_PRESETS, encoder_for

INFO = VideoInfo("mov", "h264", 320, 192, "yuv420p", Fraction(25), None, 1, 1, 1, 1)


def spec(source="yuv420p", extension=".mp4", info=INFO, **options):
    made = Options(encoder="nvenc", **options)
    return encoder_for("film", replace(info, pix_fmt=source), made, extension)


@pytest.mark.parametrize(
    ("codec", "source", "pix_fmt", "layout"),
    [
        ("h264", "yuv420p", "yuv420p", ""),
        ("h264", "gray", "yuv420p", ""),
        ("h264", "yuv422p", "yuv444p", ""),
        ("h264", "yuvj420p", "yuv420p", ""),
        ("hevc", "yuv420p10le", "yuv420p10le", "p010le"),
        ("hevc", "yuv444p", "yuv444p", ""),
        ("av1", "gray10le", "yuv420p10le", "p010le"),
    ],
)
def test_nvenc_keeps_depth_and_chroma_if_it_can(codec, source, pix_fmt, layout):
    made = spec(source, codec=codec)

    assert (made.codec, made.pix_fmt, made.layout) == (f"{codec}_nvenc", pix_fmt, layout)
    assert made.losses == ()


def test_quality_is_constant_and_parts_can_be_joined():
    made = spec(codec="hevc", crf=23, preset="slow")

    assert (made.options["rc"], made.options["b"]) == ("vbr", "0")
    assert (made.options["cq"], made.options["preset"]) == ("23", "p6")
    assert (made.options["forced-idr"], made.gop_size, made.tag) == ("1", 250, "hvc1")


def test_losses_of_nvenc_are_reported():
    wide = replace(INFO, field_order=2, mastering_display="G(1,1)", chroma_location="left")

    assert spec("yuv422p10le", info=wide, codec="hevc").losses == (
        "HEVC of NVENC is written with 4:2:0 chroma, coarser than the source's",
        "HEVC of NVENC encodes fields as whole frames: only the container marks them as interlaced",
        "HEVC of NVENC cannot store HDR mastering display and content light: left out",
        "HEVC of NVENC does not store the chroma location: left out",
    )
    assert spec(info=wide, codec="av1").frame_data == frozenset()
    assert spec(codec="h264").frame_data == {"closed captions"}


@pytest.mark.parametrize(
    ("source", "size", "options", "said"),
    [
        ("yuv420p10le", (320, 192), {}, "does not support its 10 bits.*--codec hevc"),
        ("yuv420p12le", (320, 192), {"codec": "hevc"}, "12 bits.*--encoder software"),
        ("yuv420p", (321, 192), {}, "only even sizes, this is 321 x 192.*--encoder software"),
    ],
)
def test_films_that_nvenc_would_change_are_refused(source, size, options, said):
    info = replace(INFO, width=size[0], height=size[1])

    with pytest.raises(SourceUnsupported, match=said):
        spec(source, info=info, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"profile": "archive"}, "encoder nvenc: it does not write profile archive"),
        ({"profile": "mezzanine"}, "encoder nvenc: it does not write profile mezzanine"),
        ({"crf": 0}, "crf 0: NVENC ignores it"),
        ({"codec": "hevc", "crf": 52}, "crf 52: the crf of H.264 and HEVC goes from 0 to 51"),
    ],
)
def test_options_that_conflict_with_nvenc_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        Options(encoder="nvenc", **options)


def test_an_item_with_its_own_profile_does_not_use_the_jobs_engine():
    job = Options(encoder="nvenc")

    assert with_item_options(job, {"profile": "archive"}).encoder == "software"
    assert with_item_options(job, {"codec": "hevc"}).encoder == "nvenc"


@pytest.mark.parametrize("codec", CODECS["access"])
def test_an_nvenc_encoder_works_or_gives_a_reason(codec):
    name = nvenc.encoder_name(codec)
    answer = nvenc.probe_nvenc(name)

    try:
        assert ctypes.CDLL(DRIVER)
        assert ctypes.CDLL(ENCODER)
    except OSError as error:
        missing = ENCODER if ENCODER in str(error) else DRIVER
        assert answer.reason.endswith(f": {missing} does not load")
    if answer.works:
        nvenc.require_encoder(name, "yuv420p", "node:1")
    else:
        with pytest.raises(HardwareMissing) as refused:
            nvenc.require_encoder(name, "yuv420p", "node:1")
        assert str(refused.value).startswith(f"{name} on worker node:1: {answer.reason}. Use --enc")


def test_with_a_driver_but_no_gpu_the_probe_fails_with_libavs_reason(monkeypatch):
    expected = nvenc.probe_nvenc("h264_nvenc").reason
    if f"{DRIVER} does not load" in expected:
        expected = "libav says: Operation not permitted"
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)

    assert nvenc.probe_nvenc.__wrapped__("h264_nvenc", "yuv420p").reason == expected


@pytest.mark.parametrize(("encoder", "reason"), [("libx264", ""), ("no_such", "no_such")])
def test_the_probe_accepts_an_encoder_whose_frames_decode(encoder, reason, monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)
    monkeypatch.setattr(nvenc, "OPTIONS", {})

    assert reason in nvenc.probe_nvenc.__wrapped__(encoder, "yuv420p").reason
    assert nvenc.probe_nvenc.__wrapped__(encoder, "yuv420p").works == (not reason)


def test_software_encoders_need_no_probe():
    nvenc.require_encoder("libx264", "yuv420p", "node:1")
    with pytest.raises(FFmpegError), nvenc.encoder_errors("libx264", "film", "node:1"):
        raise FFmpegError(-22, "Invalid argument")


def opening(made):
    """Open an encoder as a part does and return libav's error; None if NVENC works here."""
    context = cast(VideoCodecContext, av.CodecContext.create(made.codec, "w"))
    configure_encoder(context, made, INFO, Fraction(1, 25))
    try:
        context.open()
    except FFmpegError as error:
        return type(error)
    return None


@pytest.mark.parametrize("preset", SVT_PRESETS)
@pytest.mark.parametrize("codec", CODECS["access"])
def test_libav_accepts_every_option_value_for_nvenc(codec, preset):
    highest = 63 if codec == "av1" else 51

    # libav parses options before it loads the driver, whose absence is a different error.
    for crf in (1, highest):
        assert opening(spec(codec=codec, crf=crf, preset=preset)) not in {ArgumentError, TooMuch}


@pytest.mark.parametrize("codec", CODECS["access"])
def test_libav_has_every_option_for_nvenc(codec):
    made = spec(codec=codec)

    for name in {"cq", "preset", "a53cc", *nvenc.OPTIONS}:
        wrong = replace(made, options={**made.options, name: "nonsense"})
        assert opening(wrong) is ArgumentError, name
