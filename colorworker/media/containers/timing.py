"""Build a film's timeline from its packets, repairing timestamps that cannot be trusted."""

from array import array
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.domain.timeline import StoredPackets, Timeline
from colorworker.media.containers import retime
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS, DiscontinuityDetector

Int64s = npt.NDArray[np.int64]

STORES_PTS = ("mov", "matroska", "flv", "nut", "asf", "dv", "yuv4mpegpipe")
"""Demuxers of containers that store the pts of every frame and can seek to it. Other containers
store it for some packets only, or store only the decoding order, and libav guesses the rest. After
a seek it guesses differently than from the start, so that frames get their neighbors' times."""
BYTE_ADDRESSED = ("mpegts", "mpeg", "mxf", "h264", "hevc", "mpegvideo", "m4v")
"""Demuxers that can seek to any byte; the others seek to a dts through an index."""
VP8_SHOWN = 0x10
"""Bit of a VP8 packet's first byte; without it, the frame is a hidden reference (RFC 6386 9.1)."""
ANCHOR_REACH = 64
"""How many packets before a keyframe are searched for one that can be found again by seeking."""
NO_PTS = -(1 << 63)


class PacketTable:
    """Timestamps and byte offsets of the film's packets in stored order, in compact arrays.

    `times` holds pts or NO_PTS. Times are continuous across restarts of the film's clock. Packets
    hidden by an edit list or by their codec are not `shown`.
    """

    def __init__(self, time_base: Fraction, container: str, codec: str) -> None:
        self.time_base = time_base
        self.container = container
        self.codec = codec
        self.times = array("q")
        self.decode_times = array("q")
        self.durations = array("q")
        self.offsets = array("q")
        self.sizes = array("q")
        self.restarts: list[int] = []
        """For each restart of the film's clock, the ticks added to all times after it."""
        self._discontinuities = DiscontinuityDetector(time_base)
        self.shown = array("b")
        self.keyframes = array("b")

    def __len__(self) -> int:
        return len(self.times)

    def add(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Add a packet; empty ones (flushes, and frames dropped while recording) do not count."""
        if not packet.size:
            return
        added = self._clock_offset(packet.dts, packet.duration or 0)
        self.times.append(NO_PTS if packet.pts is None else packet.pts + added)
        self.decode_times.append(NO_PTS if packet.dts is None else packet.dts + added)
        self.durations.append(max(0, packet.duration or 0))
        self.offsets.append(-1 if packet.pos is None else packet.pos)
        self.sizes.append(packet.size)
        hidden = packet.is_discard or (
            self.codec == "vp8" and not memoryview(packet)[0] & VP8_SHOWN
        )
        self.shown.append(not hidden)
        self.keyframes.append(packet.is_keyframe)

    def _clock_offset(self, decode_time: int | None, duration: int) -> int:
        """Return the ticks to add to a packet's times to continue from the previous packet's."""
        before = self._discontinuities.last
        if self.container in BROADCAST_CONTAINERS and self._discontinuities.is_discontinuity(
            decode_time
        ):
            went_back = 0 if before is None or decode_time is None else before - decode_time
            self.restarts.append(sum(self.restarts[-1:]) + went_back + duration)
        return sum(self.restarts[-1:])

    @property
    def first_keyframe(self) -> int:
        """Number of the first shown keyframe's packet; 0 if there is none."""
        keyframes = np.flatnonzero(np.array(self.keyframes, bool) & np.array(self.shown, bool))
        return int(keyframes[0]) if len(keyframes) else 0

    def shown_pts(self) -> Int64s:
        """Return the pts of all shown packets, in stored order."""
        times: Int64s = np.array(self.times, np.int64)[np.array(self.shown, bool)]
        return times

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


def has_reliable_pts(
    packets: PacketTable, decoded: Sequence[int | None], *, reorders: bool, delay: int
) -> bool:
    """Return whether the packets' pts are the times at which their frames are shown.

    They are not if a pts is missing or occurs twice, if the first decoded frames come in a
    different order, or if a film with reordered frames has only dts. They are not in AVI with
    reordered frames either: AVI stores only the decoding order, and pts derived from it come out
    shuffled (https://github.com/vapoursynth/bestsource/issues/91).

    Args:
        packets: All packets of the film.
        decoded: Packet numbers of the first decoded frames.
        reorders: Whether the codec may store frames in a different order than it shows them.
        delay: Number of frames the decoder holds back for reordering.
    """
    times = packets.shown_pts()
    if len(times) == 0 or bool(np.any(times == NO_PTS)) or len(np.unique(times)) != len(times):
        return False
    if decoded[0] is None or decoded != packets.order(decoded[0])[: len(decoded)].tolist():
        return False
    if not reorders or all(packets.keyframes) or packets.container.startswith(STORES_PTS):
        return True
    return packets.container != "avi" and (delay == 0 or packets.times != packets.decode_times)


def timeline_from_pts(packets: PacketTable, first_number: int) -> Timeline:
    """Return the timeline of packets with reliable pts; `first_number` is the first shown one."""
    order = packets.order(first_number)
    pts = np.array(packets.times, np.int64)[order]
    durations = np.array(packets.durations, np.int64)[order]
    if packets.container.startswith(STORES_PTS):
        keyframes = np.array(packets.keyframes, bool)[order]
        return Timeline(pts, durations, np.union1d(pts[keyframes], pts[:1]), packets.time_base)
    return _packet_timeline(packets, order, pts, durations)


def timeline_from_decoding(
    packets: PacketTable, decoded: Sequence[int | None], rate: Fraction
) -> Timeline:
    """Return the timeline of a film with unreliable pts, from a full decode.

    Args:
        packets: All packets of the film.
        decoded: Packet number of every frame in display order; None if the decoder did not say.
        rate: Frames per second.
    """
    numbers = np.array([-1 if number is None else number for number in decoded], np.int64)
    step = max(Fraction(1) / (rate * packets.time_base), Fraction(1))
    if bool(np.any(numbers < 0)) or len(np.unique(numbers)) != len(numbers):
        pts = retime.evenly_spaced(len(numbers), Fraction(0), step)
        return Timeline(
            pts,
            _durations(pts),
            pts[:1],
            packets.time_base,
            seekable=False,
            restarts=tuple(packets.restarts),
        )
    pts = _frame_pts(packets, numbers, step)
    return _packet_timeline(packets, numbers, pts, _durations(pts))


def _frame_pts(packets: PacketTable, numbers: Int64s, step: Fraction) -> Int64s:
    """Return the pts of the frames of these packets, as far as the container tells.

    The packets' own pts are used if they rise and are not made up (AVI has none). Otherwise the
    k-th frame shown gets the k-th dts, which keeps gaps; not in broadcast containers, where
    decoding starts before the first frame is shown. Otherwise the pts that exist are repaired, or
    frames are counted at the film's rate.
    """
    shown_at = np.array(packets.times, np.int64)[numbers]
    stored_at = np.sort(np.array(packets.decode_times, np.int64)[numbers])
    if packets.container == "avi":
        shown_at = np.full_like(shown_at, NO_PTS)
    candidates = (shown_at,) if packets.container in BROADCAST_CONTAINERS else (shown_at, stored_at)
    for times in candidates:
        if bool(np.all(times != NO_PTS)) and bool(np.all(np.diff(times) > 0)):
            return times
    guessed = packets.container == "mpeg"
    return retime.repair_pts(shown_at, shown_at != NO_PTS, step, guessed=guessed)


def _durations(pts: Int64s) -> Int64s:
    return np.append(np.diff(pts), np.diff(pts)[-1:] if len(pts) > 1 else 0)


def _packet_timeline(
    packets: PacketTable, numbers: Int64s, pts: Int64s, durations: Int64s
) -> Timeline:
    """Return a timeline whose keyframes are those that can be found again in the file.

    Decoding can start at a keyframe if every frame shown after it is also stored after it.
    """
    nothing_earlier = np.minimum.accumulate(numbers[::-1])[::-1] >= numbers
    keyframes = np.array(packets.keyframes, bool)[numbers] & nothing_earlier
    keyframes[0] = True
    places = np.flatnonzero(keyframes)
    anchors = _find_anchors(packets, numbers[places])
    found = anchors[:, 0] >= 0
    found[0] = True
    return Timeline(
        pts,
        durations,
        pts[places[found]],
        packets.time_base,
        seekable=int(found.sum()) > 1,
        stored=StoredPackets(numbers, anchors[found]),
        restarts=tuple(packets.restarts),
    )


def _find_anchors(packets: PacketTable, numbers: Int64s) -> Int64s:
    """Return rows of `Stored.anchors` for packets; -1 for those that cannot be found again."""
    offsets, sizes, decode_times = (
        np.array(values, np.int64)
        for values in (packets.offsets, packets.sizes, packets.decode_times)
    )
    by_bytes = packets.container.startswith(BYTE_ADDRESSED)
    places = offsets if by_bytes else decode_times
    findable = places >= 0 if by_bytes else places != NO_PTS
    order = np.lexsort((sizes, places))
    twins = (np.diff(places[order]) == 0) & (np.diff(sizes[order]) == 0)
    findable[order[1:][twins]] = findable[order[:-1][twins]] = False
    candidates = np.flatnonzero(findable)
    rows: Int64s = np.full((len(numbers), 4), -1, np.int64)
    if len(candidates):
        nearest = candidates[np.maximum(candidates.searchsorted(numbers, "right") - 1, 0)]
        fits = (nearest <= numbers) & (numbers - nearest <= ANCHOR_REACH)
        columns = (nearest, offsets[nearest], sizes[nearest], decode_times[nearest])
        rows[fits] = np.stack(columns, axis=1)[fits]
    return rows
