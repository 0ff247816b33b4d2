"""Edits films at the byte level, into forms that libav's muxers do not write."""

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from colorworker.domain.videoinfo import Crop
from colorworker.media.containers.matroska import HeaderChanges, complete_header
from colorworker.media.containers.probe import scan

PES_START = b"\0\0\x01\xe0"
MEDIA_HEADER = (b"moov", b"trak", b"mdia", b"mdhd")
KEPT_EVERY = 9
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
ASPECT = Fraction(16, 15)
CROP = Crop(left=4, top=6, right=8, bottom=10)
HIDDEN, SHOWN = 10, 0x10
BOTH_TIMES = 0b1100_0000


def clock_on_keyframes_only(path: Path) -> None:
    """Remove pts and dts from all but every ninth video packet, as broadcasters do.

    The flags are cleared and the bytes become stuffing, so no offset changes (ISO/IEC 13818-1,
    2.4.3.7).
    """
    data = path.read_bytes()
    changed = bytearray(data)
    number = -1
    start = data.find(PES_START)
    while start >= 0:
        number += 1
        if number % KEPT_EVERY:
            length = changed[start + 8]
            changed[start + 7] &= ~BOTH_TIMES & 0xFF
            changed[start + 9 : start + 9 + length] = b"\xff" * length
        start = data.find(PES_START, start + 4)
    path.write_bytes(changed)


def with_two_edits(path: Path) -> None:
    """Give an MP4 with its index at the end an edit list of two equal edits: 0.4 s from 0.2 s on.

    The boxes have 32-bit times, as libavformat writes them (ISO/IEC 14496-12, 8.6.6).
    """
    data = path.read_bytes()
    *outer, old = _boxes(data, (b"moov", b"trak", b"edts", b"elst"))
    timescale = int.from_bytes(data[_boxes(data, MEDIA_HEADER)[-1] + 20 :][:4], "big")
    edit = struct.pack(">Iihh", 400, timescale // 5, 1, 0)
    new = struct.pack(">I4sII", 16 + 2 * len(edit), b"elst", 0, 2) + 2 * edit
    size = int.from_bytes(data[old : old + 4], "big")
    changed = bytearray(data[:old] + new + data[old + size :])
    for start in outer:
        length = int.from_bytes(changed[start : start + 4], "big") + len(new) - size
        changed[start : start + 4] = length.to_bytes(4, "big")
    path.write_bytes(changed)


def with_dts_for_pts(path: Path) -> None:
    """Make an MP4 store only decoding times, as muxers do that were given no pts.

    The boxes with the differences from pts to dts, and the edit list, become unused space.
    """
    data = path.read_bytes()
    for name in (b"ctts", b"edts"):
        assert data.count(name) == 1
        data = data.replace(name, b"free")
    path.write_bytes(data)


def with_one_pts_twice(path: Path) -> None:
    """Give the second frame of an MP4 with B-frames the pts of the third.

    It is stored as the third packet, one frame less after its dts than the first packet, whose
    difference it gets (ISO/IEC 14496-12, 8.6.1.3: version, flags, count, then entries).
    """
    data = bytearray(path.read_bytes())
    entries = data.index(b"ctts") + 12
    counts_and_offsets = struct.unpack(">6I", data[entries : entries + 24])
    assert counts_and_offsets[::2] == (1, 1, 1)
    data[entries + 20 : entries + 24] = data[entries + 4 : entries + 8]
    path.write_bytes(data)


def with_an_undecodable_start(path: Path) -> None:
    """Overwrite a film's first packet, so that nothing decodes up to the second keyframe."""
    with av.open(str(path)) as container:
        packet = bytes(next(container.demux(video=0)))
    data = path.read_bytes()
    assert data.count(packet) == 1
    path.write_bytes(data.replace(packet, b"\xff" * len(packet)))


def with_extended_language(path: Path, language: bytes) -> None:
    """Give the first track of an MP4 with its index at the end an extended language."""
    data = path.read_bytes()
    *outer, header = _boxes(data, MEDIA_HEADER)
    place = header + int.from_bytes(data[header : header + 4], "big")
    box = b"elng" + bytes(4) + language + b"\0"
    box = (len(box) + 4).to_bytes(4, "big") + box
    changed = bytearray(data[:place] + box + data[place:])
    for start in outer:
        length = int.from_bytes(changed[start : start + 4], "big") + len(box)
        changed[start : start + 4] = length.to_bytes(4, "big")
    path.write_bytes(changed)


def with_xmp(path: Path, *, in_user_data: bool) -> None:
    """Give a QuickTime film with its index at the end XMP metadata, in a place that Adobe defines.

    Its user data must be the last box of the movie, as libavformat writes it.
    """
    data, packet = path.read_bytes(), b"<x:xmpmeta/>"
    name = b"XMP_" if in_user_data else b"uuid" + XMP_UUID
    box = (len(name) + len(packet) + 4).to_bytes(4, "big") + name + packet
    changed = bytearray(data + box)
    if in_user_data:
        for start in (data.index(b"moov") - 4, data.rindex(b"udta") - 4):
            length = int.from_bytes(data[start : start + 4], "big")
            assert start + length == len(data)
            changed[start : start + 4] = (length + len(box)).to_bytes(4, "big")
    path.write_bytes(changed)


def _boxes(data: bytes, names: tuple[bytes, ...]) -> list[int]:
    """Return the offsets of nested boxes, from the outermost to the innermost."""
    starts, at = [], 0
    for name in names:
        while data[at + 4 : at + 8] != name:
            at += int.from_bytes(data[at : at + 4], "big")
        starts.append(at)
        at += 8
    return starts


def with_display_aspect(path: Path) -> None:
    """Write the aspect ratio into a Matroska header, as other muxers do and PyAV does not."""
    change_header(path, sample_aspect_ratio=ASPECT)


def with_a_crop(path: Path) -> None:
    """Give a Matroska film the elements that crop its picture."""
    change_header(path, sample_aspect_ratio=ASPECT, crop=CROP)


def change_header(path: Path, **values: Any) -> None:
    """Write properties of the film into a Matroska header."""
    with path.open("rb") as reader:
        info, _ = scan(reader, path.name)
    complete_header(path, HeaderChanges(replace(info, **values)))


def with_a_hidden_frame(path: Path) -> None:
    """Make the eleventh frame of a VP8 film a hidden one, decoded but not shown (RFC 6386, 9.1)."""
    with av.open(str(path)) as container:
        packet = [bytes(packet) for packet in container.demux(video=0)][HIDDEN]
    data = bytearray(path.read_bytes())
    data[data.index(packet)] &= ~SHOWN & 0xFF
    path.write_bytes(data)
    with_display_aspect(path)
