"""Optical flow between two pictures, how far it can be trusted, and warping along it.

A flow is float32 (h, w, 2): by how many pixels, to the right and down, each pixel of one picture
has moved in another picture of the same size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

# Applies to the whole process. Pictures are so small that OpenCV's other threads only busy-wait.
# Results do not depend on it; a frame at 480p took 7.0 ms of CPU with two threads, 4.8 with one.
cv2.setNumThreads(1)

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Shape = tuple[int, ...]
"""Height and width."""

MIN_SIDE = 16
"""Minimum side of a picture in pixels: the coarsest scale of the flow needs 12."""
_TOLERANCE_SHARE = 0.01
_TOLERANCE = 0.5
_MIN_TRUST = 0.1
"""Trust below which a pixel's motion is ignored, as if it had not moved."""
_UNMOVED_TRUST = 0.02
"""Trust given to such a pixel."""
_CHANNELS = 4
_CONTRAST = 48.0
"""Standard deviation, in codes, to which luma is normalized."""
_MIN_CONTRAST = 0.35
"""Pictures with less contrast (4 in L*) are amplified only as if they had this much, because grain
would be amplified too."""


@dataclass(frozen=True)
class FlowPath:
    """The motion of each pixel between two pictures of one shot, and the trust in it."""

    flow: Floats
    """Motion in pixels, (h, w, 2)."""
    trust: Floats
    """Trust in the motion, (h, w), in [0, 1]."""
    still: bool = False
    """Whether this is certainly the path without motion."""

    @cached_property
    def targets(self) -> Floats:
        """Where each pixel lies in the other picture; see `target_positions`."""
        return target_positions(self.flow)


class FlowEstimator:
    """Computes the flow between two pictures. Stateless between calls; not thread-safe."""

    def __init__(self, *, fine: bool = False) -> None:
        """Use OpenCV's medium preset if `fine`; otherwise faster settings, in 2/3 of the time."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        if not fine:
            self._dis.setPatchStride(4)
            self._dis.setGradientDescentIterations(12)
            self._dis.setVariationalRefinementIterations(3)

    def __call__(self, one: Codes, other: Codes, start: Floats | None = None) -> Floats:
        """Return the flow from one picture to the other, (h, w, 2).

        Args:
            one: Luma (h, w), with sides of at least `MIN_SIDE`.
            other: Luma of the same shape.
            start: Flow to start from, (h, w, 2). None: no motion.

        Source:
            Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse search"
            (ECCV 2016), OpenCV's implementation. The result does not depend on threads.
        """
        return np.asarray(
            self._dis.calc(one, other, None if start is None else start.copy()), np.float32
        )


def visible_mask(forward: Floats, backward: Floats) -> npt.NDArray[np.bool_]:
    """Return which pixels of a picture are also visible in the other one, bool (h, w).

    Args:
        forward: Flow from the picture to the other, (h, w, 2).
        backward: Flow from the other picture back, (h, w, 2).

    Source:
        Sundaram, Brox and Keutzer (ECCV 2010), eq. 5:
        |forward + backward|^2 < 0.01 (|forward|^2 + |backward|^2) + 0.5, as in Lai et al. 2018,
        where pixels that leave the picture count as hidden.
    """
    return _returns(forward, target_positions(forward), backward)


def _returns(forward: Floats, at: Floats, backward: Floats) -> npt.NDArray[np.bool_]:
    """Return what `visible_mask` does, given the target positions of `forward`."""
    height, width = forward.shape[:2]
    across, down = at
    seen = across >= 0
    seen &= across <= width - 1
    seen &= down >= 0
    seen &= down <= height - 1
    there, back = _split(forward), _split(sample(backward, at))
    allowed = _squared_length(there)
    allowed += _squared_length(back)
    allowed *= _TOLERANCE_SHARE
    allowed += _TOLERANCE
    there += back
    seen &= _squared_length(there) < allowed
    return np.asarray(seen, np.bool_)


def _split(flow: Floats) -> Floats:
    """Return a flow as two planes, (2, h, w): contiguous planes are computed with much faster."""
    planes: Floats = np.empty((2, *flow.shape[:2]), np.float32)
    cv2.split(flow, list(planes))
    return planes


def _squared_length(planes: Floats) -> Floats:
    across, down = planes
    squares: Floats = across * across
    squares += down * down
    return squares


def target_positions(flow: Floats) -> Floats:
    """Return each pixel's column and row in the other picture, float32 (2, h, w)."""
    column, row = _pixel_grid(*flow.shape[:2])
    at = _split(flow)
    at[0] += column
    at[1] += row
    return at


