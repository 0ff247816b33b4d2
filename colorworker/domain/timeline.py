"""Timelines of films: when each frame is shown, and where decoding can begin."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from colorworker.errors import SourceDamaged


@dataclass(frozen=True)
class StoredPackets:
    """The packet of each frame, for containers in which timestamps are not enough to seek.

    Packets are numbered from 0 in the order in which they are stored.

    Attributes:
        packets: int64 (n,), number of each frame's packet, in display order.
        anchors: int64 (k, 4), one row per keyframe of the timeline: number, byte offset, size in
            bytes and decoding time of the packet to seek to, which is the keyframe's own packet or
            one shortly before it.
    """

    packets: npt.NDArray[np.int64]
    anchors: npt.NDArray[np.int64]


class Restart(NamedTuple):
    """A place where the clock of a container goes back, as in recordings that were joined."""

    added: int
    """Ticks by which times after this place, up to the next one, exceed the container's."""
    offset: int = -1
    """Byte offset of the first packet of the film after it; -1 if unknown."""


@dataclass(frozen=True)
class Timeline:
    """Presentation times of a film's frames, in stream ticks.

    Attributes:
        pts: int64 (n,), strictly increasing, one per frame that the decoder outputs.
        durations: int64 (n,), ticks per frame; 0 where the container does not give one.
        keyframes: int64 (k,), strictly increasing subset of `pts` at which decoding can begin; it
            always contains the first frame's pts.
        time_base: Seconds per tick.
        seekable: False if frames can only be reached by decoding from the film's start.
        stored: How to find frames in containers whose timestamps are missing or wrong; None where
            `pts` are the container's own.
        restarts: The places where the container's clock goes back; `pts` keep increasing there.
    """

    pts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    keyframes: npt.NDArray[np.int64]
    time_base: Fraction
    seekable: bool = True
    stored: StoredPackets | None = None
    restarts: tuple[Restart, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pts", "keyframes"):
            values = getattr(self, name)
            if len(values) == 0 or bool(np.any(np.diff(values) <= 0)):
                raise SourceDamaged(
                    "timeline",
                    f"{name} must be strictly increasing and not empty, {len(values)} given",
                )
        if len(self.durations) != len(self.pts):
            raise SourceDamaged(
                "timeline", f"{len(self.durations)} durations for {len(self.pts)} frames"
            )
        if self.stored is not None and (
            len(self.stored.packets) != len(self.pts)
            or self.stored.anchors.shape != (len(self.keyframes), 4)
        ):
            raise SourceDamaged(
                "timeline",
                f"{len(self.stored.packets)} packets for {len(self.pts)} frames and"
                f" {len(self.stored.anchors)} anchors for {len(self.keyframes)} keyframes",
            )

    def between(self, start_pts: int, end_pts: int | None) -> npt.NDArray[np.int64]:
        """Return the pts with start_pts <= pts < end_pts; no upper limit if end_pts is None."""
        first = int(np.searchsorted(self.pts, start_pts))
        last = len(self.pts) if end_pts is None else int(np.searchsorted(self.pts, end_pts))
        return self.pts[first:last]

    @property
    def seconds(self) -> float:
        """Duration in seconds, including the last frame's."""
        return float((self.pts[-1] - self.pts[0] + self.durations[-1]) * self.time_base)


def timeline_to_bytes(timeline: Timeline) -> bytes:
    """Return the timeline as a compressed npz without pickles."""
    stored = timeline.stored
    found: dict[str, Any] = {} if stored is None else vars(stored)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        pts=timeline.pts,
        durations=timeline.durations,
        keyframes=timeline.keyframes,
        time_base=np.array(timeline.time_base.as_integer_ratio(), np.int64),
        seekable=np.array(timeline.seekable),
        restarts=np.array(timeline.restarts, np.int64).reshape(-1, 2),
        **found,
    )
    return buffer.getvalue()


def timeline_from_bytes(data: bytes) -> Timeline:
    """Return the timeline that `timeline_to_bytes` wrote.

    Raises:
        ValueError: If an array is pickled.
        SourceDamaged: If the values do not form a timeline.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        numerator, denominator = (int(value) for value in arrays["time_base"])
        return Timeline(
            arrays["pts"],
            arrays["durations"],
            arrays["keyframes"],
            Fraction(numerator, denominator),
            bool(arrays["seekable"]),
            StoredPackets(arrays["packets"], arrays["anchors"]) if "packets" in arrays else None,
            tuple(Restart(*each) for each in arrays["restarts"].reshape(-1, 2).tolist()),
        )
