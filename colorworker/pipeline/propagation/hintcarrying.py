"""Carry the hints of frames to the other frames of their shot.

A hinted frame says of every pixel whether it is of an object that was given a color. Other frames
are compared with it directly, as `carrying` does with references. Where a frame shows the same
pixel, it takes what was said. Elsewhere, pixels take what was said of those around them with
similar lightness: the parts of an object that turn into view get its color, and the ground that it
leaves does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.color.knowncolors import KnownColors, replace_known, spread_residuals
from colorworker.color.temporal import normalize_lightness
from colorworker.media.objecttracking import (
    Mask,
    flows_to_objects,
    separate_objects,
    with_neighbors,
    with_surroundings,
)
from colorworker.media.opticalflow import FlowEstimator, pack_channels, resize
from colorworker.pipeline.propagation.carrying import KnownPlace, flow_codes, move_layers

Floats = npt.NDArray[np.float32]

_NEAREST = 8
"""Maximum number of hinted frames that one frame takes colors from."""
_UNSURE = (0.2, 0.8)
"""Shares of an object, guessed from what is around, that count as none and as all of it."""
_LEAST = 0.02
"""Smaller weights are dropped."""


@dataclass(frozen=True)
class HintedFrame:
    """A frame with hints."""

    lightness: Floats
    """L* of the frame in [0, 100], (h, w)."""
    known: tuple[KnownColors, ...]
    """Its known colors of the same size, in the order in which they are applied."""

    @cached_property
    def luma(self) -> Floats:
        """Normalized lightness, (h, w)."""
        return normalize_lightness(self.lightness)

    @cached_property
    def layers(self) -> list[Floats]:
        """Lightness, filled objects and points, for `opticalflow.warp`."""
        return pack_channels([self.luma, *self._objects, *self._points])

    @cached_property
    def kept(self) -> Floats:
        """Share of each pixel whose color was given, (h, w)."""
        kept: Floats = np.maximum.reduce([each.weight for each in self.known])
        return kept

    @cached_property
    def objects(self) -> list[Mask]:
        """The filled objects and the surroundings of points, at the size of `flow_codes`."""
        shape = flow_codes(self.luma).shape
        around = with_surroundings(resize(self._points[2], shape))
        return separate_objects(resize(self._objects[2], shape)) + separate_objects(around)

    @property
    def _objects(self) -> Floats:
        """Chroma times weight, and weight, of all filled objects together, (3, h, w)."""
        planes = np.zeros((3, *self.lightness.shape), np.float32)
        for each in self.known:
            if not each.spreads:
                planes = replace_known(planes, _planes(each), each.weight)
        return planes

    @property
    def _points(self) -> Floats:
        """The same for points, each with the neighbors that look the same."""
        planes = np.zeros((3, *self.lightness.shape), np.float32)
        for each in self.known:
            if each.spreads:
                wide, weight = with_neighbors(_planes(each), each.weight, self.lightness)
                planes = replace_known(planes, wide, weight)
        return planes


def _planes(known: KnownColors) -> Floats:
    """Return a*, b* and 1, (3, h, w)."""
    ones = np.ones_like(known.weight)
    return np.stack([known.ab[..., 0], known.ab[..., 1], ones])


class HintCarrier:
    """A `KnownOfSequence` of the hinted frames around a segment. Not thread-safe."""

    def __init__(
        self,
        places: Callable[[], Sequence[KnownPlace]],
        load: Callable[[KnownPlace], HintedFrame | None],
        first: int,
    ) -> None:
        """Take what is known.

        Args:
            places: Returns the frames with hints; one place per frame.
            load: Returns the frame of a place, None if its hints cannot be used; of one size.
                Called when a frame is needed; the last few are kept, whatever their number.
            first: Index in the film of the segment's first frame.
        """
        self._places, self._first = places, first
        self._load = lru_cache(maxsize=2 * _NEAREST)(load)
        self._estimator = FlowEstimator()

    def is_given(self, index: int) -> bool:
        """See `KnownOfSequence`."""
        frame = self._first + index
        return any(each.frame == frame and each.reaches(frame) for each in self._places())

    def kept_at(self, index: int) -> Floats | None:
        """See `KnownOfSequence`."""
        frame = self._first + index
        own = next((each for each in self._places() if each.frame == frame), None)
        hinted = self._load(own) if own and own.reaches(frame) else None
        return hinted.kept if hinted else None

    def colors_at(self, index: int, lightness: Floats) -> Sequence[KnownColors]:
        """See `KnownOfSequence`.

        The hints of the frame itself cover those that are carried to it.
        """
        frame = self._first + index
        near = self._nearest(frame)
        own = [hinted.known for place, hinted in near if place.frame == frame]
        others = [each for each in near if each[0].frame != frame]
        found: list[KnownColors] = []
        if others:
            luma = normalize_lightness(lightness)
            moved = [
                self._carried(hinted, luma, lightness, 1 / (1 + place.distance(frame)))
                for place, hinted in others
            ]
            objects = _blended([each.objects for each in moved], "stroke")
            points = _blended([each.points for each in moved], "hint")
            found += [each for each in (objects, points) if each.weight.any()]
        return [*found, *(each for known in own for each in known)]

    def _nearest(self, frame: int) -> list[tuple[KnownPlace, HintedFrame]]:
        """Return the hinted frames to take a frame's colors from, nearest first."""
        reaching = (each for each in self._places() if each.reaches(frame))
        found: list[tuple[KnownPlace, HintedFrame]] = []
        for place in sorted(reaching, key=lambda each: (each.distance(frame), each.frame)):
            if (hinted := self._load(place)) is not None:
                found.append((place, hinted))
            if len(found) == _NEAREST:
                break
        return found

    def _carried(
        self, hinted: HintedFrame, luma: Floats, lightness: Floats, share: float
    ) -> "_Moved":
        moved, certainty = self._moved(hinted, luma)
        objects, points = moved[:3], moved[3:6]
        around = spread_residuals(lightness, np.zeros_like(objects), objects, certainty)
        objects = certainty * objects + (1 - certainty) * _decided(around)
        return _Moved((objects, share), (points * certainty, share))

    def _moved(self, hinted: HintedFrame, luma: Floats) -> tuple[Floats, Floats]:
        """Return the planes of objects and points moved to a frame, (7, h, w), and certainty.

        Each pixel follows the flow, or the objects that were searched for, whichever fits better.
        """
        frames = hinted.luma, hinted.layers, luma
        planes, certainty = move_layers(self._estimator, *frames)
        moved = np.stack(planes)
        starts = flows_to_objects(flow_codes(luma), flow_codes(hinted.luma), hinted.objects)
        if starts is not None:
            found, other_certainty = move_layers(self._estimator, *frames, starts)
            better = other_certainty > certainty
            moved = np.where(better, np.stack(found), moved)
            certainty = np.maximum(certainty, other_certainty)
        return moved, certainty


_Weighted = tuple[Floats, float]
"""Chroma times weight, and weight, (3, h, w); and a share in time."""


@dataclass(frozen=True)
class _Moved:
    """The hints of one frame in another frame."""

    objects: _Weighted
    points: _Weighted


def _decided(around: Floats) -> Floats:
    """Return guessed objects without faint ones: chroma times weight, and weight, (3, h, w)."""
    low, high = _UNSURE
    weight = np.clip((around[2] - low) / (high - low), 0, 1)
    decided: Floats = around * (weight / np.maximum(around[2], np.float32(1e-6)))
    return decided


def _blended(moved: Sequence[_Weighted], origin: Literal["hint", "stroke"]) -> KnownColors:
    """Return what several frames say of one: as certain as the most certain of them.

    Where several give a pixel a color, these are blended by distance in time.
    """
    summed = np.sum([planes * np.float32(share) for planes, share in moved], axis=0)
    weight = np.max([planes[2] for planes, _ in moved], axis=0).clip(0, 1)
    weight[weight < _LEAST] = 0
    ab = summed[:2] / np.maximum(summed[2], np.float32(1e-6))
    return KnownColors(np.moveaxis(ab, 0, -1).astype(np.float32), weight, origin)
