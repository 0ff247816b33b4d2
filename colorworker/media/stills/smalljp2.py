"""Write JPEG 2000 of small pictures with libav.

OpenJPEG, as OpenImageIO and OpenCV call it, halves every picture five times and refuses those that
are smaller than 32 pixels. libav halves as often, but its parts may be empty, which the standard
allows.

Source:
    ISO/IEC 15444-1, annex I (order and content of the boxes of JP2).
"""

import struct
from fractions import Fraction
from typing import Any

import av
import numpy as np

from colorworker.media.stills.boxes import JP2_SIGNATURE

_FORMATS = {("uint8", 3): "rgb24", ("uint8", 4): "rgba"}
_FORMATS |= {("uint16", 3): "rgb48le", ("uint16", 4): "rgba64le"}
_TYPE = b"jp2 \0\0\0\0jp2 "
_SRGB = struct.pack(">3BI", 1, 0, 0, 16)
_OPTIONS = {"format": "j2k", "pred": "dwt53", "flags": "+bitexact"}
_WAVELET = 7
"""Compression type of ihdr: JPEG 2000."""


def small_jp2(pixels: Any, profile: bytes) -> bytes:
    """Return a lossless JP2 file.

    Args:
        pixels: uint8 or uint16, (height, width, 3 or 4); alpha is not associated.
        profile: ICC profile; empty for sRGB.
    """
    height, width, bands = pixels.shape
    name = _FORMATS[pixels.dtype.name, bands]
    context = av.CodecContext.create("jpeg2000", "w")
    context.width, context.height, context.pix_fmt = width, height, name
    context.time_base = Fraction(1)
    context.options = _OPTIONS
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)
    stream = b"".join(bytes(part) for part in (*context.encode(frame), *context.encode(None)))
    bits = pixels.dtype.itemsize * 8
    header = struct.pack(">IIHBBBB", height, width, bands, bits - 1, _WAVELET, 0, 0)
    color = struct.pack(">3B", 2, 0, 0) + profile if profile else _SRGB
    return b"".join(
        (
            JP2_SIGNATURE,
            _box(b"ftyp", _TYPE),
            _box(b"jp2h", _box(b"ihdr", header) + _box(b"colr", color)),
            _box(b"jp2c", stream),
        )
    )


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data
