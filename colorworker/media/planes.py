"""The planes of a decoded frame: luma to read, chroma to write.

Law: luma is never written. `frame.to_ndarray(format="gray")` does not return it unchanged (swscale
stretches limited range), so planes are read from the frame's own memory.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from colorworker.color.luma import ColorSpec, spec_from_codes
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.swscale import reformat

Frame = av.VideoFrame
Plane = npt.NDArray[np.unsignedinteger]
"""Codes of one plane: uint8 for 8 bits per code, uint16 for more."""

_PLANAR = re.compile(r"(yuv|yuvj)4\d\dp(\d*)(le)?|(gray)(\d*)(le)?")
_FULL_RANGE = 2
"""Full range in AVColorRange; 1 is limited, 0 unspecified."""
# For these codecs, unspecified means limited (H.264 E.2.1, H.265 E.3.1). Gray from other codecs
# comes from pictures and scans, and swscale and players read it as full range.
_LIMITED_BY_DEFAULT = frozenset({"h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4"})


@dataclass(frozen=True)
class Layout:
    """How a pixel format stores luma and chroma."""

    bit_depth: int
    gray: bool
    full_range: bool
    """Whether the format's name says full range (`yuvj...`)."""

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Dtype of a code in memory."""
        return np.dtype(np.uint8) if self.bit_depth == 8 else np.dtype(np.uint16)


@lru_cache(maxsize=32)
def layout_of(pix_fmt: str) -> Layout:
    """Return the layout of a planar Y'CbCr or gray format.

    Raises:
        SourceUnsupported: If it is RGB, packed or big-endian, or has alpha or less than 8 bits.
    """
    match = _PLANAR.fullmatch(pix_fmt)
    if match is None:
        raise SourceUnsupported(
            "video stream",
            f"its pixel format {pix_fmt} is not planar YUV or gray",
            "Convert the film to yuv444p10le or a similar format first",
        )
    family, bits = match[1] or match[4], match[2] or match[5]
    return Layout(int(bits or 8), family == "gray", family == "yuvj")


def chroma_shape(pix_fmt: str, height: int, width: int) -> tuple[int, int]:
    """Return (height, width) of the chroma planes of a frame; odd sizes round up."""
    picture = av.VideoFormat(pix_fmt, width, height)
    return picture.chroma_height(height), picture.chroma_width(width)


def color_spec(info: VideoInfo) -> ColorSpec:
    """Return how the stream's codes are interpreted: matrix, range, depth, primaries, transfer.

    Raises:
        SourceUnsupported: If the pixel format or the matrix is not supported.
    """
    layout = layout_of(info.pix_fmt)
    unspecified_full = layout.gray and info.codec not in _LIMITED_BY_DEFAULT
    spec = spec_from_codes(
        matrix=info.colorspace,
        full_range=layout.full_range
        or info.color_range == _FULL_RANGE
        or (info.color_range == 0 and unspecified_full),
        bit_depth=layout.bit_depth,
        primaries=info.color_primaries,
        transfer=info.color_trc,
        height=info.height,
    )
    return replace(spec, transfer="density") if info.is_log else spec


def luma_plane(frame: Frame) -> Plane:
    """Return the frame's Y' codes (height, width) as a view of its memory; do not write to it."""
    return _view(frame.planes[0], layout_of(frame.format.name), frame.height, frame.width)


def plane_view(frame: Frame, number: int) -> Plane:
    """Return the codes of a frame's plane as a view of its memory, in the plane's own shape."""
    shape = frame.height, frame.width
    if number:
        shape = chroma_shape(frame.format.name, *shape)
    return _view(frame.planes[number], layout_of(frame.format.name), *shape)


def _view(plane: VideoPlane, layout: Layout, height: int, width: int) -> Plane:
    # Lines in memory may be longer than the picture is wide, such as 656 bytes for 641 pixels.
    codes: Plane = np.frombuffer(memoryview(plane), layout.dtype)
    return codes.reshape(-1, plane.line_size // layout.dtype.itemsize)[:height, :width]


class PlaneScaler:
    """Scales planes to one size. Not thread-safe; fastest if all planes have the same size.

    It reuses swscale's filters between planes: setting them up costs four times the scaling.
    """

    def __init__(self, height: int, width: int, *, larger: bool = False) -> None:
        """Reduce planes to this size by area averages, or enlarge them bilinearly if `larger`."""
        self._height, self._width = height, width
        self._interpolation = "BILINEAR" if larger else "AREA"
        self._reformatter = VideoReformatter()

    def __call__(self, plane: Plane) -> Plane:
        """Return the plane at the scaler's size, with half-pixel centers.

        Args:
            plane: uint8 or uint16 (h, w), with contiguous lines.

        Returns:
            A new array of the same dtype; its lines may be longer in memory.
        """
        # A gray frame over the same memory: swscale scales gray to gray without changing the range.
        gray = "gray" if plane.dtype == np.uint8 else "gray16le"
        scaled = self._reformatter.reformat(
            Frame.from_numpy_buffer(plane, format=gray),
            width=self._width,
            height=self._height,
            format=gray,
            interpolation=self._interpolation,
        )
        return _view(scaled.planes[0], layout_of(gray), self._height, self._width)


def luma_proxy(frame: Frame, height: int, width: int) -> Plane:
    """Return one frame's Y' codes at another size; see `PlaneScaler`."""
    return PlaneScaler(height, width)(luma_plane(frame))


def luma_for_chroma(luma: Plane, shape: tuple[int, int], *, fields: bool = False) -> Plane:
    """Return the Y' of each chroma sample: the mean of the luma samples it covers.

    In interlaced 4:2:0 a line of chroma belongs to one field and covers two lines of it: lines 0
    and 2 of the frame, then 1 and 3, 4 and 6, ... (ISO/IEC 13818-2, 6.1.1.8).

    Args:
        luma: Codes (height, width), with contiguous lines.
        shape: Shape of the chroma planes, from `chroma_shape`: all, half or a quarter of luma's
            sides, rounded up.
        fields: Whether the frame is interlaced; ignored for heights that do not split into fields.

    Returns:
        Codes of the same dtype in that shape; the luma itself if the shapes are equal.
    """
    if shape == luma.shape:
        return luma
    across, down = -(-luma.shape[1] // shape[1]), -(-luma.shape[0] // shape[0])
    if fields and down > 1 and luma.shape[0] % (2 * down) == 0:
        woven: Plane = np.empty(shape, luma.dtype)
        for first in (0, 1):
            woven[first::2] = luma_for_chroma(luma[first::2], (shape[0] // 2, shape[1]))
        return woven
    lacking = (shape[0] * down - luma.shape[0], shape[1] * across - luma.shape[1])
    if any(lacking):
        luma = np.pad(luma, ((0, lacking[0]), (0, lacking[1])), mode="edge")
    if across == down == 2:
        # Takes a fifth of the time of the code below. OpenCV rounds correctly only for 2 x 2.
        fours: Plane = cv2.resize(luma, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
        return fours
    wide = np.dtype(np.uint16 if luma.dtype == np.uint8 else np.uint32)
    total: Plane = np.full(shape, across * down // 2, wide)
    for row in range(down):
        if across == 2:
            # Two codes read as one number: adding whole lines is faster than every second code.
            pairs: Plane = luma[row::down].view(wide)
            total += pairs & np.iinfo(luma.dtype).max
            total += pairs >> 8 * luma.itemsize
        else:
            for column in range(across):
                total += luma[row::down, column::across]
    means: Plane = (total // (across * down)).astype(luma.dtype)
    return means


def replace_chroma(frame: Frame, cb: Plane, cr: Plane, pix_fmt: str) -> Frame:
    """Return the frame with these chroma planes and its own luma, in `pix_fmt`.

    If the formats are equal, the decoder's own frame is reused, which keeps its captions, interlace
    flags and the like. Otherwise swscale makes a frame with the same properties, and all of its
    planes are overwritten. Luma keeps its values, except that all three planes are rounded if
    `pix_fmt` has fewer bits than the frame.

    Args:
        frame: The decoded frame; it must not be used afterwards.
        cb: Codes of the frame's bit depth, at `pix_fmt`'s chroma size.
        cr: Like `cb`.
        pix_fmt: A planar Y'CbCr format that `layout_of` supports.

    Returns:
        The frame to encode; the same object if the formats are equal.
    """
    source, target = layout_of(frame.format.name), layout_of(pix_fmt)
    planes: dict[int, Plane] = {1: cb, 2: cr}
    result = frame
    if frame.format.name == pix_fmt:
        frame.make_writable()
    else:
        planes[0] = luma_plane(frame)
        result = reformat(frame, pix_fmt)
    shape = chroma_shape(pix_fmt, frame.height, frame.width)
    for index, codes in planes.items():
        height, width = shape if index else (frame.height, frame.width)
        _view(result.planes[index], target, height, width)[:] = _to_depth(codes, source, target)
    return result


def _to_depth(codes: Plane, source: Layout, target: Layout) -> Plane:
    surplus = source.bit_depth - target.bit_depth
    if surplus == 0:
        return codes
    if surplus < 0:
        deeper: Plane = codes.astype(target.dtype) << target.dtype.type(-surplus)
        return deeper
    rounded = (codes.astype(np.uint32) + (1 << (surplus - 1))) >> np.uint32(surplus)
    shallower: Plane = np.minimum(rounded, (1 << target.bit_depth) - 1).astype(target.dtype)
    return shallower
