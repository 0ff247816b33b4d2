"""NVIDIA's decoder, for codecs whose luma it decodes bit-exactly. Not yet run on a GPU.

Its frames are downloaded with everything libav attaches to a frame (captions, flags, times), except
error flags, which libav does not pass on.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from av.codec.hwaccel import HWAccel
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import HardwareMissing
from colorworker.media.codecs.hardware import (
    DECODER,
    ProbeResult,
    decode_test_film,
    encode_test_film,
    probe_engine,
)
from colorworker.media.planes import luma_plane
from colorworker.media.repack import to_planar
from colorworker.media.sidedata import side_data
from colorworker.media.synthetic import Recipe

LAYOUTS = MappingProxyType({"yuv420p": "nv12", "yuv420p10le": "p010le"})
"""The memory layout that NVIDIA's engines use for each planar format."""


class BitExactTest(NamedTuple):
    """The test that NVDEC must pass before it decodes films of a codec and pixel format."""

    encoder: str
    """Encoder of the test film, which is decoded by NVDEC and in software."""
    profiles: frozenset[str]
    """Profiles NVDEC is used for, by libav's names. Others have coding tools that NVDEC lacks, with
    the same pixel format, such as lossless H.264."""
    options: Mapping[str, str] = MappingProxyType({})


_QUIET = MappingProxyType({"x265-params": "log-level=error"})
BIT_EXACT_TESTS: Mapping[tuple[str, str], BitExactTest] = MappingProxyType(
    {
        ("h264", "yuv420p"): BitExactTest(
            "libx264", frozenset({"Constrained Baseline", "Main", "High"})
        ),
        ("hevc", "yuv420p"): BitExactTest("libx265", frozenset({"Main"}), _QUIET),
        ("hevc", "yuv420p10le"): BitExactTest("libx265", frozenset({"Main 10"}), _QUIET),
    }
)
"""By codec and pixel format. Only codecs whose standard defines decoding bit-exactly are listed;
MPEG-2 and MPEG-4 Visual do not."""


@cache
def probe_nvdec(codec: str, pix_fmt: str) -> ProbeResult:
    """Return whether NVDEC decodes luma bit-exactly in this process; the result is cached.

    A small film is decoded by libav's own decoder and by NVDEC, and all luma is compared.
    """
    proof = BIT_EXACT_TESTS.get((codec, pix_fmt))
    if proof is None:
        return ProbeResult(f"NVDEC is not used for {codec} with {pix_fmt}")
    recipe = Recipe(proof.encoder, pix_fmt, b_frames=2, options=proof.options)

    def differs() -> str:
        film = encode_test_film(recipe)
        found = decode_test_film(film, cuda_hwaccel())
        layouts = {frame.format.name for frame in found}
        if layouts != {LAYOUTS[pix_fmt]}:
            return f"NVDEC returns {', '.join(sorted(layouts)) or 'nothing'}"
        return (
            ""
            if luma_bytes(found) == luma_bytes(decode_test_film(film))
            else "NVDEC's luma differs"
        )

    return probe_engine(DECODER, differs)


def cuda_hwaccel() -> HWAccel:
    """Return the hardware acceleration that opens a film with NVDEC."""
    return HWAccel("cuda", allow_software_fallback=True)


def can_decode(info: VideoInfo) -> bool:
    """Return whether NVDEC was proven bit-exact in this process for this kind of film."""
    return not info.interlaced and probe_nvdec(info.codec, info.pix_fmt).works


def require_tested_profile(stream: VideoStream, key: str) -> None:
    """Check that NVDEC is used for the stream's profile and was opened for it.

    Raises:
        HardwareMissing: If it is not, or if libav opened its own decoder instead.
    """
    context = stream.codec_context
    known = [
        proof.profiles for (codec, _), proof in BIT_EXACT_TESTS.items() if codec == context.name
    ]
    if not any(context.profile in profiles for profiles in known):
        raise HardwareMissing(key, f"NVDEC is not used for {context.name} {context.profile}")
    if not context.is_hwaccel:
        raise HardwareMissing(key, f"NVDEC could not be opened for {context.name}")


def matches_software_decoder(frame: VideoFrame, info: VideoInfo) -> bool:
    """Return whether a frame came from NVDEC and equals what libav's own decoder would return.

    libav adds the film grain that H.264 and HEVC describe only to frames of its own decoders.
    """
    return (
        frame.format.name == LAYOUTS.get(info.pix_fmt)
        and (frame.width, frame.height) == (info.width, info.height)
        and not frame.interlaced_frame
        and not frame.is_corrupt
        and not side_data(frame, Type.FILM_GRAIN_PARAMS)
    )


def luma_bytes(frames: list[VideoFrame]) -> list[bytes]:
    """Return the luma codes of each frame as bytes."""
    return [luma_plane(to_planar(frame)).tobytes() for frame in frames]
