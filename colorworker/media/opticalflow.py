"""Where each pixel goes between two pictures, and whether it can still be seen there.

A flow is float32 (h, w, 2): how many pixels to the right and down each pixel of one picture lies
in another of the same size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

# Of the whole process: pictures are so small that OpenCV's other threads only wait, on a busy core.
# Colors are the same with any number; a frame's took 7.0 ms of CPU at 480p with two, 4.8 with one.
cv2.setNumThreads(1)

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Shape = tuple[int, ...]
"""Height and width."""

MIN_SIDE = 16
"""Of a picture: the coarsest scale of the flow needs 12 pixels."""
_TOLERANCE_SHARE = 0.01
_TOLERANCE = 0.5
_LOST = 0.1
"""Trust below which a pixel's motion counts for nothing, and it is taken to have stayed."""
_STAYED = 0.02
"""Trust in that."""
_CHANNELS = 4
_CONTRAST = 48.0
"""Standard deviation that luma is brought to, in codes."""
_LEAST_CONTRAST = 0.35
"""Below this, 4 in L*, grain would be brought up with the picture."""


@dataclass(frozen=True)
class FlowPath:
    """Where each pixel of a picture lies in another one of its shot."""

    flow: Floats
    """(h, w, 2)."""
    trust: Floats
    """In that, (h, w) in [0, 1]."""


class FlowEstimator:
    """Gives the flow between two pictures; for one thread, and remembers none of them."""

    def __init__(self, *, fine: bool = False) -> None:
        """Estimate motion in two thirds of the time, or `fine`, as OpenCV's medium preset does."""
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        if not fine:
            self._dis.setPatchStride(4)
            self._dis.setGradientDescentIterations(12)
            self._dis.setVariationalRefinementIterations(3)

    def __call__(self, one: Codes, other: Codes) -> Floats:
        """Return the flow from one picture to the other, (h, w, 2).

        Args:
            one: Luma (h, w), sides of at least `MIN_SIDE`.
            other: Of the same shape.

        Source:
            Kroeger, Timofte, Dai and Van Gool, "Fast optical flow using dense inverse search"
            (ECCV 2016), OpenCV's implementation; its result does not depend on the threads.
        """
        return np.asarray(self._dis.calc(one, other, None), np.float32)


def visible_mask(forward: Floats, backward: Floats) -> npt.NDArray[np.bool_]:
    """Return the pixels of a picture that another one shows too, (h, w).

    Args:
        forward: Flow from the picture to the other.
        backward: Flow from the other back.

    Source:
        Sundaram, Brox and Keutzer (ECCV 2010), eq. 5:
        |forward + backward|^2 < 0.01 (|forward|^2 + |backward|^2) + 0.5, as in Lai et al. 2018,
        with pixels that leave the picture counted as hidden.
    """
    at = target_positions(forward)
    height, width = forward.shape[:2]
    across, down = at
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    back = sample(backward, at)
    gap = _squared(forward + back)
    size = _squared(forward) + _squared(back)
    return np.asarray(inside & (gap < _TOLERANCE_SHARE * size + _TOLERANCE), np.bool_)


def _squared(flow: Floats) -> Floats:
    # A product of matrices adds pairs four times as fast as a sum over the last axis.
    squares: Floats = (flow * flow).reshape(-1, 2) @ np.ones(2, np.float32)
    return squares.reshape(flow.shape[:2])


def target_positions(flow: Floats) -> Floats:
    """Return where each pixel lies in the other picture: its column and its row, (2, h, w)."""
    column, row = _pixels(*flow.shape[:2])
    at = np.empty((2, *flow.shape[:2]), np.float32)
    np.add(flow[..., 0], column, out=at[0])
    np.add(flow[..., 1], row, out=at[1])
    return at


def _pixels(height: int, width: int) -> tuple[Floats, Floats]:
    """Return the columns, (w,), and the rows, (h, 1), of a picture."""
    return np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]


