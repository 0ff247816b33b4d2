"""One stream of the source on its way into the output, packet by packet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from av.packet import Packet
from av.stream import Stream

AnyPacket: TypeAlias = "Packet[Stream]"


@dataclass
class Track:
    """One stream on its way from the source into the output."""

    output: Stream
    shift: int = 0
    """Ticks of the source stream that are taken off every time."""
    last_dts: int | None = None
    moved_packets: int = 0
    """Packets whose decoding time went backwards in the source."""

    def take(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        """Yield what the output gets for a packet of the source; the same bytes."""
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
