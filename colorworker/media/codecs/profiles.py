"""Choose the encoder, its options and the container of an output film."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from colorworker.domain.notes import Note
from colorworker.domain.options import CODECS, DEFAULT_CRF, Codec, Options
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.codecs import nvenc, pixelformats
from colorworker.media.codecs.ffv1 import accepts_slices
from colorworker.media.codecs.nvdec import LAYOUTS
from colorworker.media.codecs.pixelformats import (
    SupportedFormats,
    choose_pix_fmt,
    chroma_of,
    depth_of,
    is_coarser,
)
from colorworker.media.sidedata import CAPTIONS, CHROMATICITY_UNITS, LUMINANCE_UNITS, STEREO

ENCODER_THREADS = 4
"""Pinned: x264's output depends on the number of threads, and parts from different machines must
fit together. More threads than cores cost nothing."""
KEYFRAME_INTERVAL = 250
"""x264's default, in frames. Every segment also starts with a keyframe."""
SMALLEST_SLICED_SIDE = 128
SMALLEST: Mapping[Codec, tuple[int, int]] = MappingProxyType(
    {"dnxhr": (256, 120), "hevc": (64, 16), "av1": (4, 4)}
)
"""Minimum width and height. libav refuses smaller DNxHR, and SVT-AV1 smaller AV1; x265 4.2 writes
out of bounds at widths of 33 to 50 and crashes the process."""

FORMATS = MappingProxyType({".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"})
"""libav's muxer for each output extension."""

SVT_PRESETS = MappingProxyType(
    {
        "ultrafast": 12,
        "superfast": 11,
        "veryfast": 10,
        "faster": 9,
        "fast": 8,
        "medium": 6,
        "slow": 5,
        "slower": 4,
        "veryslow": 2,
        "placebo": 1,
    }
)
"""SVT-AV1's numeric preset for each x264 preset name, about equally slow."""
PROGRESSIVE = 1
FULL_RANGE = 2
"""libav's AVCOL_RANGE_JPEG."""
FIELDS = MappingProxyType({2: "tt", 3: "bb", 4: "tb", 5: "bt"})
"""libav's names of field orders, by AVFieldOrder."""


@dataclass(frozen=True)
class EncoderSpec:
    """How a film is encoded. All parts and the assembly use the same spec."""

    codec: str
    """libav's name of the encoder."""
    pix_fmt: str
    """Pixel format of the frames to encode."""
    container: str
    """libav's short name of the output's muxer."""
    gop_size: int
    options: Mapping[str, str] = field(default_factory=dict)
    threads: int = ENCODER_THREADS
    sound_codec: str = "aac"
    """Encoder for audio that the container cannot hold."""
    sound_bit_rate: int = 256_000
    part_container: str = "nut"
    """Muxer of parts. NUT's time base is the encoder's or an exact fraction of it; Matroska would
    round to 1 ms. NUT does not support ProRes and DNxHR; for them QuickTime is as exact, because
    they do not reorder frames."""
    tag: str = ""
    """Codec tag (FourCC) that players expect in MP4 and QuickTime; empty for libav's own."""
    layout: str = ""
    """Pixel format with the same codes that the encoder takes; empty if it takes `pix_fmt`."""
    lossless: bool = False
    frame_data: frozenset[str] = frozenset()
    """Kinds of side data that the encoder writes, by the names in `sidedata.FRAME_DATA`."""
    losses: tuple[str, ...] = ()
    """Warnings and notes about what this encoder cannot keep of the source; see `domain.notes`."""


