"""From a film's packets to its timeline: which times can be trusted, and what replaces others."""

from array import array
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.domain.timeline import Stored, Timeline
from colorworker.media.containers import retime
from colorworker.media.containers.discontinuities import RUNNING_CLOCKS, Clock

Int64s = npt.NDArray[np.int64]

STORES_PTS = ("mov", "matroska", "flv", "nut", "asf", "dv", "yuv4mpegpipe")
"""Demuxers of containers that store when each frame is shown and find it again by that time. The
others store it for some packets only, or the decoding order alone, and libav guesses the rest:
after a seek otherwise than from the start, so that frames come with their neighbors' times."""
BYTE_ADDRESSED = ("mpegts", "mpeg", "mxf", "h264", "hevc", "mpegvideo", "m4v")
"""Demuxers that can be set to any byte; the others go to decoding times, by an index."""
VP8_SHOWN = 0x10
"""Bit of a VP8 packet's first byte: others are references that are never shown (RFC 6386 9.1)."""
ANCHOR_REACH = 64
"""Packets before a keyframe among which one is looked for that can be found again."""
NO_PTS = -(1 << 63)


class Packets:
    """Times and places of the film's packets in stored order, in compact arrays.

    `times` holds pts or NO_PTS; they go on where the film's clock starts anew. Packets that an edit
    list or their codec hides are not `shown`.
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
        """Ticks that are added to all times after each place where the film's clock goes back."""
        self._clock = Clock(time_base)
        self.shown = array("b")
        self.keys = array("b")

    def __len__(self) -> int:
        return len(self.times)

    def add(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Note a packet; empty ones (flushes, and frames dropped while recording) are none."""
        if not packet.size:
            return
        added = self._added(packet.dts, packet.duration or 0)
        self.times.append(NO_PTS if packet.pts is None else packet.pts + added)
        self.decode_times.append(NO_PTS if packet.dts is None else packet.dts + added)
        self.durations.append(max(0, packet.duration or 0))
        self.offsets.append(-1 if packet.pos is None else packet.pos)
        self.sizes.append(packet.size)
        hidden = packet.is_discard or (
            self.codec == "vp8" and not memoryview(packet)[0] & VP8_SHOWN
        )
        self.shown.append(not hidden)
        self.keys.append(packet.is_keyframe)

    def _added(self, decode_time: int | None, duration: int) -> int:
        """Return what makes a packet's times go on from those before."""
        before = self._clock.last
        if self.container in RUNNING_CLOCKS and self._clock.goes_back(decode_time):
            went_back = 0 if before is None or decode_time is None else before - decode_time
            self.restarts.append(sum(self.restarts[-1:]) + went_back + duration)
        return sum(self.restarts[-1:])

    @property
    def first_key(self) -> int:
        """The number of the first keyframe's packet that is shown; 0 where there is none."""
        keys = np.flatnonzero(np.array(self.keys, bool) & np.array(self.shown, bool))
        return int(keys[0]) if len(keys) else 0

    def shown_pts(self) -> Int64s:
        """Return the pts of all packets that are shown, in stored order."""
        times: Int64s = np.array(self.times, np.int64)[np.array(self.shown, bool)]
        return times

    def order(self, first_number: int) -> Int64s:
        """Return the numbers of all packets that are shown, in the order of their pts.

        Frames before that of packet `first_number`, the first one the decoder shows, are leftovers
        of a group of pictures that was cut away: no decoder can show them.
        """
        times = np.array(self.times, np.int64)
        shown = np.array(self.shown, bool) & (times >= times[first_number])
        order: Int64s = np.argsort(np.where(shown, times, np.iinfo(np.int64).max), kind="stable")
        return order[: int(shown.sum())]


def trustworthy(
    packets: Packets, decoded: Sequence[int | None], *, reorders: bool, delay: int
) -> bool:
    """Return whether the pts of the packets say when their frames are shown.

    Not so when one is missing or stands twice; when the first frames that were decoded show
    another order; when a film with reordered frames has nothing but decoding times; nor in AVI
    with such frames, which stores decoding order only, so that pts made up from it come out
    shuffled (https://github.com/vapoursynth/bestsource/issues/91).

    Args:
        packets: All of the film.
        decoded: Numbers of the packets of the first frames that the decoder gave.
        reorders: Whether frames may be stored in another order than they are shown in.
        delay: Frames that the decoder holds back to bring others into order.
    """
    times = packets.shown_pts()
    if len(times) == 0 or bool(np.any(times == NO_PTS)) or len(np.unique(times)) != len(times):
        return False
    if decoded[0] is None or decoded != packets.order(decoded[0])[: len(decoded)].tolist():
        return False
    if not reorders or all(packets.keys) or packets.container.startswith(STORES_PTS):
        return True
    return packets.container != "avi" and (delay == 0 or packets.times != packets.decode_times)


def timeline(packets: Packets, first_number: int) -> Timeline:
    """Return the timeline of trustworthy packets, whose first shown one is `first_number`."""
    order = packets.order(first_number)
    pts = np.array(packets.times, np.int64)[order]
    durations = np.array(packets.durations, np.int64)[order]
    if packets.container.startswith(STORES_PTS):
        keys = np.array(packets.keys, bool)[order]
        return Timeline(pts, durations, np.union1d(pts[keys], pts[:1]), packets.time_base)
    return _found_by_packet(packets, order, pts, durations)


def counted_timeline(packets: Packets, decoded: Sequence[int | None], rate: Fraction) -> Timeline:
    """Return a timeline for frames whose pts cannot be trusted, each known by its packet.

    Args:
        packets: All of the film.
        decoded: Number of the packet of every frame, in the order they are shown; None where the
            decoder did not say.
        rate: Frames a second.
    """
    numbers = np.array([-1 if number is None else number for number in decoded], np.int64)
    step = max(Fraction(1) / (rate * packets.time_base), Fraction(1))
    if bool(np.any(numbers < 0)) or len(np.unique(numbers)) != len(numbers):
        pts = retime.counted(len(numbers), Fraction(0), step)
        return Timeline(
            pts,
            _durations(pts),
            pts[:1],
            packets.time_base,
            seekable=False,
            restarts=tuple(packets.restarts),
        )
    pts = _times(packets, numbers, step)
    return _found_by_packet(packets, numbers, pts, _durations(pts))


def _times(packets: Packets, numbers: Int64s, step: Fraction) -> Int64s:
    """Return when the frames of these packets are shown, as far as the container tells.

    They take their packets' pts where these rise after all and are not made up (AVI has none);
    else the k-th frame shown takes the k-th decoding time (so gaps stay gaps), but not in broadcast
    containers, whose decoding begins before the first frame is shown; else what pts there are is
    evened out, or frames are counted.
    """
    shown_at = np.array(packets.times, np.int64)[numbers]
    stored_at = np.sort(np.array(packets.decode_times, np.int64)[numbers])
    if packets.container == "avi":
        shown_at = np.full_like(shown_at, NO_PTS)
    candidates = (shown_at,) if packets.container in RUNNING_CLOCKS else (shown_at, stored_at)
    for times in candidates:
        if bool(np.all(times != NO_PTS)) and bool(np.all(np.diff(times) > 0)):
            return times
    guessed = packets.container == "mpeg"
    return retime.even_out(shown_at, shown_at != NO_PTS, step, guessed=guessed)


def _durations(pts: Int64s) -> Int64s:
    return np.append(np.diff(pts), np.diff(pts)[-1:] if len(pts) > 1 else 0)


def _found_by_packet(packets: Packets, numbers: Int64s, pts: Int64s, durations: Int64s) -> Timeline:
    """Return a timeline whose keyframes are those of the packets that can be found in the file.

    Decoding begins at a keyframe if all that is shown after it is stored after it too.
    """
    nothing_earlier = np.minimum.accumulate(numbers[::-1])[::-1] >= numbers
    keys = np.array(packets.keys, bool)[numbers] & nothing_earlier
    keys[0] = True
    places = np.flatnonzero(keys)
    anchors = _anchors(packets, numbers[places])
    found = anchors[:, 0] >= 0
    found[0] = True
    return Timeline(
        pts,
        durations,
        pts[places[found]],
        packets.time_base,
        seekable=int(found.sum()) > 1,
        stored=Stored(numbers, anchors[found]),
        restarts=tuple(packets.restarts),
    )


def _anchors(packets: Packets, numbers: Int64s) -> Int64s:
    """Return rows of `Stored.anchors` for packets; -1 as number where none can be found again."""
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
