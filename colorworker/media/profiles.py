"""Which encoder, pixel format and container an output film gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from av.video.format import VideoFormat

from colorworker.errors import SourceUnsupported
from colorworker.work.film import VideoInfo
from colorworker.work.job import Options

ENCODER_THREADS = 4
"""Pinned: x264 writes other bytes with other thread counts, and parts from different machines must
fit together. More threads than cores cost nothing."""
KEYFRAME_INTERVAL = 250
"""x264's own default, in frames; every segment starts with a keyframe besides."""

SMALLEST_SLICED_SIDE = 128

FORMATS = MappingProxyType({".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"})
"""libav's muxer of each extension that films are written with."""

ACCESS_DEPTHS = frozenset({8, 10})
"""Bits that this build of x264 can keep."""


@dataclass(frozen=True)
class EncoderSpec:
    """How a film is encoded; all parts and the assembly use the same one."""

    codec: str
    pix_fmt: str
    container: str
    """libav's short name of the output's muxer."""
    gop_size: int
    options: Mapping[str, str] = field(default_factory=dict)
    threads: int = ENCODER_THREADS
    sound_codec: str = "aac"
    """For sound that the container cannot hold as it is."""
    sound_bit_rate: int = 256_000


def encoder_for(key: str, info: VideoInfo, options: Options, extension: str) -> EncoderSpec:
    """Return the encoder of a profile for a film.

    Args:
        key: The film's name, for errors.
        info: What it is.
        options: The job's profile, crf and preset.
        extension: Of the output, with its dot, in lower case.

    Raises:
        SourceUnsupported: If the profile cannot keep the source's luma as it is.
    """
    container = FORMATS.get(extension)
    if container is None:
        known = ", ".join(FORMATS)
        raise SourceUnsupported(key, f"no film is written as {extension}", f"Use one of {known}")
    if options.profile == "archive":
        return EncoderSpec(
            "ffv1",
            archive_pix_fmt(key, info),
            container,
            gop_size=1,
            options=_ffv1_options(info),
            sound_codec="flac",
        )
    return EncoderSpec(
        "libx264",
        access_pix_fmt(key, info),
        container,
        gop_size=KEYFRAME_INTERVAL,
        options={"crf": str(options.crf), "preset": options.preset},
    )


def access_pix_fmt(key: str, info: VideoInfo) -> str:
    """Return the pixel format for H.264: 4:2:0 as browsers want it, at the source's bit depth.

    4:2:0 needs even sides, so odd ones get 4:4:4. A full-range `yuvj420p` keeps its name, for
    then colour is written into the decoder's own frames; the bitstream is the same.

    Raises:
        SourceUnsupported: If x264 cannot keep the bit depth.
    """
    depth = _depth(info.pix_fmt)
    if depth not in ACCESS_DEPTHS:
        raise SourceUnsupported(
            key, f"H.264 cannot keep its {depth} bits", "Use --profile archive for it"
        )
    if info.pix_fmt == "yuvj420p" and not _is_odd(info):
        return "yuvj420p"
    return _named("yuv444p" if _is_odd(info) else "yuv420p", depth)


def archive_pix_fmt(key: str, info: VideoInfo) -> str:
    """Return the pixel format for FFV1: chroma as fine as the source's, and 4:4:4 for grey.

    Raises:
        SourceUnsupported: If FFV1 has no such format.
    """
    if info.pix_fmt.startswith("gray"):
        pix_fmt = _named("yuv444p", _depth(info.pix_fmt))
    else:
        pix_fmt = info.pix_fmt.replace("yuvj", "yuv")
    if pix_fmt not in FFV1_PIX_FMTS:
        raise SourceUnsupported(
            key, f"FFV1 cannot hold {pix_fmt}", "Convert the film to 8, 10, 12 or 16 bits first"
        )
    return pix_fmt


FFV1_PIX_FMTS = frozenset(
    {f"yuv{chroma}p" for chroma in ("410", "411", "420", "422", "440", "444")}
    | {f"yuv{chroma}p{depth}le" for chroma in ("420", "422", "444") for depth in (9, 10, 12, 16)}
    | {"yuv420p14le", "yuv422p14le", "yuv440p10le", "yuv440p12le"}
)
"""Planar YUV formats of FFV1 as `av.Codec("ffv1", "w").video_formats` lists them."""


def _ffv1_options(info: VideoInfo) -> dict[str, str]:
    """Return FFV1 version 3 with a checksum a slice.

    The encoder refuses 4 slices where they do not fit the chroma: in tiny and some odd sizes. Then
    it chooses itself.
    """
    options = {"level": "3", "slicecrc": "1"}
    if min(info.width, info.height) >= SMALLEST_SLICED_SIDE and not _is_odd(info):
        options["slices"] = "4"
    return options


def _depth(pix_fmt: str) -> int:
    return VideoFormat(pix_fmt).components[0].bits


def _named(base: str, depth: int) -> str:
    return base if depth == 8 else f"{base}{depth}le"


def _is_odd(info: VideoInfo) -> bool:
    return bool(info.width % 2 or info.height % 2)
