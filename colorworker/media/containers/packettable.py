"""Timestamps, sizes and places of a film's packets, as a scan reads them."""

from array import array
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.domain.timeline import Restart
from colorworker.media.codecs.h264fields import FieldPairs
from colorworker.media.codecs.hiddenframes import is_hidden
from colorworker.media.containers.discontinuities import find_restarts

Int64s = npt.NDArray[np.int64]

STORES_PTS = ("mov", "matroska", "flv", "nut", "asf", "dv", "yuv4mpegpipe")
"""Demuxers of containers that store the pts of every frame and can seek to it. Other containers
store it for some packets only, or store only the decoding order, and libav guesses the rest. After
a seek it guesses differently than from the start, so that frames get their neighbors' times."""
HAS_OWN_PTS = (*STORES_PTS, "mpegts", "ivf", "ogg")
"""Those, and demuxers whose pts are the container's own although they cannot seek to them."""
NO_PTS = -(1 << 63)


class PacketTable:
    """Timestamps and byte offsets of the film's packets in stored order, in compact arrays.

    `times` holds pts or NO_PTS. Packets hidden by an edit list or by their codec, and the second
    fields of frames stored as two packets, are not `shown`.
    """

    def __init__(
        self, time_base: Fraction, container: str, codec: str, header: bytes = b""
    ) -> None:
        """Start with no packets.

        Args:
            time_base: Seconds per tick.
            container: libav's name of the demuxer.
            codec: The codec's name.
            header: The codec's header (extradata).
        """
        self.time_base = time_base
        self.container = container
        self.codec = codec
        self.times = array("q")
        self.decode_times = self.stored_decode_times = array("q")
        self.durations = array("q")
        self.offsets = array("q")
        self.sizes = array("q")
        self.restarts: list[Restart] = []
        """Restarts of the film's clock; empty until `continue_clock`, which adds up the times after
        them, but leaves `stored_decode_times` as they are."""
        self.shown = array("b")
        self.second_fields = array("b")
        self.keyframes = array("b")
        self._field_pairs = FieldPairs(header) if codec == "h264" else None

    def __len__(self) -> int:
        return len(self.times)

    def add(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Add a packet; empty ones (flushes, and frames dropped while recording) do not count."""
        if not packet.size:
            return
        duration = max(0, packet.duration or 0)
        is_second = self._field_pairs is not None and self._field_pairs.is_second_field(
            bytes(packet)
        )
        if is_second:
            self.durations[-1] += duration
        self.times.append(NO_PTS if packet.pts is None else packet.pts)
        self.decode_times.append(NO_PTS if packet.dts is None else packet.dts)
        self.durations.append(duration)
        self.offsets.append(-1 if packet.pos is None else packet.pos)
        self.sizes.append(packet.size)
        hidden = packet.is_discard or is_hidden(self.codec, memoryview(packet))
        self.shown.append(not hidden and not is_second)
        self.second_fields.append(is_second)
        self.keyframes.append(packet.is_keyframe)

    def continue_clock(self) -> None:
        """Make all times continuous across restarts of the film's clock.

        Not in MP4 and QuickTime files: their edit lists show parts of a film in any order.
        """
        if self.container.startswith("mov"):
            return
        decode_times = np.array(self.decode_times, np.int64)
        added = np.zeros(len(self), np.int64)
        for number, ticks in find_restarts(decode_times, decode_times != NO_PTS, self.durations):
            added[number:] += ticks
            offset = next((place for place in self.offsets[number:] if place >= 0), -1)
            self.restarts.append(Restart(int(added[number]), offset))
        if self.restarts:
            self.stored_decode_times = self.decode_times
            self.times, self.decode_times = (
                array("q", np.where(times == NO_PTS, times, times + added).tolist())
                for times in (np.array(self.times, np.int64), decode_times)
            )

    @property
    def first_keyframe(self) -> int:
        """Number of the first shown keyframe's packet; 0 if there is none."""
        keyframes = np.flatnonzero(np.array(self.keyframes, bool) & np.array(self.shown, bool))
        return int(keyframes[0]) if len(keyframes) else 0

    def shown_pts(self) -> Int64s:
        """Return the pts of all shown packets, in stored order."""
        times: Int64s = np.array(self.times, np.int64)[np.array(self.shown, bool)]
        return times

    def seconds_until(self, last: int) -> float:
        """Return the time between the first shown frame and the last one of packets up to `last`.

        0.0 if no packet has a pts.
        """
        times = np.array(self.times[: last + 1], np.int64)
        times = times[(times != NO_PTS) & np.array(self.shown[: last + 1], bool)]
        return float((times.max() - times.min()) * self.time_base) if len(times) else 0.0

    def order(self, first_number: int) -> Int64s:
        """Return the numbers of all shown packets, sorted by pts.

        Args:
            first_number: Packet of the first frame that the decoder returns. Frames with an earlier
                pts are left out: they belong to a group of pictures that was cut away, and no
                decoder can show them.
        """
        times = np.array(self.times, np.int64)
        shown = np.array(self.shown, bool) & (times >= times[first_number])
        order: Int64s = np.argsort(np.where(shown, times, np.iinfo(np.int64).max), kind="stable")
        return order[: int(shown.sum())]
