"""Carry known colors from the frame they were given for to other frames of its shot.

Each frame is compared directly with the one that has the colors, whatever lies between them, and
nothing is passed on from frame to frame. So a segment needs no other segment's result, colors do
not drift, and two segments agree about a frame that both see. On real clips this comes as close to
the true colors as motion added up from frame to frame (docs/decisions.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from colorworker.color.knowncolors import KnownColors
from colorworker.color.temporal import match_confidence, normalize_lightness
from colorworker.media.opticalflow import (
    Codes,
    FlowEstimator,
    estimate_paths,
    normalize_contrast,
    pack_channels,
    resize,
    smooth,
    upscale,
    warp,
)
from colorworker.pipeline.propagation.propagationsetup import flow_shape

Floats = npt.NDArray[np.float32]

_NEAREST = 4
"""Maximum number of frames that one frame takes colors from."""
_UNMATCHED = 0.01
"""Weight of time alone where several frames have colors and a pixel matches none of them."""
_OTHER_SHOT_DISTANCE = 48
"""Frames that another shot counts as being away."""
_SOFTNESS = 1 / 64
"""Standard deviation, as a share of the shorter side, by which half of the certainty is smoothed.
Single pixels match in one frame and not in the next; with softer borders they flicker less. If all
of it were smoothed, a small match would spread false color around it, such as a tail light's."""


class KnownOfSequence(Protocol):
    """The known colors of the frames of a sequence; indexes count its frames."""

    def is_given(self, index: int) -> bool:
        """Return whether colors were given for this very frame, so that it is predicted."""
        ...

    def kept_at(self, index: int) -> Floats | None:
        """Return the share of each pixel of a frame, (h, w), that must keep its given color."""
        ...

    def colors_at(self, index: int, lightness: Floats) -> Sequence[KnownColors]:
        """Return the known colors of a frame, in the order in which they are applied.

        Args:
            index: Number of the frame.
            lightness: Its L* in [0, 100], (h, w).
        """
        ...


@dataclass(frozen=True)
class KnownInTurn:
    """A `KnownOfSequence` of several: later ones are applied after earlier ones."""

    parts: tuple[KnownOfSequence, ...] = ()

    def is_given(self, index: int) -> bool:
        """See `KnownOfSequence`."""
        return any(each.is_given(index) for each in self.parts)

    def kept_at(self, index: int) -> Floats | None:
        """See `KnownOfSequence`."""
        kept = [share for each in self.parts if (share := each.kept_at(index)) is not None]
        return np.maximum.reduce(kept) if kept else None

    def colors_at(self, index: int, lightness: Floats) -> Sequence[KnownColors]:
        """See `KnownOfSequence`."""
        return [known for each in self.parts for known in each.colors_at(index, lightness)]


@dataclass(frozen=True)
class KnownPlace:
    """The frame that colors were given for, and the frames that it gives them to.

    Indexes count the frames of the film.
    """

    frame: int
    first: int
    """First frame that it gives colors to."""
    end: int | None
    """Exclusive; None for the end of the film."""

    def reaches(self, frame: int) -> bool:
        """Return whether it gives colors to a frame."""
        return self.first <= frame and (self.end is None or frame < self.end)

    def distance(self, frame: int) -> int:
        """Return how many frames it is away from a frame."""
        return abs(frame - self.frame) if self.reaches(self.frame) else _OTHER_SHOT_DISTANCE


@dataclass(frozen=True)
class KnownFrame:
    """A frame with known colors."""

    lightness: Floats
    """L* of the frame in [0, 100], (h, w)."""
    colors: KnownColors
    """Its known colors, of the same size."""

    @cached_property
    def luma(self) -> Floats:
        """Normalized lightness, (h, w)."""
        return normalize_lightness(self.lightness)

    @cached_property
    def layers(self) -> list[Floats]:
        """Lightness, and known chroma times its weight, and the weight, for `opticalflow.warp`."""
        ab, weight = self.colors.ab, self.colors.weight
        return pack_channels([self.luma, ab[..., 0] * weight, ab[..., 1] * weight, weight])


