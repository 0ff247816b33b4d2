"""Timestamps that jump back within a film: concatenated recordings, titles of a DVD."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from colorworker.media.containers.outputtrack import AnyPacket

BROADCAST_CONTAINERS = frozenset({"mpegts", "mpeg"})
"""Demuxers of broadcast containers: they have no index, and their clock starts at any time."""
RESTART_SECONDS = 1
"""A jump back of at least this many seconds is a restart; libav's own guesses are a few frames
off."""


@dataclass
class DiscontinuityDetector:
    """Watches the dts of one stream, packet by packet, and counts restarts of its clock."""

    time_base: Fraction
    last: int | None = None
    restarts: int = 0
    """Restarts so far."""

    def is_discontinuity(self, decode_time: int | None) -> bool:
        """Take the next packet's dts; return whether the clock restarted before this packet."""
        if decode_time is None:
            return False
        before, self.last = self.last, decode_time
        back = before is not None and decode_time < before - RESTART_SECONDS / self.time_base
        self.restarts += back
        return back


def continuous_packets(
    packets: Iterable[AnyPacket], restarts: Sequence[Fraction]
) -> Iterator[AnyPacket]:
    """Yield the packets with continuous timestamps across restarts of the clock.

    Each stream restarts at a different packet. Subtitle packets are too sparse to show a restart,
    so they follow the stream with the most restarts so far.

    Args:
        packets: Packets of all streams except the film's, in stored order.
        restarts: Seconds to add to all times after the first restart, after the second, and so on.
    """
    clocks: dict[int, DiscontinuityDetector] = {}
    for packet in packets:
        if restarts and packet.size and packet.time_base:
            clock = clocks.setdefault(packet.stream.index, DiscontinuityDetector(packet.time_base))
            clock.is_discontinuity(packet.dts if packet.dts is not None else packet.pts)
            if packet.stream.type == "subtitle":
                clock.restarts = max(each.restarts for each in clocks.values())
            if clock.restarts:
                added = restarts[min(clock.restarts, len(restarts)) - 1]
                _add(packet, round(added / packet.time_base))
        yield packet


def _add(packet: AnyPacket, ticks: int) -> None:
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
