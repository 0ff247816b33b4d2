"""NVIDIA's decoder, for films whose luma it was seen to give bit by bit. Never run on a GPU so far.

Its frames come back to memory with all that libav hangs on a frame (captions, flags, times); what
they lack is a word on damage: libav passes none on.
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
"""How NVIDIA's engines lay out the codes of a planar format."""


class BitExactTest(NamedTuple):
    """What is compared before NVDEC decodes films of a codec and pixel format."""

    encoder: str
    """Of the film that is decoded both ways."""
    profiles: frozenset[str]
    """In libav's words. Others hide tools behind the same pixel format that NVDEC does not have,
    such as H.264's lossless pictures."""
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
"""By codec and pixel format. Only standards that say every bit of what a decoder gives are here;
those of MPEG-2 and MPEG-4 Visual leave room."""


@cache
def probe_nvdec(codec: str, pix_fmt: str) -> ProbeResult:
    """Say whether NVDEC gives a film's own luma in this process; tried once.

    A small film is decoded by libav's own decoder and by NVDEC, and all luma compared.
    """
    proof = BIT_EXACT_TESTS.get((codec, pix_fmt))
    if proof is None:
        return ProbeResult(f"NVDEC is not used for {codec} of {pix_fmt}")
    recipe = Recipe(proof.encoder, pix_fmt, b_frames=2, options=proof.options)

    def differs() -> str:
        film = encode_test_film(recipe)
        found = decode_test_film(film, cuda_hwaccel())
        layouts = {frame.format.name for frame in found}
        if layouts != {LAYOUTS[pix_fmt]}:
            return f"NVDEC gives {', '.join(sorted(layouts)) or 'nothing'}"
        return (
            ""
            if luma_bytes(found) == luma_bytes(decode_test_film(film))
            else "luma of NVDEC is another"
        )

    return probe_engine(DECODER, differs)


def cuda_hwaccel() -> HWAccel:
    """Return what opens a film for NVDEC."""
    return HWAccel("cuda", allow_software_fallback=True)


def can_decode(info: VideoInfo) -> bool:
    """Return whether a film is of the kind whose luma NVDEC was seen to give here."""
    return not info.interlaced and probe_nvdec(info.codec, info.pix_fmt).works


def require_tested_profile(stream: VideoStream, key: str) -> None:
    """Refuse a stream whose profile has more than what NVDEC is used for.

    Raises:
        HardwareMissing: If it has, or if libav's own decoder was opened for it.
    """
    context = stream.codec_context
    known = [
        proof.profiles for (codec, _), proof in BIT_EXACT_TESTS.items() if codec == context.name
    ]
    if not any(context.profile in profiles for profiles in known):
        raise HardwareMissing(key, f"NVDEC is not used for {context.name} {context.profile}")
    if not context.is_hwaccel:
        raise HardwareMissing(key, f"it was opened without NVDEC for {context.name}")


def matches_software_decoder(frame: VideoFrame, info: VideoInfo) -> bool:
    """Return whether a frame came from NVDEC and is what libav's own decoder would have given.

    Film grain that H.264 and HEVC describe is added by libav to its own decoders' pictures only.
    """
    return (
        frame.format.name == LAYOUTS.get(info.pix_fmt)
        and (frame.width, frame.height) == (info.width, info.height)
        and not frame.interlaced_frame
        and not frame.is_corrupt
        and not side_data(frame, Type.FILM_GRAIN_PARAMS)
    )


def luma_bytes(frames: list[VideoFrame]) -> list[bytes]:
    """Return the luma codes of each frame."""
    return [luma_plane(to_planar(frame)).tobytes() for frame in frames]