def _pixel_grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return the column indexes, (w,), and the row indexes, (h, 1), of a picture."""
    return np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]


def sample(image: Floats, at: Floats) -> Floats:
    """Return an image's values at positions, bilinearly interpolated; border values outside.

    Args:
        image: (h, w) or (h, w, n).
        at: Columns and rows from `target_positions`, (2, h', w').

    Returns:
        float32 (h', w') or (h', w', n).
    """
    values = cv2.remap(image, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # OpenCV drops a channel axis of length 1.
    return np.asarray(values, np.float32).reshape(*at.shape[1:], *image.shape[2:])


def estimate_paths(
    estimator: FlowEstimator,
    one: Codes,
    other: Codes,
    starts: tuple[Floats | None, Floats | None] = (None, None),
) -> tuple[FlowPath, FlowPath]:
    """Return the paths from one picture to the other and back; trust is 1 where they agree."""
    there, back = estimator(one, other, starts[0]), estimator(other, one, starts[1])
    return _path(there, back), _path(back, there)


def _path(forward: Floats, backward: Floats) -> FlowPath:
    trust: Floats = np.empty(forward.shape[:2], np.float32)
    path = FlowPath(forward, trust)
    trust[:] = _returns(forward, path.targets, backward)
    return path


def identity_path(shape: Shape) -> FlowPath:
    """Return the path without motion; its trust is 1."""
    return FlowPath(np.zeros((*shape, 2), np.float32), np.ones(shape, np.float32), still=True)


def compose(first: FlowPath, then: FlowPath) -> FlowPath:
    """Return the path from the start of `first` to the end of `then`."""
    if first.still:
        return then
    flow, trust = sample(then.flow, first.targets), sample(then.trust, first.targets)
    flow += first.flow
    trust *= first.trust
    return FlowPath(flow, trust)


def upscale(path: FlowPath, shape: Shape) -> tuple[Floats, Floats]:
    """Return a path's motion, and the trust in it, at a larger picture size.

    Pixels whose motion is unreliable are treated as unmoved, with little trust.

    Args:
        path: A path at any size.
        shape: (h, w) of the larger pictures.

    Returns:
        Motion for `warp` in pixels to the right and down, (2, h, w), and trust, (h, w).
    """
    height, width = shape
    rows, columns = path.trust.shape
    found = (path.trust >= _MIN_TRUST).astype(np.float32)
    motion = np.empty((2, height, width), np.float32)
    for index, scale in enumerate((width / columns, height / rows)):
        moved = path.flow[..., index] * found
        moved *= np.float32(scale)
        # Resizing one plane at a time takes a third of the time of resizing two together.
        cv2.resize(moved, (width, height), dst=motion[index])
    trust = cv2.resize(np.maximum(path.trust * found, np.float32(_UNMOVED_TRUST)), (width, height))
    return motion, np.asarray(trust, np.float32)


def pack_channels(planes: Sequence[Floats]) -> list[Floats]:
    """Return planes (h, w) packed for `warp`: in fours, (h, w, 4), and a single last one as it is.

    OpenCV samples four channels in little more than the time of one; two or three take more than
    twice as long. So two or three last planes are padded with zeros.
    """
    fours = [list(planes[at : at + _CHANNELS]) for at in range(0, len(planes), _CHANNELS)]
    return [
        four[0]
        if len(four) == 1
        else cv2.merge([*four, *[np.zeros_like(four[0])] * (_CHANNELS - len(four))])
        for four in fours
    ]


def warp(layers: Sequence[Floats], motion: Floats) -> list[Floats]:
    """Return the planes of `pack_channels`, moved; includes the zero planes.

    Args:
        layers: From `pack_channels`.
        motion: How far away each pixel's value lies, to the right and down, (2, h, w).
    """
    planes: list[Floats] = []
    for layer in layers:
        moved = cv2.remap(
            layer,
            motion[0],
            motion[1],
            cv2.INTER_LINEAR | cv2.WARP_RELATIVE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        if layer.ndim == 2:
            planes.append(np.asarray(moved, np.float32))
            continue
        # Given arrays to fill, OpenCV copies no plane: less than half the time.
        split = list(np.empty((_CHANNELS, *moved.shape[:2]), np.float32))
        cv2.split(moved, split)
        planes += split
    return planes


def resize(image: Floats, shape: Shape) -> Floats:
    """Return an image (h, w) at another size: enlarged bilinearly, or reduced by area averages."""
    smaller = shape[0] < image.shape[0]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=kind), np.float32)


def smooth(image: Floats, deviation: float) -> Floats:
    """Return an image (h, w) smoothed by a Gaussian with this standard deviation in pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), deviation), np.float32)


def resize_channels(image: Floats, shape: Shape) -> Floats:
    """Return an image (h, w, n) with any n at another size, bilinearly interpolated."""
    return np.asarray(cv2.resize(image, (shape[1], shape[0])), np.float32)


def normalize_contrast(luma: Floats) -> Codes:
    """Return a picture for the flow estimator, uint8 (h, w), with normalized contrast.

    Args:
        luma: Luma minus its mean, in units of 11 L*; see `color.temporal.normalize_luma`.
    """
    gain = _CONTRAST / max(float(luma.std()), _MIN_CONTRAST)
    codes: Codes = np.clip(luma * np.float32(gain) + 128, 0, 255).astype(np.uint8)
    return codes
