"""Choose an encoder's pixel format: the source's bit depth, and chroma at least as fine."""

import re
from dataclasses import dataclass
from types import MappingProxyType

from av.video.format import VideoFormat

from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported

SHIFTS = {"410": (2, 2), "411": (2, 0), "420": (1, 1), "422": (1, 0), "440": (0, 1), "444": (0, 0)}
"""How many times chroma planes are halved horizontally and vertically."""
CHROMA = re.compile(r"yuvj?(4\d\d)p")


@dataclass(frozen=True)
class SupportedFormats:
    """The pixel formats an encoder supports."""

    name: str
    """Name of the codec, for messages."""
    pix_fmts: frozenset[str]
    gray: str
    """Chroma subsampling for gray films, such as `420`."""
    next_step: str
    """Advice for a bit depth that the codec does not support."""
    odd_sizes: bool = True
    """Whether 4:2:0 and 4:2:2 may have odd sides; if not, films with odd sides get 4:4:4."""
    deepens: bool = False
    """Whether luma may be written at a higher bit depth, its codes multiplied by a power of 2."""


def _planar(chromas: str, depths: str) -> frozenset[str]:
    return frozenset(
        _named(chroma, int(depth)) for chroma in chromas.split() for depth in depths.split()
    )


def _named(chroma: str, depth: int) -> str:
    return f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p{depth}le"


_FULL_RANGE = frozenset({"yuvj420p", "yuvj422p", "yuvj444p"})

H264 = SupportedFormats(
    "H.264",
    _planar("420 422 444", "8 10") | _FULL_RANGE,
    "420",
    "Use --codec hevc for 12 bits, or --profile archive",
    odd_sizes=False,
)
HEVC = SupportedFormats(
    "HEVC",
    _planar("420 422 444", "8 10 12") | _FULL_RANGE,
    "420",
    "Use --profile archive for it",
    odd_sizes=False,
)
AV1 = SupportedFormats(
    "AV1", _planar("420", "8 10"), "420", "Use --codec hevc for 12 bits, or --profile archive"
)
NVENC = MappingProxyType(
    {
        "h264": SupportedFormats(
            "H.264 of NVENC",
            _planar("420 444", "8"),
            "420",
            "Use --codec hevc for 10 bits, or --encoder software",
        ),
        "hevc": SupportedFormats(
            "HEVC of NVENC",
            _planar("420 444", "8") | _planar("420", "10"),
            "420",
            "Use --encoder software",
        ),
        "av1": SupportedFormats(
            "AV1 of NVENC", _planar("420", "8 10"), "420", "Use --encoder software"
        ),
    }
)
"""By codec. Newer cards support more than is listed; none of it has been tested."""
PRORES = SupportedFormats(
    "ProRes", _planar("422 444", "10"), "422", "Use --profile archive for it", deepens=True
)
DNXHR = SupportedFormats(
    "DNxHR", _planar("422 444", "10"), "422", "Use --profile archive for it", deepens=True
)
FFV1 = SupportedFormats(
    "FFV1",
    _planar("410 411 440", "8")
    | _planar("420 422 444", "8 9 10 12 14 16")
    | _planar("440", "10 12"),
    "444",
    "Convert the film to 8, 10, 12 or 16 bits first",
)


def choose_pix_fmt(
    key: str, info: VideoInfo, formats: SupportedFormats, *, coarse: bool = False
) -> str:
    """Return the pixel format for a film's color version.

    Chroma is as fine as the source's, or the next finer that the codec supports; if none is fine
    enough, the codec's finest. Full-range `yuvj...` keeps its name if the encoder supports it,
    because then color is written into the decoder's own frames; the bitstream is the same.

    Args:
        key: The film's name, for errors.
        info: The film's properties.
        formats: Formats the codec supports.
        coarse: Use 4:2:0 if possible, whatever the source has.

    Raises:
        SourceUnsupported: If the codec would change luma.
    """
    depth = depth_of(info.pix_fmt)
    depths = sorted({depth_of(name) for name in formats.pix_fmts})
    fitting = [each for each in depths if each == depth or (formats.deepens and each > depth)]
    if not fitting:
        raise SourceUnsupported(
            key, f"{formats.name} does not support its {depth} bits", formats.next_step
        )
    wanted = _wanted(info, formats, coarse=coarse)
    offered = {chroma_of(name) for name in formats.pix_fmts if depth_of(name) == fitting[0]}
    enough = [each for each in offered if _is_as_fine(each, wanted)]
    chroma = max(enough, key=_coarseness) if enough else min(offered, key=_coarseness)
    full_range = f"yuvj{chroma}p"
    if info.pix_fmt == full_range and full_range in formats.pix_fmts:
        return full_range
    return _named(chroma, fitting[0])


def with_full_chroma(pix_fmt: str) -> str:
    """Return the 4:4:4 format of the same bit depth and range."""
    return pix_fmt.replace(chroma_of(pix_fmt), "444", 1)


def is_coarser(pix_fmt: str, source: str) -> bool:
    """Return whether chroma is coarser than the source's; never for a gray source."""
    return not source.startswith("gray") and not _is_as_fine(chroma_of(pix_fmt), chroma_of(source))


def depth_of(pix_fmt: str) -> int:
    """Return the bit depth of luma."""
    return VideoFormat(pix_fmt).components[0].bits


def chroma_of(pix_fmt: str) -> str:
    """Return the chroma subsampling, such as `420` for `yuv420p10le`.

    Raises:
        ValueError: If the format is not planar Y'CbCr.
    """
    match = CHROMA.match(pix_fmt)
    if match is None:
        raise ValueError(f"{pix_fmt} is not planar YUV")
    return match[1]


def _wanted(info: VideoInfo, formats: SupportedFormats, *, coarse: bool) -> str:
    chroma = formats.gray if info.pix_fmt.startswith("gray") else chroma_of(info.pix_fmt)
    if coarse:
        chroma = "420"
    if formats.odd_sizes:
        return chroma
    if info.width % 2 or info.height % 2:
        return "444"
    # Each field of 4:2:0 needs an even number of lines; those of 486-line NTSC have 243.
    return "422" if chroma == "420" and info.interlaced and info.height % 4 else chroma


def _is_as_fine(chroma: str, other: str) -> bool:
    across, down = SHIFTS[chroma]
    return across <= SHIFTS[other][0] and down <= SHIFTS[other][1]


def _coarseness(chroma: str) -> int:
    return sum(SHIFTS[chroma])
