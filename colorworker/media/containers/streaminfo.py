"""A video stream's properties, from its header and its first decoded frame."""

from fractions import Fraction

from av.container import InputContainer
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media import sidedata
from colorworker.media.repack import planar_format
from colorworker.media.rgbluma import is_rgb

DEFAULT_RATE = Fraction(25)
"""Frame rate if neither header nor packets give one; the timeline holds the real times."""
H273_FULL, H273_LIMITED = 2, 1
"""libav's color ranges, AVCOL_RANGE_JPEG and AVCOL_RANGE_MPEG."""
LIMITED_BY_DEFAULT = frozenset({"h264", "hevc", "av1", "mpeg2video", "mpeg1video", "mpeg4"})
"""Codecs whose standard means limited range if nothing is signaled."""
BT709, BT601 = 1, 6
"""Matrices of H.273, table 4."""
WEIGHTED_MATRICES = frozenset({1, 4, 5, 6, 7, 9})
"""Matrices of Y', Cb and Cr with fixed weights that `color.luma` knows."""
HD_LINES = 720
"""Height from which players assume BT.709."""
TOP_FIRST, BOTTOM_FIRST = 2, 3
"""libav's AV_FIELD_TT and AV_FIELD_BB."""
DV_STANDARD_LINES = (480, 576)
"""Heights of DV with the bottom field first (SMPTE 314M); larger ones are DVCPRO HD."""


def check_frames(stream: VideoStream, key: str, max_pixels: int | None) -> None:
    """Check, from the header alone, that the film's frames can be decoded and colored.

    Raises:
        SourceDamaged: If the header does not give a pixel format.
        SourceTooLarge: If a frame has more than `max_pixels` pixels.
        SourceUnsupported: If frames are not gray, YUV or RGB of 8 to 16 bits.
    """
    context = stream.codec_context
    if max_pixels is not None and context.width * context.height > max_pixels:
        raise SourceTooLarge(
            key,
            f"{context.width} x {context.height} pixels per frame, {max_pixels} are allowed",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if you trust it",
        )
    if context.pix_fmt is None:
        raise SourceDamaged(
            key, "its header does not describe its frames", "Restore it from another copy"
        )
    if not _is_luma_first(VideoFormat(planar_format(context.pix_fmt))):
        raise SourceUnsupported(
            key,
            f"its pixel format {context.pix_fmt} is not gray, YUV or RGB of 8 to 16 bits, or"
            " has alpha",
            "Convert it to FFV1 with gbrp16 (RGB) or yuv444p16 first",
        )


def _is_luma_first(form: VideoFormat) -> bool:
    """Return whether plane 0 holds only luma, in samples NumPy can view, without alpha."""
    components = form.components
    gray = len(components) == 1 and form.name.startswith("gray")
    planar = form.name.startswith("yuv") and form.is_planar and len(components) == 3
    depth = components[0].bits
    return (gray or planar) and not form.is_big_endian and 8 <= depth <= 16


def video_info(container: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoInfo:
    """Return the film's properties; the codec by its standard's name, whichever decoder is used."""
    context = stream.codec_context
    codec = context.codec.canonical_name
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    return VideoInfo(
        container=container.format.name,
        codec=codec,
        width=first.width,
        height=first.height,
        pix_fmt=planar_format(first.format.name),
        frame_rate=stream.guessed_rate or stream.average_rate or DEFAULT_RATE,
        sample_aspect_ratio=aspect or None,
        color_range=_color_range(codec, first.format.name, context.color_range),
        colorspace=_colorspace(first, context.colorspace),
        color_primaries=context.color_primaries,
        color_trc=context.color_trc,
        display_matrix=sidedata.display_matrix(first),
        crop=sidedata.crop(stream),
        stream_index=stream.index,
        field_order=_field_order(codec, context.field_order, first),
        chroma_location=sidedata.chroma_location(stream),
        mastering_display=sidedata.mastering_display(first),
        content_light=sidedata.content_light(first),
        rgb_format=first.format.name if is_rgb(first.format.name) else "",
    )


def _field_order(codec: str, signaled: int, first: VideoFrame) -> int:
    """Return the signaled field order; for DV, which only signals interlaced, the standard one."""
    if signaled or not first.interlaced_frame or codec != "dvvideo":
        return signaled
    return BOTTOM_FIRST if first.height in DV_STANDARD_LINES else TOP_FIRST


def _colorspace(first: VideoFrame, signaled: int) -> int:
    """Return the matrix; for RGB, which has none, the one that its color version is written with.

    It is the matrix that players assume for a film of this height without a tag: its luma is then
    right even in players that ignore tags.
    """
    if not is_rgb(first.format.name) or signaled in WEIGHTED_MATRICES:
        return signaled
    return BT709 if first.height >= HD_LINES else BT601


def _color_range(codec: str, pix_fmt: str, signaled: int) -> int:
    """Return the color range; for RGB and gray that do not signal one, the range players assume.

    swscale, and so most players, take unspecified gray as full range and unspecified YUV as
    limited. Once color is added, an unspecified range would change the picture, so the implied
    range is made explicit.
    """
    if is_rgb(pix_fmt):
        return signaled or H273_FULL
    if signaled or not planar_format(pix_fmt).startswith("gray"):
        return H273_FULL if pix_fmt.startswith("yuvj") else signaled
    return H273_LIMITED if codec in LIMITED_BY_DEFAULT else H273_FULL
