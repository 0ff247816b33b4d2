"""Excerpts: a part of a single film, from one time to another, colored as a separate film."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from colorworker.domain.entries import Entry
from colorworker.domain.outputkeys import suffix_of
from colorworker.domain.shots import timecode
from colorworker.domain.timeline import Timeline
from colorworker.domain.units import Cut
from colorworker.errors import SourceUnsupported, UsageError

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+)(?:\.(\d{1,3}))?")


class Excerpt(NamedTuple):
    """The frames with start_ms <= time < end_ms.

    Times count from the film's first frame and are rounded to milliseconds, as in the shot list of
    the report.
    """

    start_ms: int
    end_ms: int | None
    """None for the film's end."""

    def __str__(self) -> str:
        end = "the end" if self.end_ms is None else timecode(self.end_ms / 1000)
        return f"{timecode(self.start_ms / 1000)} to {end}"


def parse_excerpt(start: str | None, end: str | None) -> Excerpt | None:
    """Return the excerpt between two times such as `00:01:02.500`, `1:02.5` or `62.5`.

    Raises:
        UsageError: If a time is not valid, or the end is not after the start.
    """
    if start is None and end is None:
        return None
    excerpt = Excerpt(
        0 if start is None else _milliseconds("--from", start),
        None if end is None else _milliseconds("--to", end),
    )
    if excerpt.end_ms is not None and excerpt.end_ms <= excerpt.start_ms:
        raise UsageError(
            f"--from {start or 0} --to {end}",
            "the end is not after the start",
            "Give an end that is later than the start",
        )
    return excerpt


def _milliseconds(option: str, text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{option} {text}", "is not a valid time", "Give HH:MM:SS.mmm or seconds, such as 62.5"
        )
    hours, minutes, seconds, fraction = match.groups()
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return whole * 1000 + int((fraction or "").ljust(3, "0"))


def excerpt_entries(entries: Iterable[Entry], excerpt: Excerpt) -> Iterator[Entry]:
    """Yield the entry of the single film, with an output key that contains the times.

    Raises:
        UsageError: If there is more than one source, or it is not a film.
    """
    first = list(islice(entries, 2))
    if len(first) > 1:
        raise UsageError("--from, --to", "there are several sources", "Give the path of one film")
    for entry in first:
        if not entry.outcome and entry.kind != "film":
            raise UsageError(entry.key, "is a picture, which has no times", "Give a film")
        name = _excerpt_key(entry.output_key, excerpt) if entry.output_key else ""
        yield replace(entry, output_key=name)


def _excerpt_key(key: str, excerpt: Excerpt) -> str:
    """Return the film's key with the times in it: `reel.00_01_02.500-end.mkv`."""
    extension = suffix_of(key)
    end = "end" if excerpt.end_ms is None else _short(excerpt.end_ms)
    return f"{key.removesuffix(extension)}.{_short(excerpt.start_ms)}-{end}{extension}"


def _short(milliseconds: int) -> str:
    # Some file systems do not allow colons in names.
    return timecode(milliseconds / 1000).replace(":", "_")


def clip_timeline(timeline: Timeline, excerpt: Excerpt | None, key: str) -> Timeline:
    """Return the timeline of an excerpt; the whole timeline if there is no excerpt.

    Raises:
        SourceUnsupported: If the excerpt has no frame of the film, or ends after the film.
    """
    if excerpt is None:
        return timeline
    ticks = timeline.pts - timeline.pts[0]
    doubled = ticks * timeline.time_base.numerator * 2000 + timeline.time_base.denominator
    times = doubled // (2 * timeline.time_base.denominator)
    first = int(times.searchsorted(excerpt.start_ms))
    end = len(times) if excerpt.end_ms is None else int(times.searchsorted(excerpt.end_ms))
    length_ms = round(timeline.seconds * 1000)
    if first >= end or (excerpt.end_ms or 0) > length_ms + 1:
        raise SourceUnsupported(
            key,
            f"does not have all of {excerpt}: its duration is {timecode(length_ms / 1000)}",
            "Give --from and --to times within the film",
        )
    pts = timeline.pts[first:end]
    inside = (timeline.keyframes > pts[0]) & (timeline.keyframes <= pts[-1])
    return replace(
        timeline,
        pts=pts,
        durations=timeline.durations[first:end],
        # A timeline must have a keyframe first. Decoding uses the keyframes of the whole film.
        keyframes=np.concatenate([pts[:1], timeline.keyframes[inside]]),
    )


def clip_cuts(cuts: Iterable[Cut], part: Timeline, whole: Timeline) -> list[Cut]:
    """Return the cut list of an excerpt. Cuts inside it are the same as the film's.

    Args:
        cuts: Cut list of the whole film.
        part: Timeline of the excerpt, from `clip_timeline`.
        whole: Timeline of the film.
    """
    after = int(whole.pts.searchsorted(part.pts[-1])) + 1
    end_pts = int(whole.pts[after]) if after < len(whole.pts) else None
    found = []
    for cut in cuts:
        count = len(part.between(cut.start_pts, cut.end_pts))
        if count:
            start = max(cut.start_pts, int(part.pts[0]))
            ends = [end for end in (cut.end_pts, end_pts) if end is not None]
            found.append(Cut(start, min(ends, default=None), count))
    return found
