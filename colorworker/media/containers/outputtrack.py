"""A track of the output that is filled from one stream of the source, packet by packet."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from av.packet import Packet
from av.stream import Stream

AnyPacket: TypeAlias = "Packet[Stream]"

MOST_HELD = 32
"""More than the frames that any codec reorders."""
ADTS_HEADER_BYTES, ADTS_RATES = 7, 13


@dataclass
class OutputTrack:
    """A track of the output that receives the packets of a source stream unchanged."""

    output: Stream
    shift: int = 0
    """Ticks of the source stream to subtract from every pts and dts."""
    last_dts: int | None = None
    written_packets: int = 0
    moved_packets: int = 0
    """Packets whose dts went backwards in the source and was moved forward."""
    held: list[AnyPacket] = field(default_factory=list)
    """First packets of a stream with reordered frames, whose dts is not known yet."""
    is_adts: bool = False
    """Whether each packet has an ADTS header, which muxers replace by one for the track."""
    refused_packets: int = 0
    """Damaged packets that no muxer takes."""

    @property
    def is_lost(self) -> bool:
        """Whether all packets were damaged."""
        return self.refused_packets > 0 and self.written_packets == 0

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield the packet for the output, with the same bytes; nothing for an empty packet.

        Packets without a dts are held until the first packet with one.
        """
        if not packet.size:
            return
        if self.is_adts and not _has_adts_header(bytes(memoryview(packet)[:ADTS_HEADER_BYTES])):
            self.refused_packets += 1
            return
        if packet.dts is None and self.last_dts is None and self.output.type == "video":
            self.held.append(packet)
            if len(self.held) == MOST_HELD:
                yield from self.release()
            return
        yield from self.release(packet.dts)
        yield self._timed(packet)

    def release(self, next_dts: int | None = None) -> Iterator[AnyPacket]:
        """Yield the packets that are held, with times that lead up to the next packet's dts."""
        held, self.held = self.held, []
        if next_dts is None:
            times = [packet.pts for packet in held if packet.pts is not None]
            next_dts = min(times, default=0) + 1
        for packet in reversed(held):
            next_dts -= max(1, packet.duration or 0)
            if packet.pts is not None:
                next_dts = min(next_dts, packet.pts)
            packet.dts = next_dts
        yield from map(self._timed, held)

    def _timed(self, packet: AnyPacket) -> AnyPacket:
        dts = packet.dts
        if dts is None and not (self.output.type == "video" and self.last_dts is not None):
            dts = packet.pts
        if dts is None:
            dts = self.shift if self.last_dts is None else self.last_dts + 1 + self.shift
        dts -= self.shift
        if self.last_dts is not None:
            # Muxers accept equal times of subtitles only.
            earliest = self.last_dts + (self.output.type != "subtitle")
            if dts < earliest:
                dts, self.moved_packets = earliest, self.moved_packets + 1
        packet.pts = dts if packet.pts is None else max(dts, packet.pts - self.shift)
        packet.dts = self.last_dts = dts
        packet.stream = self.output
        return packet

    def warnings(self) -> list[str]:
        """Return sentences for the report, once all packets are written."""
        kind, said = self.output.type, []
        if self.moved_packets:
            said.append(
                f"{self.moved_packets} {kind} packets went back in time in the source and were "
                "moved"
            )
        if self.refused_packets:
            said.append(f"{self.refused_packets} {kind} packets are damaged and left out")
        return said


def _has_adts_header(start: bytes) -> bool:
    """Return whether a packet starts with a valid ADTS header (ISO/IEC 14496-3, 1.A.2.2.1)."""
    if len(start) < ADTS_HEADER_BYTES or start[0] != 0xFF or start[1] & 0xF6 != 0xF0:
        return False
    has_rate = (start[2] >> 2 & 15) < ADTS_RATES
    length = (start[3] & 3) << 11 | start[4] << 3 | start[5] >> 5
    return has_rate and length >= ADTS_HEADER_BYTES