def sample(image: Floats, at: Floats) -> Floats:
    """Return an image's values at places, interpolated linearly; outside, the nearest border's.

    Args:
        image: (h, w) or (h, w, n).
        at: From `places`, (2, h', w').

    Returns:
        float32 (h', w') or (h', w', n).
    """
    values = cv2.remap(image, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # OpenCV drops an axis of one channel.
    return np.asarray(values, np.float32).reshape(*at.shape[1:], *image.shape[2:])


def estimate_paths(estimator: FlowEstimator, one: Codes, other: Codes) -> tuple[FlowPath, FlowPath]:
    """Return the paths from one picture to the other, and back: trusted where they agree."""
    there, back = estimator(one, other), estimator(other, one)
    return (
        FlowPath(there, visible_mask(there, back).astype(np.float32)),
        FlowPath(back, visible_mask(back, there).astype(np.float32)),
    )


def identity_path(shape: Shape) -> FlowPath:
    """Return the path on which every pixel stays where it is."""
    return FlowPath(np.zeros((*shape, 2), np.float32), np.ones(shape, np.float32))


def compose(first: FlowPath, then: FlowPath) -> FlowPath:
    """Return the path from the picture where `first` begins to that where `then` ends."""
    at = target_positions(first.flow)
    return FlowPath(first.flow + sample(then.flow, at), first.trust * sample(then.trust, at))


def upscale(path: FlowPath, shape: Shape) -> tuple[Floats, Floats]:
    """Return the places that a path leads to, and the trust in them, for larger pictures.

    Pixels whose motion was lost are said to have stayed where they are, with little trust.

    Args:
        path: Of any size.
        shape: (h, w) of both pictures.

    Returns:
        Places for `sampled`, (2, h, w); trust, (h, w).
    """
    height, width = shape
    rows, columns = path.trust.shape
    column, row = _pixels(height, width)
    found = (path.trust >= _LOST).astype(np.float32)
    at = np.empty((2, height, width), np.float32)
    for plane, motion, scale, start in (
        (at[0], path.flow[..., 0], width / columns, column),
        (at[1], path.flow[..., 1], height / rows, row),
    ):
        # A plane alone is enlarged in a third of the time of two together.
        cv2.resize(motion * found * np.float32(scale), (width, height), dst=plane)
        plane += start
    trust = cv2.resize(np.maximum(path.trust * found, np.float32(_STAYED)), (width, height))
    return at, np.asarray(trust, np.float32)


def pack_channels(planes: Sequence[Floats]) -> list[Floats]:
    """Return planes (h, w) by fours for `carried`, (h, w, 4) each, the last filled up with zeros.

    OpenCV samples four channels in the time of one; three take twice as long.
    """
    filled = [*planes, *[np.zeros_like(planes[0])] * (-len(planes) % _CHANNELS)]
    return [cv2.merge(filled[at : at + _CHANNELS]) for at in range(0, len(filled), _CHANNELS)]


def warp(layers: Sequence[Floats], at: Floats) -> list[Floats]:
    """Return the planes of `layered` at places, as `sampled` does; with those of zeros."""
    return [plane for layer in layers for plane in cv2.split(sample(layer, at))]


def resize(image: Floats, shape: Shape) -> Floats:
    """Return an image (h, w) larger by interpolation or smaller by area means."""
    smaller = shape[0] < image.shape[0]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=kind), np.float32)


def resize_channels(image: Floats, shape: Shape) -> Floats:
    """Return an image (h, w, n) of any n at another size, interpolated linearly."""
    return np.asarray(cv2.resize(image, (shape[1], shape[0])), np.float32)


def normalize_contrast(look: Floats) -> Codes:
    """Return a picture for the estimator, its contrast made that of all others.

    Args:
        look: Luma about its mean in units of 11 in L*, see `color.temporal.normalize_luma`.
    """
    gain = _CONTRAST / max(float(look.std()), _LEAST_CONTRAST)
    codes: Codes = np.clip(look * np.float32(gain) + 128, 0, 255).astype(np.uint8)
    return codes