class ColorCarrier:
    """Finds the known colors of the frames of a segment. Not thread-safe."""

    def __init__(
        self,
        places: Sequence[KnownPlace],
        load: Callable[[KnownPlace], KnownFrame | None],
        first: int,
    ) -> None:
        """Take what is known.

        Args:
            places: Frames with known colors.
            load: Returns the frame of a place, None if it cannot be used; of one size and origin.
                Called when a frame is needed; the last few are kept, whatever their number.
            first: Index in the film of the segment's first frame.
        """
        self._places, self._first = places, first
        self._load = lru_cache(maxsize=2 * _NEAREST)(load)
        self._estimator = FlowEstimator()

    def is_given(self, index: int) -> bool:
        """See `KnownOfSequence`."""
        frame = self._first + index
        return any(each.frame == frame and each.reaches(frame) for each in self._places)

    def kept_at(self, index: int) -> Floats | None:
        """See `KnownOfSequence`."""
        near = self._nearest(self._first + index) if self.is_given(index) else []
        if not near or near[0][0].frame != self._first + index:
            return None
        return np.ones_like(near[0][1].lightness)

    def colors_at(self, index: int, lightness: Floats) -> Sequence[KnownColors]:
        """See `KnownOfSequence`.

        Frames that were given colors keep exactly those. For others, those of the nearest frames
        are blended by how certainly each shows a pixel, and by distance in time.
        """
        frame = self._first + index
        near = self._nearest(frame)
        if not near:
            return ()
        if near[0][0].frame == frame:
            return (near[0][1].colors,)
        luma = normalize_lightness(lightness)
        total = np.zeros((*luma.shape, 2), np.float32)
        weights, certainty = np.zeros_like(luma), np.zeros_like(luma)
        for place, known in near:
            moved, weight = self._carried(known, luma)
            share = (weight + np.float32(_UNMATCHED)) / np.float32(1 + place.distance(frame))
            share *= weight > 0
            total += moved * share[..., None]
            certainty += weight * share
            weights += share
        np.maximum(weights, np.float32(1e-9), out=weights)
        total /= weights[..., None]
        certainty /= weights
        return (KnownColors(total, certainty, near[0][1].colors.origin),)

    def _nearest(self, frame: int) -> list[tuple[KnownPlace, KnownFrame]]:
        """Return the frames to take a frame's colors from, nearest first."""
        found: list[tuple[KnownPlace, KnownFrame]] = []
        reaching = (each for each in self._places if each.reaches(frame))
        for place in sorted(reaching, key=lambda each: (each.distance(frame), each.frame)):
            if (known := self._load(place)) is not None:
                found.append((place, known))
            if len(found) == _NEAREST:
                break
        return found

    def _carried(self, known: KnownFrame, luma: Floats) -> tuple[Floats, Floats]:
        """Return a frame's colors moved to a picture, (h, w, 2), and their certainty, (h, w)."""
        moved, certainty = move_layers(self._estimator, known.luma, known.layers, luma)
        weight = np.clip(moved[2], 0, 1)
        ab = np.stack(moved[:2], -1)
        ab /= np.maximum(weight, np.float32(1e-9))[..., None]
        weight *= (certainty + smooth(certainty, min(luma.shape) * _SOFTNESS)) / 2
        return ab, weight


def move_layers(
    estimator: FlowEstimator,
    known: Floats,
    layers: Sequence[Floats],
    luma: Floats,
    starts: tuple[Floats | None, Floats | None] = (None, None),
) -> tuple[list[Floats], Floats]:
    """Return a frame's layers moved to another frame, each (h, w), and how certainly they belong.

    Args:
        estimator: Finds the motion between the two.
        known: Normalized lightness of the frame that has the layers, (h, w).
        layers: That lightness and other planes, from `opticalflow.pack_channels`.
        luma: Normalized lightness of the other frame, (h, w).
        starts: Flows from the other frame and back to start from; see `flow_codes` for their size.

    Returns:
        The planes that follow the lightness, and a certainty in [0, 1], (h, w).
    """
    path, _ = estimate_paths(estimator, flow_codes(luma), flow_codes(known), starts)
    motion, trust = upscale(path, luma.shape)
    there, *moved = warp(layers, motion)
    return moved, match_confidence(luma, there, trust)


def flow_codes(luma: Floats) -> Codes:
    """Return normalized lightness, (h, w), as luma at the size at which motion is estimated."""
    return normalize_contrast(resize(luma, flow_shape(*luma.shape)))
