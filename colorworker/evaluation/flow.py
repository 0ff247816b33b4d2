"""Where each pixel went between two frames, and whether it can still be seen there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import Floats
from colorworker.errors import DependencyMissing

try:
    import cv2
except ModuleNotFoundError as error:
    raise DependencyMissing(
        "opencv-python-headless",
        "is not installed, and evaluation takes optical flow from it",
        "Install it: pip install 'colorworker[evaluate]'",
    ) from error

MIN_SIDE = 16
"""Of a frame: the coarsest scale of the flow needs 12 pixels."""
_TOLERANCE_SHARE = 0.01
_TOLERANCE = 0.5


@dataclass(frozen=True)
class Motion:
    """From one frame to the next."""

    flow: Floats
    """Pixels to the right and down by which each pixel of the earlier frame moves, (H, W, 2)."""
    visible: npt.NDArray[np.bool_]
    """Pixels of the earlier frame that the later one shows too, (H, W)."""


class MotionEstimator:
    """Gives the motion from the frame before to this one; keeps one frame."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._previous: npt.NDArray[np.uint8] | None = None

    def __call__(self, lightness: Floats) -> Motion | None:
        """Return the motion to the frame with this true L*; None for the first.

        Args:
            lightness: L* in [0, 100], (H, W), sides of at least `MIN_SIDE`.

        Raises:
            ValueError: If the frame is too small, or not of the previous one's size.

        Source:
            Flow: Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse
            search" (ECCV 2016), OpenCV's implementation. Visibility: Sundaram, Brox and Keutzer
            (ECCV 2010), eq. 5: |forward + backward|^2 < 0.01 (|forward|^2 + |backward|^2) + 0.5,
            as in Lai et al. 2018, with pixels that leave the picture counted as hidden.
        """
        if min(lightness.shape) < MIN_SIDE:
            raise ValueError(f"frames of {lightness.shape}, at least {MIN_SIDE} a side are needed")
        now = np.rint(np.clip(lightness, 0, 100) * np.float32(2.55)).astype(np.uint8)
        before, self._previous = self._previous, now
        if before is None:
            return None
        if before.shape != now.shape:
            raise ValueError(f"a frame of {now.shape} follows one of {before.shape}")
        forward = np.asarray(self._dis.calc(before, now, None), np.float32)
        backward = np.asarray(self._dis.calc(now, before, None), np.float32)
        return Motion(forward, _visible(forward, backward))

    def cut(self) -> None:
        """Forget the previous frame: a new shot begins."""
        self._previous = None


def warped(image: Floats, motion: Motion) -> Floats:
    """Return the later frame's values where each pixel of the earlier one went, (H, W, C).

    Interpolated linearly; what lies outside is the nearest border pixel, and not visible.
    """
    return _sampled(image, _places(motion.flow))


def _visible(forward: Floats, backward: Floats) -> npt.NDArray[np.bool_]:
    places = _places(forward)
    height, width = forward.shape[:2]
    inside = (
        (places[..., 0] >= 0)
        & (places[..., 0] <= width - 1)
        & (places[..., 1] >= 0)
        & (places[..., 1] <= height - 1)
    )
    back = _sampled(backward, places)
    gap = ((forward + back) ** 2).sum(-1)
    size = (forward**2).sum(-1) + (back**2).sum(-1)
    return np.asarray(inside & (gap < _TOLERANCE_SHARE * size + _TOLERANCE), np.bool_)


def _places(flow: Floats) -> Floats:
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return flow + np.stack((columns, rows), -1)


def _sampled(image: Floats, places: Floats) -> Floats:
    sampled = cv2.remap(
        np.asarray(image, np.float32),
        places,
        None,
        interpolation=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    # OpenCV drops an axis of one channel.
    return np.asarray(sampled, np.float32).reshape(*places.shape[:2], -1)
