"""Motion between the frames of a film, estimated from the true lightness."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import Floats
from colorworker.media.opticalflow import (
    MIN_SIDE,
    FlowEstimator,
    sample,
    target_positions,
    visible_mask,
)


@dataclass(frozen=True)
class Motion:
    """Motion from one frame to the next."""

    flow: Floats
    """Displacement of each pixel of the earlier frame: right and down, in pixels, (H, W, 2)."""
    visible: npt.NDArray[np.bool_]
    """Pixels of the earlier frame that are also visible in the later one, (H, W)."""


class MotionEstimator:
    """Estimates the motion from each frame to the next; keeps one frame."""

    def __init__(self) -> None:
        self._flow = FlowEstimator(fine=True)
        self._previous: npt.NDArray[np.uint8] | None = None

    def __call__(self, lightness: Floats) -> Motion | None:
        """Return the motion to the frame with this true L*; None for the first.

        Args:
            lightness: L* in [0, 100], (H, W), sides of at least `MIN_SIDE`.

        Raises:
            ValueError: If the frame is too small or its size differs from the previous one's.
        """
        if min(lightness.shape) < MIN_SIDE:
            raise ValueError(f"frame of {lightness.shape}; each side needs at least {MIN_SIDE}")
        now = np.rint(np.clip(lightness, 0, 100) * np.float32(2.55)).astype(np.uint8)
        before, self._previous = self._previous, now
        if before is None:
            return None
        if before.shape != now.shape:
            raise ValueError(f"a frame of {now.shape} follows one of {before.shape}")
        forward = self._flow(before, now)
        return Motion(forward, visible_mask(forward, self._flow(now, before)))

    def cut(self) -> None:
        """Forget the previous frame, because a new shot begins."""
        self._previous = None


def warped(image: Floats, motion: Motion) -> Floats:
    """Return the later frame warped onto the earlier one, (H, W, C).

    Linear interpolation; positions outside take the nearest border pixel and are not visible.
    """
    return sample(image, target_positions(motion.flow))
