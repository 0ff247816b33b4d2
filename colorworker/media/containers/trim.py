"""Trim the packets and chapters of a source's other streams to an excerpt of its film."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from colorworker.domain.timeline import Timeline
from colorworker.media.containers.outputtrack import AnyPacket

END_OF_TIME = Fraction(1 << 40)
"""Later than any chapter, in seconds."""


@dataclass(frozen=True)
class TrimRange:
    """The time range of an excerpt, start <= time < end, in seconds of the source's clock."""

    start: Fraction
    end: Fraction

    def clip_packet(self, packet: AnyPacket) -> bool:
        """Return whether a packet belongs to the range; overlapping subtitles are clipped to it.

        Audio begins with the first packet that starts inside, so up to one packet late.
        """
        time_base = packet.time_base
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None or not packet.size:
            return not packet.size
        begins = pts * time_base
        if packet.stream.type != "subtitle" or not packet.duration:
            return self.start <= begins < self.end
        ends = (pts + packet.duration) * time_base
        if ends <= self.start or begins >= self.end:
            return False
        first = max(pts, -(-self.start // time_base))
        packet.duration = int(min(pts + packet.duration, self.end // time_base) - first)
        packet.pts = packet.dts = int(first)
        return True

    def clip_chapters(self, chapters: Iterable[Any]) -> list[Any]:
        """Return the chapters that overlap the range, clipped to it, with times from its start."""
        found = []
        for chapter in chapters:
            start, end = (
                min(max(chapter[name] * chapter["time_base"], self.start), self.end) - self.start
                for name in ("start", "end")
            )
            if end > start:
                ticks = {
                    "start": round(start / chapter["time_base"]),
                    "end": round(end / chapter["time_base"]),
                }
                found.append({**chapter, **ticks})
        return found


def trim_range(part: Timeline) -> TrimRange:
    """Return the range from the start of the first frame to the end of the last."""
    last = int(part.pts[-1] + max(1, part.durations[-1]))
    return TrimRange(int(part.pts[0]) * part.time_base, last * part.time_base)


def shifted_range(timeline: Timeline) -> TrimRange | None:
    """Return the range from a film's first frame on if that is shown before 0, otherwise None."""
    start = int(timeline.pts[0]) * timeline.time_base
    return TrimRange(start, END_OF_TIME) if start < 0 else None
