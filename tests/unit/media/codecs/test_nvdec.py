"""NVDEC yields exactly what software decoding yields, with or without an engine at hand."""

import ctypes

import numpy as np
import pytest
from av.error import ExternalError
from av.sidedata.sidedata import Type

from colorworker.errors import HardwareMissing
from colorworker.media.codecs import decode, hardware, nvdec
from colorworker.media.codecs.decode import DecodeTally, decode_segment
from colorworker.media.codecs.hardware import (
    DECODER,
    DRIVER,
    FRAMES,
    ProbeResult,
    encode_test_film,
    probe_engine,
)
from colorworker.media.containers.demux import open_source
from colorworker.media.containers.maintrack import film_stream
from colorworker.media.containers.probe import scan
from colorworker.media.planes import plane_view
from colorworker.media.repack import to_planar
from colorworker.media.sidedata import side_data
from colorworker.media.swscale import reformat
from colorworker.media.synthetic import Recipe
from tests.manystreams import make_film_with_all_streams


def has(*libraries):
    try:
        return all(ctypes.CDLL(name) for name in libraries)
    except OSError:
        return False


def seen(path, **options):
    """Return each frame's time, luma, flags and captions."""
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        frames = decode_segment(
            reader, path.name, info, timeline, int(timeline.pts[0]), None, **options
        )
        return [
            (
                frame.pts,
                plane_view(frame, 0).tobytes(),
                frame.interlaced_frame,
                side_data(frame, Type.A53_CC),
            )
            for frame in frames
        ]


@pytest.mark.parametrize(("codec", "pix_fmt"), nvdec.BIT_EXACT_TESTS)
def test_a_film_decodes_identically_with_nvdec_or_a_reason_is_given(codec, pix_fmt, film):
    proof = nvdec.BIT_EXACT_TESTS[codec, pix_fmt]
    path = film(
        "film.mp4",
        codec=proof.encoder,
        pix_fmt=pix_fmt,
        options=proof.options,
        width=320,
        height=192,
        frames=24,
        b_frames=2,
    )
    tally = DecodeTally()

    by_nvdec = seen(path, nvdec=True, tally=tally)

    answer = nvdec.probe_nvdec(codec, pix_fmt)
    assert by_nvdec == seen(path)
    assert tally.nvdec_frames == (24 if answer.works else 0)
    if not has(DRIVER):
        assert answer.reason == f"no NVIDIA driver: {DRIVER} does not load"
    elif not has(DECODER):
        assert answer.reason == f"the driver lacks capability `video`: {DECODER} does not load"


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("h264", "yuvj420p"), ("h264", "yuv422p"), ("mpeg2video", "yuv420p")]
)
def test_nvdec_is_not_used_for_untested_formats(codec, pix_fmt):
    assert (
        nvdec.probe_nvdec(codec, pix_fmt).reason == f"NVDEC is not used for {codec} with {pix_fmt}"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"qp": "0"}, "not used for h264 High 4:4:4 Predictive"),
        ({}, "could not be opened for h264"),
    ],
    ids=["lossless", "usual"],
)
def test_untested_profiles_are_decoded_in_software(options, said, film):
    path = film("film.mp4", options=options, frames=2)

    with (
        path.open("rb") as reader,
        open_source(reader, path.name) as container,
        pytest.raises(HardwareMissing, match=said),
    ):
        nvdec.require_tested_profile(film_stream(container, path.name), path.name)


def late(frame):
    frame.pts += 1
    return frame


def broken(_):
    raise ExternalError(-542398533, "the card fell off the bus")


SPOILT = {
    "it fails": broken,
    "another time": late,
    "libav's own": to_planar,
    "another size": lambda frame: frame.reformat(width=frame.width - 2),
}


