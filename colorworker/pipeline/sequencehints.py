"""Hints on frames of a sequence that is read once, from the first frame to the last."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.luma import ColorSpec, lightness_from_luma
from colorworker.domain.hints import ColorHint
from colorworker.media.planes import PlaneScaler
from colorworker.pipeline.givencolors import known_from_hints, stroke_filler
from colorworker.pipeline.propagation.carrying import KnownPlace
from colorworker.pipeline.propagation.hintcarrying import HintCarrier, HintedFrame
from colorworker.pipeline.propagation.propagate import LumaFrame
from colorworker.pipeline.propagation.shotboundaries import ShotStart

F = TypeVar("F")

_KEPT = 16
"""Hinted frames that are kept. A frame takes colors from half as many, the nearest ones."""


class SequenceHints:
    """Collects the hinted frames of a sequence while it is read, for `propagate_chroma`."""

    def __init__(
        self,
        hints: Mapping[int, Sequence[ColorHint]],
        colorizer: Colorizer,
        spec: ColorSpec,
        size: tuple[int, int],
    ) -> None:
        """Take the hints.

        Args:
            hints: By index of the frame, from 0.
            colorizer: Has the working shape, and tells what the network sees under strokes.
            spec: How the codes of the frames stand for lightness.
            size: (height, width) of the frames.
        """
        self._hints, self._colorizer, self._spec, self._size = hints, colorizer, spec, size
        self._scale = PlaneScaler(*colorizer.working_shape(*size))
        self._read: dict[int, HintedFrame] = {}
        self.shot_log: list[ShotStart] = []
        """Has to be given to `propagate_chroma`, so that hints stay in their shots."""
        self.carrier = HintCarrier(self._places, lambda place: self._read[place.frame], 0)

    def watch(self, frames: Iterator[LumaFrame[F]]) -> Iterator[LumaFrame[F]]:
        """Yield the frames; keep the last hinted ones."""
        for index, frame in enumerate(frames):
            if hints := self._hints.get(index):
                self._read[index] = self._hinted(frame, hints)
                if len(self._read) > _KEPT:
                    del self._read[min(self._read)]
            yield frame

    def _hinted(self, frame: LumaFrame[F], hints: Sequence[ColorHint]) -> HintedFrame:
        lightness = lightness_from_luma(self._scale(frame.luma)[None], self._spec)[0]
        filler = stroke_filler(lightness, self._colorizer)
        return HintedFrame(lightness, tuple(known_from_hints(hints, self._size, lightness, filler)))

    def _places(self) -> list[KnownPlace]:
        """Return the hinted frames that were read, each with its shot as far as it is known."""
        starts = sorted({0, *(start.index for start in self.shot_log)})
        found = []
        for frame in self._read:
            shot = bisect_right(starts, frame)
            end = starts[shot] if shot < len(starts) else None
            found.append(KnownPlace(frame, starts[shot - 1], end))
        return found
