"""Clocks that go back within a film: concatenated recordings, titles of a DVD."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from colorworker.domain.timeline import Restart
from colorworker.media.containers.outputtrack import AnyPacket

BROADCAST_CONTAINERS = frozenset({"mpegts", "mpeg"})
"""Demuxers of broadcast containers: they have no index, and their clock starts at any time."""
RESTART_FRAMES = 2.5
"""A film's dts that goes back by more frames than this is a restart. libav guesses missing dts, and
its guesses are up to two frames off."""
RESTART_SECONDS = 1
"""A restart that goes back by less than this is looked up by its place in the file, because the
other streams may go back by less or not at all."""
NEAR_BYTES = 1 << 20
"""How far before the film's restart those of the other streams may be stored."""


def find_restarts(
    decode_times: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], durations: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the packets before which a film's clock restarts, and how many ticks it goes back.

    A single packet with a wrong dts, after which the clock continues, is not a restart.

    Args:
        decode_times: dts of the film's packets in stored order, (n,), in ticks.
        known: Which of them are valid, (n,).
        durations: Duration of every packet in ticks; 0 if unknown.

    Returns:
        Packet numbers, and the ticks from there to the time at which the clock would continue.
    """
    places = np.flatnonzero(known)
    times = decode_times[places]
    steps = np.diff(times) / np.maximum(np.diff(places), 1)
    usual = float(np.median(steps[steps > 0])) if bool(np.any(steps > 0)) else 0.0
    found: list[tuple[int, int]] = []
    start = 0
    for at in (np.flatnonzero(steps < 0) + 1).tolist():
        before = int(times[at - 1])
        goes_back = times[at] < before - RESTART_FRAMES * usual
        continues = at + 1 < len(times) and times[at + 1] > before
        was_ahead = at - 2 >= start and times[at] > times[at - 2]
        if goes_back and not continues and not was_ahead:
            duration = durations[places[at - 1]] or round(usual)
            skipped = round(usual * (places[at] - places[at - 1] - 1))
            found.append((int(places[at]), before - int(times[at]) + duration + skipped))
            start = at
    return found


@dataclass
class _Clock:
    """The clock of one stream while its packets are read: its last dts, and restarts so far."""

    time_base: Fraction
    last: int | None = None
    restarts: int = 0

    def advance(
        self, packet: AnyPacket, ahead: Sequence[Restart], seconds: Sequence[float]
    ) -> None:
        """Take the next packet; count a restart if the clock restarted before it.

        Args:
            packet: The stream's next packet.
            ahead: All restarts of the film.
            seconds: How far the film's clock goes back at each of them.
        """
        time = packet.dts if packet.dts is not None else packet.pts
        if time is None:
            return
        before, self.last = self.last, time
        went_back = 0.0 if before is None else float((before - time) * self.time_base)
        while self.restarts < len(ahead):
            restart, back = ahead[self.restarts], seconds[self.restarts]
            place = -1 if packet.pos is None else packet.pos
            is_small = back < RESTART_SECONDS and restart.offset >= 0
            if is_small and place >= restart.offset:
                self.restarts += 1
                continue
            is_near = not is_small or place >= restart.offset - NEAR_BYTES
            if not is_near or went_back < min(RESTART_SECONDS, back / 2):
                return
            self.restarts, went_back = self.restarts + 1, 0.0


def continuous_packets(
    packets: Iterable[AnyPacket], restarts: Sequence[Restart], time_base: Fraction
) -> Iterator[AnyPacket]:
    """Yield the packets with continuous timestamps across restarts of the clock.

    Each stream restarts at a different packet. Subtitle packets are too sparse to show a restart,
    so they follow the stream with the most restarts so far.

    Args:
        packets: Packets of all streams except the film's, in stored order.
        restarts: The film's restarts.
        time_base: Seconds per tick of the restarts.
    """
    added = [restart.added * time_base for restart in restarts]
    back = [float(after - before) for before, after in pairwise([Fraction(0), *added])]
    clocks: dict[int, _Clock] = {}
    for packet in packets:
        if restarts and packet.size and packet.time_base:
            clock = clocks.setdefault(packet.stream.index, _Clock(packet.time_base))
            clock.advance(packet, restarts, back)
            if packet.stream.type == "subtitle":
                clock.restarts = max(each.restarts for each in clocks.values())
            if clock.restarts:
                _add(packet, round(added[clock.restarts - 1] / packet.time_base))
        yield packet


def _add(packet: AnyPacket, ticks: int) -> None:
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks
