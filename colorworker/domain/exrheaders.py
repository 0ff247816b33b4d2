"""Headers of OpenEXR files: what a sequence needs to know of its frames before decoding.

Source:
    OpenEXR File Layout (openexr.com), "Components Two: Header"; Standard Attributes.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction

from colorworker.domain.frameheaders import timecode_text
from colorworker.domain.sequences import film_rate

HEADER_BYTES = 1 << 16
"""Enough of a file for its attributes, unless it has a preview."""
MOST_PIXELS = 1 << 28
"""Of a frame: more than those of any scanner, and few enough for a QuickTime file."""
_MAGIC = 20000630
_DEEP, _SEVERAL_PARTS = 0x800, 0x1000
_TYPES = {0: "uint", 1: "half", 2: "float"}
_LIKELY_RATES = (1, 240)


@dataclass(frozen=True)
class ExrHeader:
    """What the header of an OpenEXR file says."""

    width: int
    height: int
    """Of the data window: the pixels that the file holds."""
    channels: tuple[tuple[str, str], ...]
    """Name and type (`half`, `float` or `uint`) of each."""
    is_deep: bool
    has_parts: bool
    """Whether it may hold several pictures."""
    rate: Fraction | None
    """Frames per second; None if it is not set."""
    timecode: str
    """Of this frame, such as `01:02:03:04`; empty if it is not set."""


def read_exr_header(data: bytes) -> ExrHeader | None:
    """Return the header of an OpenEXR file; None for others, or if it does not end in `data`.

    Args:
        data: The first `HEADER_BYTES` bytes of the file, or all of a smaller one.
    """
    try:
        magic, version = struct.unpack_from("<II", data)
        if magic != _MAGIC:
            return None
        found = _attributes(data, 8)
        left, top, right, bottom = struct.unpack_from("<4i", found["dataWindow"])
        channels = tuple(_channels(found["channels"]))
    except (struct.error, ValueError, KeyError, IndexError):
        return None
    return ExrHeader(
        right - left + 1,
        bottom - top + 1,
        channels,
        bool(version & _DEEP),
        bool(version & _SEVERAL_PARTS),
        # OpenImageIO writes it with a capital.
        _rate(found.get("framesPerSecond", found.get("FramesPerSecond", b""))),
        _timecode(found.get("timeCode", b"")),
    )


def _attributes(data: bytes, position: int) -> dict[str, bytes]:
    """Return the values of all attributes of the first part, by name."""
    found: dict[str, bytes] = {}
    while data[position] != 0:
        name_end = data.index(b"\0", position)
        type_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", data, type_end + 1)
        start = type_end + 5
        if size < 0 or start + size >= len(data):
            raise ValueError("the header does not end")
        found[data[position:name_end].decode("utf-8", "replace")] = data[start : start + size]
        position = start + size
    return found


def _channels(data: bytes) -> list[tuple[str, str]]:
    found, position = [], 0
    while data[position] != 0:
        end = data.index(b"\0", position)
        (kind,) = struct.unpack_from("<i", data, end + 1)
        found.append((data[position:end].decode("utf-8", "replace"), _TYPES.get(kind, "unknown")))
        position = end + 17
    return found


def _rate(value: bytes) -> Fraction | None:
    if len(value) != 8:
        return None
    over, under = struct.unpack("<iI", value)
    if not under or not _LIKELY_RATES[0] <= over / under <= _LIKELY_RATES[1]:
        return None
    return film_rate(over / under)


def _timecode(value: bytes) -> str:
    return timecode_text(struct.unpack_from("<I", value)[0]) if len(value) == 8 else ""
