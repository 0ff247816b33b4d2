"""Packets of MPEG transport streams that libav does not pass on.

Source: ISO/IEC 13818-1, sections 2.4.3.2 (transport packets) and 2.4.3.6 (PES packets).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO

import numpy as np

SYNC, PACKET_BYTES, M2TS_BYTES = 0x47, 188, 192
VIDEO_STREAM_IDS = range(0xE0, 0xF0)
SEARCHED_BYTES = 8 << 20
"""Bytes that are searched in the longest part of a file without a picture."""
FEWEST_PICTURES = 10
"""So many pictures of an unknown stream are part of the film."""


def packets(data: bytes) -> Iterator[bytes]:
    """Yield the whole transport packets in these bytes, 188 bytes each, also of M2TS."""
    start = data.find(SYNC)
    while start >= 0:
        step = next(
            (
                size
                for size in (PACKET_BYTES, M2TS_BYTES)
                if data[start + size : start + size + 1] in (b"\x47", b"")
            ),
            0,
        )
        if not step:
            start = data.find(SYNC, start + 1)
            continue
        while data[start : start + 1] == b"\x47" and start + PACKET_BYTES <= len(data):
            yield data[start : start + PACKET_BYTES]
            start += step
        start = data.find(SYNC, start)
        if start + PACKET_BYTES > len(data):
            return


def pid_of(packet: bytes) -> int:
    """Return a transport packet's PID."""
    return (packet[1] & 0x1F) << 8 | packet[2]


def scrambling(data: bytes, pid: int) -> Iterator[bool]:
    """Yield for each packet of a PID whether it is scrambled."""
    return (bool(packet[3] & 0xC0) for packet in packets(data) if pid_of(packet) == pid)


def hidden_video(reader: BinaryIO, offsets: Sequence[int], known: Collection[int]) -> int:
    """Return the PID of a video stream that begins where the film has a gap; 0 if there is none.

    A stream that begins in the middle of a file, after what libav probes, is not passed on.

    Args:
        reader: The file, seekable.
        offsets: Byte offset of each packet of the film.
        known: PIDs that are passed on.
    """
    places = np.array([*sorted(offsets), reader.seek(0, 2)], np.int64)
    widest = int(np.argmax(np.diff(places)))
    start, end = int(places[widest]), int(places[widest + 1])
    reader.seek(start)
    pictures = Counter(
        pid_of(packet)
        for packet in packets(reader.read(min(end - start, SEARCHED_BYTES)))
        if _starts_picture(packet)
    )
    for pid, count in pictures.most_common():
        if pid not in known and count >= FEWEST_PICTURES:
            return pid
    return 0


def _starts_picture(packet: bytes) -> bool:
    """Return whether a PES packet with video begins in a transport packet."""
    if not packet[1] & 0x40 or not packet[3] & 0x10:
        return False
    at = 5 + packet[4] if packet[3] & 0x20 else 4
    return packet[at : at + 3] == b"\0\0\1" and packet[at + 3 : at + 4] in _VIDEO_BYTES


_VIDEO_BYTES = frozenset(bytes((number,)) for number in VIDEO_STREAM_IDS)
