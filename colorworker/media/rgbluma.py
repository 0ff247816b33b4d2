"""The luma of RGB frames, which have none of their own: Y' = Kr R' + Kg G' + Kb B', rounded.

Y' has the bit depth and the range of the RGB codes. The weights are those of the matrix that the
color version is written and tagged with, and their sum is 1: a gray pixel, R' = G' = B' = v, has
Y' = v exactly. A player that turns (v, neutral, neutral) back into RGB gets v again.

Source:
    ITU-T H.273 (2021-07), equation 38, in the same range on both sides.
"""

import re
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from colorworker.color.luma import ColorSpec, luma_weights
from colorworker.domain.videoinfo import VideoInfo
from colorworker.errors import SourceUnsupported
from colorworker.media.swscale import reformat

Codes = npt.NDArray[np.unsignedinteger]

_PLANAR = re.compile(r"gbr(a?)p(\d*)(?:([lb])e)?")
_PACKED_16 = re.compile(r"(rgb48|bgr48|rgba64)[lb]e")
_PACKED_8 = frozenset({"rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr"})
_PACKED_10 = frozenset({"x2rgb10le", "x2bgr10le"})
_PACKED_5 = frozenset({"rgb555le", "bgr555le", "rgb565le", "bgr565le"})
"""Of 5 or 6 bits, which swscale widens to 8 by repeating the highest ones."""
_ALPHA_8 = frozenset({"rgba", "bgra", "argb", "abgr", "pal8", "ya8"})
_ALPHA_16 = frozenset({"ya16le", "ya16be"})
_WEIGHT_BITS = 15
"""Fractional bits of the weights: sums of three products of 16-bit codes fit 32 bits."""


def is_rgb(pix_fmt: str) -> bool:
    """Return whether it is a supported format of RGB, of a palette, or of gray with alpha."""
    return _depth(pix_fmt) > 0


def gray_format(pix_fmt: str) -> str:
    """Return the gray format of the same bit depth as an RGB format; 5 and 6 bits become 8."""
    depth = _depth(pix_fmt)
    return "gray" if depth == 8 else f"gray{depth}le"


def luma_frame(frame: VideoFrame, key: str, info: VideoInfo, spec: ColorSpec) -> VideoFrame:
    """Return the luma of an RGB frame as a gray one with its properties and the film's color tags.

    Args:
        frame: A frame in a format that `is_rgb` accepts.
        key: The film's name, for errors.
        info: The film's properties.
        spec: How the film's codes stand for colors.

    Raises:
        SourceUnsupported: If a pixel of the frame is not opaque.
    """
    red, green, blue, alpha = _channels(frame)
    if alpha is not None and int(alpha.min()) < np.iinfo(alpha.dtype).max >> _unused_bits(frame):
        raise SourceUnsupported(
            key,
            f"its {frame.format.name} frames have transparent pixels (pts {frame.pts})",
            "Flatten it onto a background first",
        )
    result = reformat(frame, gray_format(frame.format.name))
    plane = result.planes[0]
    rows = np.frombuffer(cast(Any, plane), red.dtype).reshape(-1, plane.line_size // red.itemsize)
    rows[: frame.height, : frame.width] = rgb_luma(red, green, blue, spec)
    result.colorspace, result.color_range = info.colorspace, info.color_range
    result.color_primaries, result.color_trc = info.color_primaries, info.color_trc
    return result


def exceeds_bit_depth(frame: VideoFrame) -> bool:
    """Return whether an RGB frame has codes beyond its bit depth, as damaged streams can have."""
    if not _unused_bits(frame) or not _PLANAR.fullmatch(frame.format.name):
        return False
    highest = max(int(plane.max()) for plane in _channels(frame)[:3])
    return highest >> _depth(frame.format.name) > 0


def rgb_luma(red: Codes, green: Codes, blue: Codes, spec: ColorSpec) -> Codes:
    """Return the luma codes of RGB codes, in their shape, dtype and range.

    Args:
        red: uint8 or uint16.
        green: Like `red`.
        blue: Like `red`.
        spec: Has the matrix.
    """
    if np.array_equal(red, green) and np.array_equal(green, blue):
        return green
    of_red, of_blue = (round(each * (1 << _WEIGHT_BITS)) for each in luma_weights(spec.matrix))
    total = red * np.uint32(of_red)
    total += green * np.uint32((1 << _WEIGHT_BITS) - of_red - of_blue)
    total += blue * np.uint32(of_blue)
    total += np.uint32(1 << (_WEIGHT_BITS - 1))
    luma: Codes = (total >> np.uint32(_WEIGHT_BITS)).astype(red.dtype)
    return luma


def _channels(frame: VideoFrame) -> tuple[Codes, Codes, Codes, Codes | None]:
    """Return R', G', B' and alpha, each (height, width); None without alpha."""
    name, height, width = frame.format.name, frame.height, frame.width
    dtype = np.dtype(np.uint8 if _depth(name) == 8 else np.uint16)
    packed = _packed_format(name)
    if packed:
        # Also frames whose lines run from bottom to top are copied to the usual order.
        frame = reformat(frame, packed)
        count = 4 if "a" in packed else 3
        samples = _plane(frame, 0, dtype, height, width * count).reshape(height, width, count)
        found = np.moveaxis(samples, -1, 0)
        return found[0], found[1], found[2], found[3] if count == 4 else None
    if not _PLANAR.fullmatch(name) or name.endswith("be"):
        planar = "gbrp" if _depth(name) == 8 else f"gbrp{_depth(name)}le"
        frame = reformat(frame, planar)
    planes = [_plane(frame, index, dtype, height, width) for index in range(len(frame.planes))]
    green, blue, red = planes[:3]
    return red, green, blue, planes[3] if len(planes) > 3 else None


def _packed_format(name: str) -> str:
    """Return the packed format through which a format is read; empty for a planar one."""
    if name in _PACKED_5:
        return "rgb24"
    if name in _ALPHA_8:
        return "rgba"
    if name in _ALPHA_16 or "a64" in name:
        return "rgba64le"
    return ""


def _plane(frame: VideoFrame, index: int, dtype: np.dtype[Any], height: int, samples: int) -> Codes:
    plane = frame.planes[index]
    codes = np.frombuffer(cast(Any, plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return codes[:height, :samples]


def _unused_bits(frame: VideoFrame) -> int:
    depth = _depth(frame.format.name)
    return (8 if depth == 8 else 16) - depth


def _depth(pix_fmt: str) -> int:
    """Return the bits per component that a supported format is read with; 0 for others."""
    if pix_fmt in _PACKED_8 | _PACKED_5 | _ALPHA_8:
        return 8
    if pix_fmt in _PACKED_10:
        return 10
    if pix_fmt in _ALPHA_16 or _PACKED_16.fullmatch(pix_fmt):
        return 16
    match = _PLANAR.fullmatch(pix_fmt)
    depth = int(match[2] or 8) if match else 0
    # swscale does not keep the codes of big-endian planar formats with alpha.
    return depth if depth <= 16 and not (match and match[1] and match[3] == "b") else 0