def encoder_for(key: str, info: VideoInfo, options: Options, extension: str) -> EncoderSpec:
    """Return how a film is encoded under the job's options.

    Args:
        key: The film's name, for errors.
        info: The film's properties.
        options: The job's options: profile, codec, crf, preset and the like.
        extension: The output's extension, with its dot, in lower case.

    Raises:
        SourceUnsupported: If the profile cannot keep the source's luma.
    """
    container = FORMATS.get(extension)
    if container is None:
        known = ", ".join(FORMATS)
        raise SourceUnsupported(key, f"films cannot be written as {extension}", f"Use {known}")
    losses: tuple[str, ...] = ()
    if info.rgb_format:
        losses = (Note(f"{info.rgb_format} is written as luma and chroma: gray keeps its codes"),)
    if info.is_log:
        losses += (Note("its codes are printing density, as in the source: players show it flat"),)
    if options.deinterlace == "bwdif" and info.field_order != PROGRESSIVE:
        info = replace(info, field_order=PROGRESSIVE)
        losses += (Note("deinterlaced with bwdif: every second line of luma is interpolated"),)
    if options.profile == "archive":
        spec = _archive(key, info, container)
    elif options.profile == "mezzanine":
        spec = _mezzanine(key, info, options, container)
    elif options.encoder == "nvenc":
        spec = _nvenc(key, info, options, container)
    else:
        spec = _access(key, info, options, container)
    signal_options = _signal_options(info, spec.codec)
    return replace(spec, options={**spec.options, **signal_options}, losses=losses + spec.losses)


def encoder_names(options: Options) -> tuple[str, ...]:
    """Return libav's names of the encoders that films of these options may need, sound included."""
    if options.preview:
        return ()
    if options.profile == "archive":
        return ("ffv1", "flac", "wavpack")
    if options.profile == "mezzanine":
        # Full-range films become DNxHR instead of ProRes, unless a codec was chosen.
        both = {"prores": ("prores_ks",), "dnxhr": ("dnxhd",), None: ("prores_ks", "dnxhd")}
        return (*both[options.codec], "pcm_s24le", "flac", "wavpack")
    codec = options.codec or CODECS["access"][0]
    if options.encoder == "nvenc":
        return (nvenc.encoder_name(codec), "aac", "libopus")
    return (_ACCESS[codec][0], "aac", "libopus")


def _archive(key: str, info: VideoInfo, container: str) -> EncoderSpec:
    """Return the archive encoder: FFV1 version 3 with a checksum per slice.

    The encoder refuses 4 slices if they do not fit the chroma, in tiny and some odd sizes. Then the
    number of slices is left to it, or is 1. Where no number fits, chroma is as fine as luma.
    """
    options = {"level": "3", "slicecrc": "1"}
    pix_fmt = choose_pix_fmt(key, info, pixelformats.FFV1)
    shorter = min(info.width, info.height)
    if shorter < SMALLEST_SLICED_SIDE:
        pix_fmt, slices = _tiny_slices(key, info, pix_fmt)
        options |= slices
    elif info.width % 2 == info.height % 2 == 0:
        options["slices"] = "4"
    return EncoderSpec(
        "ffv1",
        pix_fmt,
        container,
        gop_size=1,
        options=options,
        sound_codec="flac",
        lossless=True,
        losses=_lost_metadata(info, "FFV1"),
    )


def _tiny_slices(key: str, info: VideoInfo, pix_fmt: str) -> tuple[str, dict[str, str]]:
    """Return the pixel format and the option for slices that FFV1 accepts at a tiny size."""
    full_chroma = pixelformats.with_full_chroma(pix_fmt)
    for each in dict.fromkeys((pix_fmt, full_chroma)):
        for slices in (0, 1):
            if accepts_slices(each, info.width, info.height, slices):
                return each, {"slices": str(slices)} if slices else {}
    raise SourceUnsupported(
        key, f"FFV1 does not support {info.width} x {info.height}", "Use --profile access"
    )


def _mezzanine(key: str, info: VideoInfo, options: Options, container: str) -> EncoderSpec:
    codec = options.codec or CODECS["mezzanine"][0]
    said: tuple[str, ...] = ()
    if info.color_range == FULL_RANGE and options.codec is None and _is_large_enough(info, "dnxhr"):
        codec, said = "dnxhr", (Note("written as DNxHR: ProRes supports only limited range"),)
    formats = pixelformats.PRORES if codec == "prores" else pixelformats.DNXHR
    _check_size(key, info, codec, formats.name)
    pix_fmt = choose_pix_fmt(key, info, formats)
    full_chroma = chroma_of(pix_fmt) == "444"
    losses = said + _lost_metadata(info, formats.name)
    if codec == "prores":
        encoder, profile = "prores_ks", {"profile": "4444" if full_chroma else "hq"}
        profile["vendor"] = "apl0"
        losses += _lost_range(info)
    else:
        encoder, profile = "dnxhd", {"profile": "dnxhr_444" if full_chroma else "dnxhr_hqx"}
        losses += _lost_fields(info, "DNxHR")
    return EncoderSpec(
        encoder,
        pix_fmt,
        container,
        gop_size=1,
        options=profile,
        sound_codec="pcm_s24le",
        part_container="mov",
        losses=losses,
    )