@pytest.fixture
def engine(monkeypatch):
    """Simulate NVDEC: return frames in its layout, with frame 20 changed."""

    def install(spoilt):
        in_software = decode.decode_from

        def decode_from(*arguments, nvdec=False, **options):
            for index, frame in enumerate(in_software(*arguments, **options)):
                given = reformat(frame, "nv12") if nvdec else frame
                yield spoilt(given) if nvdec and index == 20 else given

        monkeypatch.setattr(decode, "decode_from", decode_from)
        monkeypatch.setattr(decode, "can_decode", lambda _: True)

    return install


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_software_takes_over_at_the_first_frame_that_differs(spoilt, tmp_path, engine):
    path = make_film_with_all_streams(tmp_path / "film.mkv")
    wanted, tally = seen(path), DecodeTally()
    engine(spoilt)

    assert seen(path, nvdec=True, tally=tally) == wanted
    assert (tally.frames, tally.nvdec_frames) == (48, 20)
    assert any(captions for *_, captions in wanted)


@pytest.mark.parametrize(("repeat", "by_nvdec"), [(False, 4), (True, 0)])
def test_nvdec_is_not_used_if_frames_may_be_repeated(repeat, by_nvdec, film, engine):
    path, tally = film("film.mp4", frames=4), DecodeTally()
    engine(broken)

    seen(path, nvdec=True, repeat=repeat, tally=tally)

    assert (tally.frames, tally.nvdec_frames) == (4, by_nvdec)


def test_interlaced_frames_are_decoded_in_software(film):
    path = film("film.mkv", field_order=2, height=64, frames=2)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        (frame, _) = decode_segment(reader, path.name, info, timeline, 0, None)

    assert not nvdec.can_decode(info)
    assert not nvdec.matches_software_decoder(reformat(frame, "nv12"), info)


def test_frames_with_film_grain_are_decoded_in_software(film, monkeypatch):
    path = film("film.mkv", frames=1)
    with path.open("rb") as reader:
        info, timeline = scan(reader, path.name)
        (frame,) = decode_segment(reader, path.name, info, timeline, 0, None)
    given = reformat(frame, "nv12")

    assert nvdec.matches_software_decoder(given, info)
    monkeypatch.setattr(
        nvdec, "side_data", lambda _, kind: b"grain" * (kind == Type.FILM_GRAIN_PARAMS)
    )
    assert not nvdec.matches_software_decoder(given, info)


def test_a_probe_turns_errors_into_reasons(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)

    assert probe_engine(DECODER, lambda: "").works
    assert probe_engine(DECODER, lambda: "it differs") == ProbeResult("it differs")
    assert not probe_engine(DECODER, lambda: str(encode_test_film(Recipe("no_such_encoder")))).works
    assert probe_engine(DECODER, lambda: broken(None)).reason.startswith("libav says: ")


def engine_of(change):
    """Return a function that decodes a test film in NVDEC's layout and changes its frames."""

    def decoded(film, hwaccel=None):
        frames = hardware.decode_test_film(film)
        return [change(reformat(frame, "nv12")) for frame in frames] if hwaccel else frames

    return decoded


def darker(frame):
    frame.make_writable()
    np.frombuffer(frame.planes[0], np.uint8)[7] -= 1
    return frame


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame, ""),
        (darker, "NVDEC's luma differs"),
        (to_planar, "NVDEC returns yuv420p"),
        (broken, "libav says: the card fell off the bus"),
    ],
)
def test_the_probe_accepts_only_identical_luma(change, reason, monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)
    monkeypatch.setattr(nvdec, "decode_test_film", engine_of(change))

    assert nvdec.probe_nvdec.__wrapped__("h264", "yuv420p").reason == reason


def test_with_a_driver_but_no_gpu_the_probe_fails_with_libavs_reason(monkeypatch):
    expected = nvdec.probe_nvdec("h264", "yuv420p").reason
    if not has(DRIVER):
        expected = "libav says: Operation not permitted"
    monkeypatch.setattr("ctypes.CDLL", lambda _: None)

    assert nvdec.probe_nvdec.__wrapped__("h264", "yuv420p").reason == expected


def test_the_frames_of_the_probes_film_differ():
    assert (
        len(set(nvdec.luma_bytes(hardware.decode_test_film(encode_test_film(Recipe()))))) == FRAMES
    )
