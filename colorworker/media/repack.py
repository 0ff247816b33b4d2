"""Convert frames between packed and planar layouts without changing their codes.

Uncompressed captures are packed, and the video engines of graphics cards use such layouts too.
"""

import re
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.color.transfer import srgb_codes_from_signal, transfer_from_code
from colorworker.media.rgbluma import gray_format, is_rgb
from colorworker.media.swscale import COLOR_TAGS, reformat

PLANAR_EQUIVALENTS = MappingProxyType(
    {
        "uyvy422": "yuv422p",
        "yuyv422": "yuv422p",
        "yvyu422": "yuv422p",
        "uyyvyy411": "yuv411p",
        "vyu444": "yuv444p",
        "vuyx": "yuv444p",
        "nv12": "yuv420p",
        "nv21": "yuv420p",
        "nv16": "yuv422p",
        "nv24": "yuv444p",
        "nv42": "yuv444p",
        "p010le": "yuv420p10le",
        "p012le": "yuv420p12le",
        "p016le": "yuv420p16le",
        "nv20le": "yuv422p10le",
        "p210le": "yuv422p10le",
        "y210le": "yuv422p10le",
        "p212le": "yuv422p12le",
        "y212le": "yuv422p12le",
        "p216le": "yuv422p16le",
        "y216le": "yuv422p16le",
        "p410le": "yuv444p10le",
        "v30xle": "yuv444p10le",
        "xv30le": "yuv444p10le",
        "p412le": "yuv444p12le",
        "xv36le": "yuv444p12le",
        "p416le": "yuv444p16le",
        "xv48le": "yuv444p16le",
        "monob": "gray",
        "monow": "gray",
    }
)
"""Packed and semi-planar formats, and the planar format that holds the same codes; black and white
of 1 bit become 0 and 255."""
_BIG_ENDIAN = re.compile(r"(yuv4\d\dp\d+|gray\d+)be")


def planar_format(pix_fmt: str) -> str:
    """Return the planar format with the same codes; planar formats are returned unchanged.

    For RGB it is gray with the same bit depth, which holds its luma; see `rgbluma`.
    """
    if is_rgb(pix_fmt):
        return gray_format(pix_fmt)
    if _BIG_ENDIAN.fullmatch(pix_fmt):
        return f"{pix_fmt[:-2]}le"
    return PLANAR_EQUIVALENTS.get(pix_fmt, pix_fmt)


def to_planar(frame: VideoFrame) -> VideoFrame:
    """Return the frame in a planar format; the same object if it is planar already."""
    name = planar_format(frame.format.name)
    return frame if name == frame.format.name else reformat(frame, name)


def small_rgb(
    frame: VideoFrame, height: int, width: int, *, is_log: bool = False
) -> npt.NDArray[np.uint8]:
    """Return the frame as 8-bit sRGB, (height, width, 3), converted by swscale; HDR is tone-mapped.

    With `is_log`, its codes are printing density.
    """
    rgb = reformat(frame, "rgb24", (width, height), threads=0).to_ndarray()
    transfer = "density" if is_log else transfer_from_code(frame.color_trc)
    return srgb_codes_from_signal(np.ascontiguousarray(rgb, np.uint8), transfer)


def copy_frame(frame: VideoFrame) -> VideoFrame:
    """Return a copy of the frame with the same codes and color tags, but without side data."""
    result = VideoFrame(frame.width, frame.height, frame.format.name)
    for source, target in zip(frame.planes, result.planes, strict=True):
        rows, room = (
            np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            for plane in (source, target)
        )
        width, height = min(rows.shape[1], room.shape[1]), min(len(rows), len(room))
        room[:height, :width] = rows[:height, :width]
    for tag in COLOR_TAGS:
        setattr(result, tag, getattr(frame, tag))
    return result