def _access(key: str, info: VideoInfo, options: Options, container: str) -> EncoderSpec:
    codec = options.codec or CODECS["access"][0]
    crf = DEFAULT_CRF[codec] if options.crf is None else options.crf
    encoder, formats, parameters = _ACCESS[codec]
    _check_size(key, info, codec, formats.name)
    pix_fmt = choose_pix_fmt(key, info, formats, coarse=options.chroma == "420")
    losses = _lost_chroma(info, options, pix_fmt, formats.name)
    if codec != "h264":
        losses += _lost_fields(info, formats.name)
    chosen = {"crf": str(crf), "preset": options.preset}
    if codec == "hevc":
        chosen["a53cc"] = "1"
    if codec == "av1":
        chosen["preset"] = str(SVT_PRESETS.get(options.preset, options.preset))
    if own := ":".join([*parameters, *_first_field(codec, info), *_static_metadata(codec, info)]):
        chosen[_PARAMETERS[codec]] = own
    return EncoderSpec(
        encoder,
        pix_fmt,
        container,
        gop_size=KEYFRAME_INTERVAL,
        options=chosen,
        frame_data=_FRAME_DATA.get(codec, frozenset()),
        tag=_codec_tag(codec, container),
        losses=losses,
    )


def _nvenc(key: str, info: VideoInfo, options: Options, container: str) -> EncoderSpec:
    """Return an NVENC encoder at constant quality, on its own scale, which resembles crf.

    libav's wrapper writes captions for H.264 and HEVC. It writes HDR metadata only from the
    decoder's context, which PyAV does not pass on.
    """
    codec = options.codec or CODECS["access"][0]
    formats = pixelformats.NVENC[codec]
    if info.width % 2 or info.height % 2:
        raise SourceUnsupported(
            key,
            f"{formats.name} supports only even sizes, this is {info.width} x {info.height}",
            "Use --encoder software",
        )
    pix_fmt = choose_pix_fmt(key, info, formats, coarse=options.chroma == "420")
    losses = _lost_chroma(info, options, pix_fmt, formats.name)
    losses += _lost_fields(info, formats.name) + _lost_metadata(info, formats.name)
    if info.chroma_location and container != "matroska":
        losses += (f"{formats.name} does not store the chroma location: left out",)
    captions = frozenset({CAPTIONS}) if codec != "av1" else frozenset[str]()
    return EncoderSpec(
        nvenc.encoder_name(codec),
        pix_fmt,
        container,
        gop_size=KEYFRAME_INTERVAL,
        options={
            **nvenc.OPTIONS,
            "cq": str(options.crf or DEFAULT_CRF[codec]),
            "preset": nvenc.PRESETS.get(options.preset, options.preset),
            "a53cc": str(len(captions)),
        },
        frame_data=captions,
        tag=_codec_tag(codec, container),
        layout=LAYOUTS[pix_fmt] if depth_of(pix_fmt) > 8 else "",
        losses=losses,
    )


def _codec_tag(codec: Codec, container: str) -> str:
    return "hvc1" if codec == "hevc" and container in {"mp4", "mov"} else ""


