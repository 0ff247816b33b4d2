"""Clocks that start anew within a film: recordings joined as they are, titles of a DVD."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from colorworker.media.containers.track import AnyPacket

RUNNING_CLOCKS = frozenset({"mpegts", "mpeg"})
"""Demuxers of broadcast containers: without an index, and with a frame at every tick of a clock."""
RESTART_SECONDS = 1
"""How far a clock goes back at least if it was started anew; libav's guesses are off by frames."""


@dataclass
class Clock:
    """Decoding times of one stream as they pass."""

    time_base: Fraction
    last: int | None = None
    restarts: int = 0
    """How often it went back so far."""

    def goes_back(self, decode_time: int | None) -> bool:
        """Take note of a packet's decoding time; return whether the clock was started anew."""
        if decode_time is None:
            return False
        before, self.last = self.last, decode_time
        back = before is not None and decode_time < before - RESTART_SECONDS / self.time_base
        self.restarts += back
        return back


def going_on(packets: Iterable[AnyPacket], restarts: Sequence[Fraction]) -> Iterator[AnyPacket]:
    """Yield packets whose times go on where the film's clock starts anew.

    Every stream comes to a restart at a packet of its own. Subtitles are too far apart to show it:
    they follow the stream that is ahead.

    Args:
        packets: Of all streams besides the film's, in the order they are stored.
        restarts: Seconds that are added to all times after the first restart, the second, ...
    """
    clocks: dict[int, Clock] = {}
    for packet in packets:
        if restarts and packet.size and packet.time_base:
            clock = clocks.setdefault(packet.stream.index, Clock(packet.time_base))
            clock.goes_back(packet.dts if packet.dts is not None else packet.pts)
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
