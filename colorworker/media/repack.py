"""The same codes in another layout of memory: packed pictures, as uncompressed captures are.

Video engines of graphics cards give theirs in such layouts, and want them so.
"""

from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.color.transfer import on_screen, transfer_of_code

PLANAR_EQUIVALENTS = MappingProxyType(
    {
        "uyvy422": "yuv422p",
        "yuyv422": "yuv422p",
        "yvyu422": "yuv422p",
        "uyyvyy411": "yuv411p",
        "nv12": "yuv420p",
        "nv21": "yuv420p",
        "nv16": "yuv422p",
        "nv24": "yuv444p",
        "p010le": "yuv420p10le",
    }
)
"""Packed formats, and the planar ones that hold the same codes."""
UNSPECIFIED = 2
SWSCALE_MATRICES = frozenset({0, 1, UNSPECIFIED, 4, 5, 6, 7, 9})
"""Codes of H.273 that swscale (FFmpeg 8) converts by."""
COLOR_TAGS = ("colorspace", "color_range", "color_primaries", "color_trc")


def planar_format(pix_fmt: str) -> str:
    """Return the planar format with the same codes; a planar one is its own."""
    return PLANAR_EQUIVALENTS.get(pix_fmt, pix_fmt)


def to_planar(frame: VideoFrame) -> VideoFrame:
    """Return the frame with its codes in planes; the same object where they are."""
    name = planar_format(frame.format.name)
    return frame if name == frame.format.name else convert_layout(frame, name)


def convert_layout(frame: VideoFrame, pix_fmt: str) -> VideoFrame:
    """Return a new frame by swscale, with the properties of the old one, tags of color included.

    swscale itself would tag what it thinks it made; the codes are the source's own.
    """
    # swscale may write beyond the end of a line into the next one, which another of its threads may
    # have written already: from P010, luma changes at some widths.
    result = frame.reformat(format=pix_fmt, threads=1)
    for tag in COLOR_TAGS:
        setattr(result, tag, getattr(frame, tag))
    return result


def small_rgb(frame: VideoFrame, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Return the frame by swscale in RGB of 8 bits, (height, width, 3), HDR as sRGB shows it.

    A matrix that swscale refuses, for nobody has defined it, is taken as if nothing were said.
    """
    said = frame.colorspace
    if said not in SWSCALE_MATRICES:
        frame.colorspace = UNSPECIFIED
    rgb = frame.reformat(width, height, "rgb24").to_ndarray()
    frame.colorspace = said
    return on_screen(np.ascontiguousarray(rgb, np.uint8), transfer_of_code(frame.color_trc))


def copy_frame(frame: VideoFrame) -> VideoFrame:
    """Return a frame of its own with the same codes and tags, without side data."""
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
