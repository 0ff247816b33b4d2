"""From a film's packets to its timeline: which times can be trusted, and what replaces others."""

from array import array
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.packet import Packet

from colorworker.work.film import VideoInfo
from colorworker.work.timeline import Timeline

NO_REORDERING = frozenset(
    {"ffv1", "mjpeg", "dvvideo", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "prores", "magicyuv"}
)
"""Codecs that show frames in the order they are stored, so that dts is pts."""
NO_PTS = -(1 << 63)


class Packets:
    """Times of the film's packets in stored order, in compact arrays.

    `times` holds pts or NO_PTS; packets that an edit list hides are counted but have no time.
    """

    def __init__(self, time_base: Fraction) -> None:
        self.time_base = time_base
        self.times = array("q")
        self.decode_times = array("q")
        self.durations = array("q")
        self.shown = array("b")
        self.keys = array("b")

    def add(self, packet: Packet) -> None:  # type: ignore[type-arg]
        """Note a packet; empty ones (flushes, and frames dropped while recording) are none."""
        if not packet.size:
            return
        self.times.append(NO_PTS if packet.pts is None else packet.pts)
        self.decode_times.append(NO_PTS if packet.dts is None else packet.dts)
        self.durations.append(max(0, packet.duration or 0))
        self.shown.append(not packet.is_discard)
        self.keys.append(packet.is_keyframe)

    def shown_pts(self) -> npt.NDArray[np.int64]:
        """Return the pts of all packets that are shown, in stored order."""
        times: npt.NDArray[np.int64] = np.array(self.times, np.int64)
        shown: npt.NDArray[np.int64] = times[np.array(self.shown, bool)]
        return shown


def trustworthy(packets: Packets, info: VideoInfo) -> bool:
    """Return whether the pts of the packets say when their frames are shown.

    Not so when one is missing or stands twice, nor in AVI with a codec that reorders: AVI stores
    decoding order only, and pts made up from it come out shuffled
    (https://github.com/vapoursynth/bestsource/issues/91).
    """
    pts = packets.shown_pts()
    if len(pts) == 0 or bool(np.any(pts == NO_PTS)) or len(np.unique(pts)) != len(pts):
        return False
    return info.container != "avi" or info.codec in NO_REORDERING


def timeline(packets: Packets, first_pts: int | None) -> Timeline:
    """Return the timeline of trustworthy packets.

    Frames before `first_pts`, the first one the decoder shows, are leftovers of a group of
    pictures that was cut away: no decoder can show them.
    """
    shown = np.array(packets.shown, bool)
    if first_pts is not None:
        shown &= np.array(packets.times, np.int64) >= first_pts
    pts = np.array(packets.times, np.int64)[shown]
    keys = np.array(packets.keys, bool)[shown]
    order = np.argsort(pts)
    starts = np.union1d(pts[keys], pts[order[:1]])
    durations = np.array(packets.durations, np.int64)[shown][order]
    return Timeline(pts[order], durations, starts, packets.time_base)


def counted_timeline(packets: Packets, frames: int, rate: Fraction) -> Timeline:
    """Return a timeline for `frames` frames whose pts cannot be trusted.

    The k-th frame shown takes the k-th decoding time where these rise and are as many as the
    frames (so gaps stay gaps), else it is counted at the film's rate. It is one segment.
    """
    decode_times = np.array(packets.decode_times, np.int64)
    known = len(decode_times) == frames and NO_PTS not in decode_times
    if known and bool(np.all(np.diff(decode_times) > 0)):
        pts = decode_times
    else:
        step = Fraction(1) / (rate * packets.time_base)
        ticks = [round(index * max(step, Fraction(1))) for index in range(frames)]
        pts = np.array(ticks, np.int64)
    durations = np.append(np.diff(pts), np.diff(pts)[-1:] if frames > 1 else 0)
    return Timeline(pts, durations, pts[:1], packets.time_base, seekable=False)
