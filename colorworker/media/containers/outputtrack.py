"""A track of the output that is filled from one stream of the source, packet by packet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from av.packet import Packet
from av.stream import Stream

AnyPacket: TypeAlias = "Packet[Stream]"


@dataclass
class OutputTrack:
    """A track of the output that receives the packets of a source stream unchanged."""

    output: Stream
    shift: int = 0
    """Ticks of the source stream to subtract from every pts and dts."""
    last_dts: int | None = None
    written_packets: int = 0
    moved_packets: int = 0
    """Audio packets whose dts went backwards in the source and was moved forward."""

    def convert(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield the packet for the output, with the same bytes; nothing for an empty packet."""
        if not packet.size:
            return
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None:
            dts = 0 if self.last_dts is None else self.last_dts + 1 + self.shift
        dts -= self.shift
        if self.last_dts is not None and dts <= self.last_dts and self.output.type == "audio":
            dts, self.moved_packets = self.last_dts + 1, self.moved_packets + 1
        packet.pts = dts if packet.pts is None else max(dts, packet.pts - self.shift)
        packet.dts = self.last_dts = dts
        packet.stream = self.output
        yield packet

    def warnings(self) -> list[str]:
        """Return sentences for the report, once all packets are written."""
        if not self.moved_packets:
            return []
        return [
            f"{self.moved_packets} {self.output.type} packets went back in time in the source and "
            "were moved"
        ]
