"""When every frame of a film is shown, and where decoding may begin."""

import io
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from colorworker.errors import SourceDamaged


@dataclass(frozen=True)
class Timeline:
    """Presentation times of a film's frames, in stream ticks.

    Attributes:
        pts: int64 (n,), strictly rising, one a frame that the decoder shows.
        durations: int64 (n,), ticks each frame is shown; 0 where the container does not say.
        keyframes: int64 (k,), strictly rising subset of `pts` at which decoding can begin; the
            first frame's pts is always among them.
        time_base: Seconds a tick.
        seekable: False when the container's pts cannot be trusted (missing or not rising): `pts`
            is then counted in presentation order and the film is decoded from its start only.
    """

    pts: npt.NDArray[np.int64]
    durations: npt.NDArray[np.int64]
    keyframes: npt.NDArray[np.int64]
    time_base: Fraction
    seekable: bool = True

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
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        pts=timeline.pts,
        durations=timeline.durations,
        keyframes=timeline.keyframes,
        time_base=np.array(timeline.time_base.as_integer_ratio(), np.int64),
        seekable=np.array(timeline.seekable),
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
        )