_ACCESS: Mapping[Codec, tuple[str, SupportedFormats, tuple[str, ...]]] = MappingProxyType(
    {
        "h264": ("libx264", pixelformats.H264, ()),
        # The output depends on frame threads, and x265 writes both numbers into its header.
        "hevc": (
            "libx265",
            pixelformats.HEVC,
            ("log-level=error", "pools=4", "frame-threads=2"),
        ),
        "av1": ("libsvtav1", pixelformats.AV1, ()),
    }
)
"""Encoder, its pixel formats, and its private parameters, by codec of the access profile."""
_FRAME_DATA: Mapping[Codec, frozenset[str]] = MappingProxyType(
    {"h264": frozenset({CAPTIONS, STEREO}), "hevc": frozenset({CAPTIONS})}
)
_PARAMETERS: Mapping[Codec, str] = MappingProxyType(
    {"h264": "x264-params", "hevc": "x265-params", "av1": "svtav1-params"}
)


def _check_size(key: str, info: VideoInfo, codec: Codec, name: str) -> None:
    if not _is_large_enough(info, codec):
        width, height = SMALLEST[codec]
        raise SourceUnsupported(
            key,
            f"{name} needs at least {width} x {height}, this is {info.width} x {info.height}",
            f"Use --codec {CODECS['mezzanine' if codec == 'dnxhr' else 'access'][0]}",
        )


def _is_large_enough(info: VideoInfo, codec: Codec) -> bool:
    width, height = SMALLEST.get(codec, (1, 1))
    return info.width >= width and info.height >= height


def _first_field(codec: Codec, info: VideoInfo) -> list[str]:
    """Return x264's parameter for the field order; its default is top field first."""
    if codec != "h264" or not info.interlaced:
        return []
    return ["tff=1" if FIELDS[info.field_order].startswith("t") else "bff=1"]


def _static_metadata(codec: Codec, info: VideoInfo) -> list[str]:
    """Return static HDR metadata as encoder parameters, because encoders ignore the side data.

    SVT-AV1 takes plain numbers; the others take integers in units of SMPTE ST 2086.
    """
    display = info.mastering_display
    if display and codec == "av1":
        display = _in_plain_numbers(display)
    names = {
        "h264": ("mastering-display", "cll"),
        "hevc": ("master-display", "max-cll"),
        "av1": ("mastering-display", "content-light"),
    }[codec]
    found = zip(names, (display, info.content_light), strict=True)
    return [f"{name}={value}" for name, value in found if value]


def _in_plain_numbers(display: str) -> str:
    place, light = display.split("L(")
    place = re.sub(r"\d+", lambda found: f"{int(found[0]) / CHROMATICITY_UNITS:.5f}", place)
    light = re.sub(r"\d+", lambda found: f"{int(found[0]) / LUMINANCE_UNITS:.4f}", light)
    return f"{place}L({light}"


def _signal_options(info: VideoInfo, encoder: str) -> dict[str, str]:
    """Return the encoder options, by libav's names, for what PyAV has no attributes for."""
    found: dict[str, str] = {}
    if info.chroma_location:
        found["chroma_sample_location"] = info.chroma_location
    if info.field_order == PROGRESSIVE:
        found["field_order"] = "progressive"
    elif info.interlaced:
        found["field_order"] = FIELDS[info.field_order]
        if encoder in {"libx264", "ffv1", "prores_ks"}:
            found["flags"] = "+ilme+ildct"
    return found


def _lost_chroma(info: VideoInfo, options: Options, pix_fmt: str, name: str) -> tuple[str, ...]:
    if options.chroma != "source" or not is_coarser(pix_fmt, info.pix_fmt):
        return ()
    return (Note(f"{name} is written with 4:2:0 chroma, coarser than the source's"),)


def _lost_fields(info: VideoInfo, name: str) -> tuple[str, ...]:
    if not info.interlaced:
        return ()
    said = f"{name} encodes fields as whole frames: only the container marks them as interlaced"
    return (Note(said),)


def _lost_range(info: VideoInfo) -> tuple[str, ...]:
    if info.color_range != FULL_RANGE:
        return ()
    return ("players read ProRes as limited range, the source is full: --codec dnxhr keeps it",)


def _lost_metadata(info: VideoInfo, name: str) -> tuple[str, ...]:
    if not info.mastering_display and not info.content_light:
        return ()
    return (f"{name} cannot store HDR mastering display and content light: left out",)
