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
_DPX_TIMECODE = 1920
_DROP_FRAME = 0x40
_LIKELY_RATES = (1.0, 240.0)
_PRINTING_DENSITY, _LINEAR, _LOGARITHMIC = 1, 2, 3
"""DPX transfer characteristics (table 5A)."""
_DPX_MAGIC, _CINEON_MAGIC = 0x53445058, 0x802A5FD7
_TIMECODE_DIGITS = tuple(
    (mask << shift, shift)
    for mask, shift in ((3, 28), (15, 24), (7, 20), (15, 16), (7, 12), (15, 8), (3, 4), (15, 0))
)
"""Mask and shift of each digit: hours, minutes, seconds and frames, tens first."""


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
    timecode: str = ""
    """Of this frame, such as `01:02:03:04`; empty if it is not set."""


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
    rate, timecode = None, ""
    if offset >= HEADER_BYTES:  # else there is no film or television header
        rate = _rate(data, order, _DPX_FILM_RATE) or _rate(data, order, _DPX_TV_RATE)
        timecode = timecode_text(struct.unpack_from(f"{order}I", data, _DPX_TIMECODE)[0])
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
        timecode,
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


def timecode_text(packed: int) -> str:
    """Return a time code as text, `01:02:03:04`, or `01:02:03;04` for drop frame.

    Args:
        packed: Eight decimal digits of 4 bits, hours first, as DPX and OpenEXR store them. Their
            highest bits are flags.

    Returns:
        Empty if it is not set: all bits are 1, as in undefined fields, or 0.

    Source:
        SMPTE ST 12-1 (time and control code); OpenEXR, "Standard Attributes", `timeCode` of TV60.
    """
    if packed in {0, 0xFFFFFFFF}:
        return ""
    digits = [(packed & mask) >> shift for mask, shift in _TIMECODE_DIGITS]
    hours, minutes, seconds, frames = (
        10 * tens + units for tens, units in zip(digits[::2], digits[1::2], strict=True)
    )
    if max(digits[1::2]) > 9 or hours > 23 or max(minutes, seconds) > 59:
        return ""
    mark = ";" if packed & _DROP_FRAME else ":"
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


def start_timecode(timecode: str, rate: Fraction) -> str:
    """Return a time code if it can be that of a film of this rate; else an empty text."""
    if not timecode:
        return ""
    per_second = round(rate)
    drops = ";" in timecode
    fits = int(timecode[-2:]) < per_second and (not drops or per_second % 30 == 0)
    return timecode if fits else ""


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
    return dpx_header(header.width, header.height, 10, big_endian=header.big_endian)


def dpx_header(
    width: int, height: int, bit_depth: int, *, big_endian: bool, is_log: bool = True
) -> bytes:
    """Return the header of a DPX file of three components in filled words, `HEADER_BYTES` long.

    Args:
        width: In pixels.
        height: In pixels.
        bit_depth: 10 or 16.
        big_endian: Its byte order.
        is_log: Whether its codes are printing density; else their transfer is left undefined.
    """
    order = ">" if big_endian else "<"
    highest = (1 << bit_depth) - 1
    found = bytearray(b"\xff" * HEADER_BYTES)
    struct.pack_into(f"{order}II8s", found, 0, _DPX_MAGIC, HEADER_BYTES, b"V2.0\0\0\0\0")
    struct.pack_into(f"{order}HHII", found, 768, 0, 1, width, height)
    struct.pack_into(f"{order}IIfIf", found, 780, 0, 0, 0.0, highest, 2.046)
    transfer = _PRINTING_DENSITY if is_log else 0
    place = 50, transfer, transfer, bit_depth, int(bit_depth == 10), 0, HEADER_BYTES, 0, 0
    struct.pack_into(f"{order}4BHHIII", found, 800, *place)
    return bytes(found)


def dpx_bytes(width: int, height: int, bit_depth: int) -> int:
    """Return the size of a file with such a header."""
    row_bytes = width * (4 if bit_depth == 10 else 6)
    return HEADER_BYTES + height * -(-row_bytes // 4) * 4
