"""Find damage in JPEG data that libvips decodes without an error.

libjpeg fills what it cannot decode with gray and only warns, and libvips does not pass on the
warnings of the last rows. So the entropy-coded data is decoded once more at an eighth of the size,
which costs about as much as decoding the picture.

Source:
    ITU-T T.81, B.1.1 (markers, fill bytes) and B.2 (order of segments); the texts of libjpeg's
    warnings, jerror.h.
"""

import io
import re
from dataclasses import dataclass, replace

import simplejpeg

from colorworker.domain.notes import Note
from colorworker.media.stills.jpegsegments import GAIN_MAPS, is_lossless

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
_SOS = 0xDA
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
"""Markers that are not followed by a length."""
_FAULTS = ("corrupt jpeg data", "premature end of jpeg file", "inconsistent progression sequence")
"""How libjpeg's messages about damaged data begin. Others are about files that simplejpeg does not
support, such as those of 12 bits."""
_BAD_PROFILE = "bad ICC marker"
BAD_PROFILE = "its ICC profile is damaged or does not fit its pixels: ignored, not kept"
"""Warning about a profile that is not used."""
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0x([0-9a-f]{2})")
_MULTI_PICTURE = b"MPF\0"
"""Beginning of the segment that lists several pictures (CIPA DC-007)."""
_SPARE_BYTES = 8
"""Bytes that may be left over at the end of a scan. If more are left, blocks were decoded wrongly:
one changed byte leaves 14, a damaged restart interval 18 or more."""


@dataclass(frozen=True)
class JpegCheck:
    """What is wrong with the data of a JPEG.

    Attributes:
        damage: Why it does not decode completely; empty if it does.
        warnings: Defects that do not change a pixel.
        data: The JPEG, with its missing end-of-image marker if all else is there.
        needs_end_marker: Whether the marker was missing.
    """

    damage: str
    warnings: tuple[str, ...]
    data: bytes
    needs_end_marker: bool


def check_jpeg(data: bytes) -> JpegCheck:
    """Decode all entropy-coded data, and tell damage from harmless defects."""
    warnings = _dropped(data)
    needs_end_marker = False
    message = _first_fault(data)
    if _BAD_PROFILE in message and (without := _without_profile(data)) != data:
        # libjpeg looks at the profile first. It is metadata, and does not cost a picture.
        rest = check_jpeg(without)
        return replace(rest, warnings=(BAD_PROFILE, *rest.warnings))
    if "premature end of jpeg file" in message.lower():
        whole = data + EOI
        message = _first_fault(whole)
        if not message:
            said = "the JPEG's end marker is missing; all of its picture is there"
            warnings.append(Note(said))
            data, needs_end_marker = whole, True
    found = _EXTRANEOUS.search(message)
    if found and found[2] not in ("d9", *(f"d{number}" for number in range(8))):
        message = _first_fault(_without_header_junk(data))
        found = _EXTRANEOUS.search(message)
    if found and int(found[1]) <= _SPARE_BYTES:
        warnings.append(Note(f"{found[1]} unused bytes in the JPEG's picture data"))
        message = _fault_without(data, int(found[1])) if found[2] == "d9" else ""
    return JpegCheck(message, tuple(warnings), data, needs_end_marker)


def join_tables(tables: bytes, data: bytes) -> bytes:
    """Return a complete JPEG from the tables and the data of an abbreviated one.

    Source:
        Adobe Photoshop TIFF Technical Notes (2002), JPEGTables.
    """
    return tables[: -len(EOI)] + data[len(SOI) :] if tables.endswith(EOI) else data


def _dropped(data: bytes) -> list[str]:
    """Return a warning if the file holds a gain map or other pictures after the first one."""
    start = data.find(bytes((0xFF, _SOS)))
    header = data[: start if start >= 0 else len(data)]
    if any(name in header for name in GAIN_MAPS):
        return ["the JPEG's gain map is not kept: it belongs to the colors of the source"]
    if _MULTI_PICTURE in header:
        return ["only the first picture of the JPEG is colored; the others in it are not kept"]
    return []


def _first_fault(data: bytes) -> str:
    """Return libjpeg's first warning or error about damaged data; empty if there is none."""
    try:
        space = simplejpeg.decode_jpeg_header(data)[2]
        target = "CMYK" if space in ("CMYK", "YCCK") else "GRAY"
        # The smallest scale: the entropy decoder still reads every coefficient. Lossless JPEGs are
        # not scaled, and simplejpeg would write them into a buffer of the smaller size.
        side = 0 if is_lossless(io.BytesIO(data)) else 1
        simplejpeg.decode_jpeg(data, target, min_height=side, min_width=side, strict=True)
    except ValueError as error:
        message = str(error)
        return message if message.lower().startswith(_FAULTS) else ""
    return ""


def _fault_without(data: bytes, spare_bytes: int) -> str:
    """Return the first fault of the JPEG without the bytes before its last marker."""
    end = data.rfind(EOI)
    return _first_fault(data[: end - spare_bytes] + data[end:])


def _without_profile(data: bytes) -> bytes:
    """Return the JPEG with the segments of its ICC profile under a name that libjpeg ignores."""
    start = data.find(bytes((0xFF, _SOS)))
    return data[:start].replace(b"ICC_PROFILE\0", b"ICC_DAMAGED\0") + data[start:]


def _without_header_junk(data: bytes) -> bytes:
    """Return the JPEG without the bytes between its header's segments that belong to none."""
    kept, position = [data[:2]], 2
    while position + 4 <= len(data):
        start = data.find(b"\xff", position)
        while 0 <= start < len(data) - 1 and data[start + 1] in (0x00, 0xFF):
            start = data.find(b"\xff", start + 1)
        if start < 0 or start + 4 > len(data) or data[start + 1] == _SOS:
            position = max(start, position)
            break
        size = 0
        if data[start + 1] not in _WITHOUT_LENGTH:
            size = int.from_bytes(data[start + 2 : start + 4], "big")
        position = start + 2 + size
        kept.append(data[start:position])
    return b"".join((*kept, data[position:]))
