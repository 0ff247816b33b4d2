"""Decode films by the numbers of their packets, where the times in the container do not do.

A packet gets its number as its pts before it is decoded. So each frame comes out with the number of
its own packet, whatever the decoder's reordering and whatever the container says or leaves out.
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

from colorworker.media.containers.demux import of_known_streams
from colorworker.media.containers.timing import BYTE_ADDRESSED

VideoPacket: TypeAlias = "Packet[VideoStream]"

BYTES_BACK = (0, 1 << 16, 1 << 20)
"""How far before an anchor a search for it begins, first try first. At its very byte a program
stream may still have the end of the packet before, which then gets the anchor's offset."""
SECONDS_BACK = (0, 2, 16)
"""As `BYTES_BACK`, where decoding times are sought."""
SEARCHED_PACKETS = 1024
"""Most packets among which an anchor is looked for after a seek; it ends where they are beyond."""


def numbered(packets: Iterable[VideoPacket], first: int = 0) -> Iterator[VideoPacket]:
    """Yield the packets, each with its number as pts; empty ones get none and are not counted."""
    number = first
    for packet in packets:
        if packet.size:
            packet.pts, number = number, number + 1
        yield packet


def decoded(stream: VideoStream, packets: Iterable[VideoPacket]) -> Iterator[VideoFrame]:
    """Yield the frames of numbered packets in the order they are shown, their numbers as pts.

    A packet that does not decode gives none: whoever takes the frames sees that its number is
    missing. The decoder itself says so only at times, for its threads keep some errors to
    themselves.
    """
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except MemoryError:
            raise
        except FFmpegError:
            continue
        yield from frames


def packets_at(
    container: InputContainer, stream: VideoStream, anchor: npt.NDArray[np.int64]
) -> Iterator[VideoPacket] | None:
    """Return the film's packets, numbered, from that of an anchor on; None if it is not found.

    Args:
        container: The opened film.
        stream: Its pictures, the only stream that is demuxed.
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
            packets = of_known_streams(container.demux(stream))
            for packet in islice(packets, SEARCHED_PACKETS):
                seen = packet.pos if by_bytes else packet.dts
                if packet.size == size and seen == place:
                    return numbered(chain([packet], packets), number)
                if seen is not None and seen > place:
                    break
        except FFmpegError:  # no index entry at or before the target
            return None
    return None


def _seek(container: InputContainer, stream: VideoStream, target: int, *, by_bytes: bool) -> None:
    if by_bytes:
        # PyAV calls it unsupported, for most demuxers ignore it; those of BYTE_ADDRESSED do not.
        container.seek(target, unsupported_byte_offset=True)
    else:
        container.seek(target, stream=stream)
