"""When every frame of a film is shown, and where decoding may begin."""

import io
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import SourceDamaged


@dataclass(frozen=True)
class StoredPackets:
    """Which packet every frame comes from, where a container's times do not find it again.

    Packets are told by their number among the film's packets, from 0, in the order they are stored.

    Attributes:
        packets: int64 (n,), number of each frame's packet, in the order frames are shown.
        anchors: int64 (k, 4), a row for each keyframe of the timeline: number, byte offset, size in
            bytes and decoding time of the packet by which the keyframe's is found in the file; it
            is that packet itself or one shortly before it.
    """

    packets: npt.NDArray[np.int64]
    anchors: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Timeline:
    """Presentation times of a film's frames, in stream ticks.

    Attributes:
        pts: int64 (n,), strictly rising, one a frame that the decoder shows.
        durations: int64 (n,), ticks each frame is shown; 0 where the container does not say.
        keyframes: int64 (k,), strictly rising subset of `pts` at which decoding can begin; the
            first frame's pts is always among them.
        time_base: Seconds a tick.
        seekable: False when no frame can be found again but by decoding from the film's start.
        stored: How frames are found in containers without times of their own for every frame, or
            with wrong ones; None where `pts` are the container's and finds them.
        restarts: Ticks that `pts` have more than the container after each place where its clock
            goes back, so that times go on.
    """

    pts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    keyframes: npt.NDArray[np.int64]
    time_base: Fraction
    seekable: bool = True
    stored: StoredPackets | None = None
    restarts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pts", "keyframes"):
            values = getattr(self, name)
            if len(values) == 0 or bool(np.any(np.diff(values) <= 0)):
                raise SourceDamaged(
                    "timeline", f"{name} must rise strictly and not be empty, {len(values)} given"
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
        """Return the pts with start_pts <= pts < end_pts; no bound above when end_pts is None."""
        first = int(np.searchsorted(self.pts, start_pts))
        last = len(self.pts) if end_pts is None else int(np.searchsorted(self.pts, end_pts))
        return self.pts[first:last]

    @property
    def seconds(self) -> float:
        """Time from the first frame's start to the last one's, plus the last duration."""
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
        restarts=np.array(timeline.restarts, np.int64),
        **found,
    )
    return buffer.getvalue()


def timeline_from_bytes(data: bytes) -> Timeline:
    """Return the timeline that `timeline_to_bytes` wrote; pickles are refused by NumPy."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        numerator, denominator = (int(value) for value in arrays["time_base"])
        return Timeline(
            arrays["pts"],
            arrays["durations"],
            arrays["keyframes"],
            Fraction(numerator, denominator),
            bool(arrays["seekable"]),
            StoredPackets(arrays["packets"], arrays["anchors"]) if "packets" in arrays else None,
            tuple(arrays["restarts"].tolist()),
        )
