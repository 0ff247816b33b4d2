"""Headers of DPX and Cineon files: what a sequence needs to know of its frames before decoding.

Source:
    SMPTE ST 268-1:2014 (DPX 2.0); Kodak, Cineon Image File Format Draft 4.5 (1993).
"""

import math
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from colorworker.domain.sequences import film_rate

HEADER_BYTES = 2048
"""Size of DPX's generic, film and television headers, and of Cineon's generic and film headers."""
CINEON_HEADER_BYTES = 1024
_DPX_FILM_RATE, _DPX_TV_RATE, _CINEON_RATE = 1724, 1940, 1072
_LIKELY_RATES = (1.0, 240.0)
_PRINTING_DENSITY, _LINEAR, _LOGARITHMIC = 1, 2, 3
"""DPX transfer characteristics (table 5A)."""
_DPX_MAGIC, _CINEON_MAGIC = 0x53445058, 0x802A5FD7


@dataclass(frozen=True)
class FrameHeader:
    """What the header of a DPX or Cineon file says."""

    format: Literal["dpx", "cineon"]
    big_endian: bool
    width: int
    height: int
    bit_depth: int
    channels: int
    rate: Fraction | None
    """Frames per second; None if it is not set."""
    is_log: bool
    """Whether codes are printing density."""
    image_offset: int
    elements: int = 1
    """Pictures in the file: several for color components or alpha that are stored apart."""
    is_linear: bool = False
    """Whether codes are proportional to light."""


def read_frame_header(data: bytes) -> FrameHeader | None:
    """Return the header of a DPX or Cineon file; None for other files.

    Args:
        data: The first `HEADER_BYTES` bytes of the file, or all of a smaller one.
    """
    if len(data) < HEADER_BYTES:
        data = data + b"\xff" * (HEADER_BYTES - len(data))
    for order in ("<", ">"):
        (magic,) = struct.unpack_from(f"{order}I", data)
        if magic == _DPX_MAGIC:
            return _dpx(data, order)
        if magic == _CINEON_MAGIC:
            return _cineon(data, order)
    return None


def _dpx(data: bytes, order: str) -> FrameHeader:
    elements, width, height = struct.unpack_from(f"{order}HII", data, 770)
    descriptor, transfer, _, bits = struct.unpack_from("4B", data, 800)
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    rate = None
    if offset >= HEADER_BYTES:  # else there is no film or television header
        rate = _rate(data, order, _DPX_FILM_RATE) or _rate(data, order, _DPX_TV_RATE)
    return FrameHeader(
        "dpx",
        order == ">",
        width,
        height,
        bits,
        {50: 3, 51: 4, 52: 4}.get(descriptor, 1),
        rate,
        transfer in {_PRINTING_DENSITY, _LOGARITHMIC},
        offset,
        elements,
        transfer == _LINEAR,
    )


def _cineon(data: bytes, order: str) -> FrameHeader:
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    channels, bits = data[193], data[198]
    width, height = struct.unpack_from(f"{order}II", data, 200)
    has_film = offset >= HEADER_BYTES
    rate = _rate(data, order, _CINEON_RATE) if has_film else None
    return FrameHeader("cineon", order == ">", width, height, bits, channels, rate, True, offset)


def _rate(data: bytes, order: str, offset: int) -> Fraction | None:
    (rate,) = struct.unpack_from(f"{order}f", data, offset)
    # Undefined fields have all bits set, which is not a number.
    if not math.isfinite(rate) or not _LIKELY_RATES[0] <= rate <= _LIKELY_RATES[1]:
        return None
    return film_rate(rate)


def dpx_header_of_cineon(data: bytes) -> bytes:
    """Return the header of a DPX file with the same picture as a Cineon file.

    Both store three 10-bit components per 32-bit word in the same way, so the picture's bytes
    follow unchanged.

    Args:
        data: The first `HEADER_BYTES` bytes of the Cineon file.

    Raises:
        ValueError: If its picture is stored in another way: not 10 bits in words that are filled
            from the left, or not three components.
    """
    header = read_frame_header(data)
    packing, interleave = data[681], data[680]
    if header is None or header.format != "cineon":
        raise ValueError("it is not a Cineon file")
    if (header.channels, header.bit_depth) != (3, 10) or packing not in {0, 5} or interleave:
        raise ValueError(
            f"it has {header.channels} channels of {header.bit_depth} bits in packing {packing}"
        )
    order = ">" if header.big_endian else "<"
    found = bytearray(b"\xff" * HEADER_BYTES)
    struct.pack_into(f"{order}II8s", found, 0, _DPX_MAGIC, HEADER_BYTES, b"V2.0\0\0\0\0")
    struct.pack_into(f"{order}HHII", found, 768, 0, 1, header.width, header.height)
    struct.pack_into(f"{order}IIfIf", found, 780, 0, 0, 0.0, 1023, 2.046)
    struct.pack_into(f"{order}4BHHIII", found, 800, 50, 1, 1, 10, 1, 0, HEADER_BYTES, 0, 0)
    return bytes(found)
