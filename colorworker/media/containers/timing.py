"""Build a film's timeline from its packets, repairing timestamps that cannot be trusted."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from colorworker.domain.timeline import StoredPackets, Timeline
from colorworker.media.containers import retime
from colorworker.media.containers.discontinuities import BROADCAST_CONTAINERS
from colorworker.media.containers.packettable import (
    HAS_OWN_PTS,
    NO_PTS,
    STORES_PTS,
    Int64s,
    PacketTable,
)

BYTE_ADDRESSED = ("mpegts", "mpeg", "mxf", "h264", "hevc", "mpegvideo", "m4v")
"""Demuxers that can seek to any byte; the others seek to a dts through an index."""
ANCHOR_REACH = 64
"""How many packets before a keyframe are searched for one that can be found again by seeking."""
MOST_REORDERED = 16
"""Most places between where a frame is stored and where it is shown."""
FEW_WRONG, FEW_TWICE = 0.1, 0.5
"""Maximum shares of frames whose pts may be wrong for the others to be trusted: if every pts occurs
once, and if some occur twice. dts in place of pts occur once, and more of them would be wrong."""


def has_reliable_pts(
    packets: PacketTable, decoded: Sequence[int | None], *, reorders: bool, delay: bool
) -> bool:
    """Return whether the packets' pts are the times at which their frames are shown.

    They are not if a pts is missing or occurs twice, if the first decoded frames come in a
    different order, if no decoder could show the frames in their order, or if a film with reordered
    frames has only dts: muxers that were given no pts store dts in their place. They are not in AVI
    with reordered frames either: AVI stores only the decoding order, and pts derived from it come
    out shuffled (https://github.com/vapoursynth/bestsource/issues/91).

    Args:
        packets: All packets of the film.
        decoded: Packet numbers of the first decoded frames.
        reorders: Whether the codec may store frames in a different order than it shows them.
        delay: Whether the decoder holds frames back for reordering (PyAV does not say how many).
    """
    times = packets.shown_pts()
    if len(times) == 0 or bool(np.any(times == NO_PTS)) or len(np.unique(times)) != len(times):
        return False
    if decoded[0] is None:
        return False
    expected = packets.order(decoded[0])
    if packets.container.startswith(STORES_PTS):
        # A frame that does not decode is missing, but says nothing about the times.
        expected = expected[np.isin(expected, np.array(decoded, np.float64))]
    if decoded != expected[: len(decoded)].tolist():
        return False
    if not reorders or all(packets.keyframes):
        return _is_rising(times)
    if packets.container == "avi" or not _is_possible_order(times, delay):
        return False
    return not delay or not (packets.times == packets.decode_times or _is_rising(times))


def _is_possible_order(times: Int64s, delay: bool) -> bool:
    """Return whether a decoder can show frames, stored in this order, by pts."""
    moves = np.argsort(np.argsort(times)) - np.arange(len(times))
    return bool(np.abs(moves).max() <= (MOST_REORDERED if delay else 0))


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
        times = np.where(numbers < 0, NO_PTS, np.array(packets.times, np.int64)[numbers])
        pts = retime.repair_pts(times, retime.rising_times(times, times != NO_PTS), step)
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

    The packets' own pts are used if they rise and are not made up (AVI has none). If a few are
    wrong in a container that stores them, those are replaced. If many are, they are dts, and the
    k-th frame shown gets the k-th of them. Otherwise the k-th frame gets the k-th dts, which keeps
    gaps; not in broadcast containers, where decoding starts before the first frame is shown.
    Otherwise the pts that exist are repaired, or frames are counted at the film's rate.
    """
    shown_at = np.array(packets.times, np.int64)[numbers]
    if packets.container == "avi":
        shown_at = np.full_like(shown_at, NO_PTS)
    known = shown_at != NO_PTS
    if bool(np.all(known)) and _is_rising(shown_at):
        return shown_at
    trusted = retime.rising_times(shown_at, known)
    if packets.container.startswith(HAS_OWN_PTS) and bool(np.all(known)):
        are_unique = _is_rising(np.sort(shown_at))
        if trusted.sum() >= (1 - (FEW_WRONG if are_unique else FEW_TWICE)) * len(numbers):
            return retime.replace_wrong(shown_at, trusted, step)
        if are_unique:
            return np.sort(shown_at)
    stored_at = np.sort(np.array(packets.decode_times, np.int64)[numbers])
    if packets.container not in BROADCAST_CONTAINERS and _is_rising(stored_at):
        return stored_at
    return retime.repair_pts(shown_at, known, step, guessed=packets.container == "mpeg")


def _is_rising(times: Int64s) -> bool:
    return bool(np.all(times != NO_PTS)) and bool(np.all(np.diff(times) > 0))


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
        for values in (packets.offsets, packets.sizes, packets.stored_decode_times)
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
