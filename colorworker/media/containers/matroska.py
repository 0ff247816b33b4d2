"""Write a film's display size into a finished Matroska file.

PyAV cannot set a stream's sample aspect ratio, and codecs that do not store one (FFV1) lose it.
"""

import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from colorworker.errors import OutputMismatch

SEGMENT, SEEK_HEAD, VOID = 0x18538067, 0x114D9B74, 0xEC
TRACKS, TRACK, VIDEO, CLUSTER = 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675
DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT, CRC32 = 0x54B0, 0x54BA, 0x54B2, 0xBF
UNIT_ASPECT = 3
"""Code of the DisplayUnit "display aspect ratio"."""
SEEK, SEEK_POSITION = 0x4DBB, 0x53AC
HEAD_BYTES = 16 << 20
"""Bytes read from the start of the file. The tracks lie there, before the first cluster."""


@dataclass(frozen=True)
class Element:
    """One EBML element; offsets count from the start of the bytes it was read from."""

    name: int
    start: int
    payload: int
    end: int


def set_display_aspect(path: Path, width: int, height: int, aspect: Fraction) -> None:
    """Write DisplayWidth and DisplayHeight of the first video track, in place.

    They are in pixels, as most muxers write them, if the display width is a whole number of
    pixels. Otherwise they are the display aspect ratio, such as 16:9. libavformat rounds instead,
    and sets the DisplayUnit to "unknown". The space comes from the Void element that libavformat
    leaves after its SeekHead: everything between it and the tracks moves forward into it, and the
    positions in the SeekHead are corrected.

    Args:
        path: A Matroska file as libavformat writes it.
        width: Width of the stored picture in pixels.
        height: Height of the stored picture in pixels.
        aspect: Sample aspect ratio, width over height.

    Raises:
        OutputMismatch: If the file has a different layout.

    Source:
        RFC 9559 sections 5.1.1 (SeekHead) and 5.1.4.1.28 (Video); RFC 8794 for EBML and CRC-32.
    """
    with path.open("r+b") as file:
        head = file.read(HEAD_BYTES)
        segment = _find(_elements(head, 0, len(head)), SEGMENT, path)
        children = _elements(head, segment.payload, min(segment.end, len(head)))
        seek_head, void, tracks = (
            _find(children, name, path) for name in (SEEK_HEAD, VOID, TRACKS)
        )
        display = _display(width, height, aspect)
        grown = _with_display_size(head[tracks.start : tracks.end], display, path)
        added = len(grown) - (tracks.end - tracks.start)
        room = void.end - void.start - added
        if not (seek_head.end == void.start < void.end <= tracks.start) or room < 2:
            raise OutputMismatch(path.name, "no room for its display size in the Matroska header")
        moved = range(void.end - segment.payload, tracks.end - segment.payload)
        patched = _with_positions(head[seek_head.start : seek_head.end], moved, -added)
        file.seek(seek_head.start)
        file.write(patched + _void(room) + head[void.end : tracks.start] + grown)


def _display(width: int, height: int, aspect: Fraction) -> dict[int, int]:
    """Return the values of the elements that give the display size."""
    if (width * aspect).denominator == 1:
        return {DISPLAY_WIDTH: int(width * aspect), DISPLAY_HEIGHT: height}
    shape = width * aspect / height
    return {
        DISPLAY_WIDTH: shape.numerator,
        DISPLAY_HEIGHT: shape.denominator,
        DISPLAY_UNIT: UNIT_ASPECT,
    }


def _elements(data: bytes, start: int, end: int) -> list[Element]:
    """Return the sibling elements from `start` on, up to the first cluster or `end`."""
    found = []
    while start < end:
        name_bytes = 9 - data[start].bit_length()
        name = int.from_bytes(data[start : start + name_bytes], "big")
        length_at = start + name_bytes
        width = 9 - data[length_at].bit_length()
        length = int.from_bytes(data[length_at : length_at + width], "big")
        length &= (1 << 7 * width) - 1
        payload = length_at + width
        found.append(Element(name, start, payload, payload + length))
        if name == CLUSTER:
            break
        start = payload + length
    return found


def _find(elements: list[Element], name: int, path: Path) -> Element:
    for element in elements:
        if element.name == name:
            return element
    raise OutputMismatch(path.name, f"no Matroska element {name:X} in its header")


def _with_display_size(tracks: bytes, display: dict[int, int], path: Path) -> bytes:
    outer = _elements(tracks, 0, len(tracks))[0]
    for track in _elements(tracks, outer.payload, outer.end):
        if track.name != TRACK:
            continue
        inner = _elements(tracks, track.payload, track.end)
        video = next((element for element in inner if element.name == VIDEO), None)
        if video is None:
            continue
        kept = b"".join(
            tracks[element.start : element.end]
            for element in _elements(tracks, video.payload, video.end)
            if element.name not in (DISPLAY_WIDTH, DISPLAY_HEIGHT, DISPLAY_UNIT)
        )
        sizes = b"".join(
            _element(name, value.to_bytes(4, "big")) for name, value in display.items()
        )
        body = (
            tracks[track.payload : video.start]
            + _element(VIDEO, kept + sizes)
            + tracks[video.end : track.end]
        )
        return _element(
            TRACKS,
            _with_crc(
                tracks[outer.payload : track.start]
                + _element(TRACK, body)
                + tracks[track.end : outer.end]
            ),
        )
    raise OutputMismatch(path.name, "no video track in its Matroska header")


def _with_positions(seek_head: bytes, moved: range, by: int) -> bytes:
    """Return the SeekHead with the positions inside `moved` changed by `by`; same length."""
    data = bytearray(seek_head)
    outer = _elements(seek_head, 0, len(seek_head))[0]
    for seek in _elements(seek_head, outer.payload, outer.end):
        if seek.name != SEEK:
            continue
        for field in _elements(seek_head, seek.payload, seek.end):
            position = int.from_bytes(seek_head[field.payload : field.end], "big")
            if field.name == SEEK_POSITION and position in moved:
                width = field.end - field.payload
                data[field.payload : field.end] = (position + by).to_bytes(width, "big")
    return bytes(data[: outer.payload]) + _with_crc(bytes(data[outer.payload :]))


def _with_crc(payload: bytes) -> bytes:
    """Return a master element's payload with its CRC-32 updated, if it starts with one."""
    if payload[:2] != bytes((CRC32, 0x84)):
        return payload
    return payload[:2] + zlib.crc32(payload[6:]).to_bytes(4, "little") + payload[6:]


def _element(name: int, payload: bytes) -> bytes:
    """Return an element with the shortest length field."""
    width = next(width for width in range(1, 9) if len(payload) < (1 << 7 * width) - 1)
    length = (1 << 7 * width) | len(payload)
    return (
        name.to_bytes((name.bit_length() + 7) // 8, "big") + length.to_bytes(width, "big") + payload
    )


def _void(total_bytes: int) -> bytes:
    """Return a Void element of exactly this many bytes, at least 2."""
    width = 1 if total_bytes < 0x7F else 8
    length = (1 << 7 * width) | (total_bytes - 1 - width)
    return bytes((VOID,)) + length.to_bytes(width, "big") + bytes(total_bytes - 1 - width)
