"""Decode films by packet number, where the container's timestamps are unreliable.

Each packet's number is set as its pts before decoding. So every frame comes out with the number of
its own packet, whatever the decoder reorders and whatever the container says or omits.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from colorworker.media.containers.demux import ignore_new_streams
from colorworker.media.containers.timing import BYTE_ADDRESSED

VideoPacket: TypeAlias = "Packet[VideoStream]"

BYTES_BACK = (0, 1 << 16, 1 << 20)
"""How far before an anchor each attempt to find it starts. Right at its byte, a program stream may
still have the end of the previous packet, which then gets the anchor's offset."""
SECONDS_BACK = (0, 2, 16)
"""As `BYTES_BACK`, for containers that seek by dts."""
SEARCHED_PACKETS = 1024
"""Maximum packets to search for an anchor after a seek; the search ends early once it is passed."""


def number_packets(packets: Iterable[VideoPacket], first: int = 0) -> Iterator[VideoPacket]:
    """Yield the packets, each with its number as pts; empty packets are passed on uncounted."""
    number = first
    for packet in packets:
        if packet.size:
            packet.pts, number = number, number + 1
        yield packet


def decode_numbered(stream: VideoStream, packets: Iterable[VideoPacket]) -> Iterator[VideoFrame]:
    """Yield the frames of numbered packets in display order, with packet numbers as pts.

    A packet that fails to decode yields no frame, and the caller notices the missing number. The
    decoder's errors are ignored because they are incomplete: its threads do not report all.
    """
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except MemoryError:
            raise
        except FFmpegError:
            continue
        yield from frames


def packets_from_anchor(
    container: InputContainer, stream: VideoStream, anchor: npt.NDArray[np.int64]
) -> Iterator[VideoPacket] | None:
    """Return the film's numbered packets starting at an anchor; None if it is not found.

    Args:
        container: The open film.
        stream: Its video stream, the only one that is demuxed.
        anchor: A row of `Stored.anchors`.
    """
    number, offset, size, decode_time = anchor.tolist()
    by_bytes = container.format.name.startswith(BYTE_ADDRESSED)
    ticks = 1 if by_bytes else 1 / (stream.time_base or Fraction(1))
    place = offset if by_bytes else decode_time
    for back in BYTES_BACK if by_bytes else SECONDS_BACK:
        try:
            target = max(0, place - back) if by_bytes else place - round(back * ticks)
            _seek(container, stream, target, by_bytes=by_bytes)
            packets = ignore_new_streams(container.demux(stream))
            for packet in islice(packets, SEARCHED_PACKETS):
                seen = packet.pos if by_bytes else packet.dts
                if packet.size == size and seen == place:
                    return number_packets(chain([packet], packets), number)
                if seen is not None and seen > place:
                    break
        except FFmpegError:  # no index entry at or before the target
            return None
    return None


def _seek(container: InputContainer, stream: VideoStream, target: int, *, by_bytes: bool) -> None:
    if by_bytes:
        # PyAV calls it unsupported because most demuxers ignore it; those in BYTE_ADDRESSED do not.
        container.seek(target, unsupported_byte_offset=True)
    else:
        container.seek(target, stream=stream)
