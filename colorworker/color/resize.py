"""Resize small arrays: smaller by area means, larger by interpolation; half-pixel centers."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def resize(image: Floats, height: int, width: int) -> Floats:
    """Return (H, W) or (H, W, C) at another size: smaller by area means, larger by interpolation.

    Raises:
        ValueError: If the new size is empty.
    """
    smaller = downscale_by_area(image, min(height, image.shape[0]), min(width, image.shape[1]))
    return interpolate_bilinear(smaller, height, width)


def downscale_by_area(image: Floats, height: int, width: int) -> Floats:
    """Return the mean over the area that each new pixel covers, fractions of pixels included.

    Args:
        image: (H, W) or (H, W, C) with H >= height and W >= width.
        height: New height.
        width: New width.

    Raises:
        ValueError: If the new size is empty or larger than the image.
    """
    _check(image, height, width)
    if height > image.shape[0] or width > image.shape[1]:
        raise ValueError(f"downscale_by_area cannot enlarge {image.shape[:2]} to {(height, width)}")
    return _area_axis(_area_axis(np.asarray(image, np.float32), height, 0), width, 1)


def interpolate_bilinear(image: Floats, height: int, width: int) -> Floats:
    """Return the image interpolated at the centers of the new pixels; its border is repeated.

    Meant for upscaling. It does not average when it makes an image smaller.

    Args:
        image: (H, W) or (H, W, C).
        height: New height.
        width: New width.

    Raises:
        ValueError: If the new size is empty.
    """
    _check(image, height, width)
    # Columns first: the array is still small then, and whole rows are copied afterwards.
    return _linear_axis(_linear_axis(image, width, 1), height, 0)


def broadcast_along(values: Floats, axis: int, dimensions: int) -> Floats:
    """Return a vector reshaped to broadcast along one axis of an array."""
    return values.reshape([-1 if each == axis else 1 for each in range(dimensions)])


def _check(image: Floats, height: int, width: int) -> None:
    if height < 1 or width < 1 or image.size == 0:
        raise ValueError(f"cannot resize {image.shape[:2]} to {(height, width)}")


def _area_axis(image: Floats, size: int, axis: int) -> Floats:
    """Return area means along an axis: differences of the running sum at the new borders."""
    length = image.shape[axis]
    if size == length:
        return image
    # In float32 a running sum over a long axis would lose small differences.
    total = image.cumsum(axis, np.float64)
    borders = np.arange(1, size + 1) * (length / size)
    below = np.minimum(borders.astype(np.intp), length - 1)
    part = broadcast_along((borders - below).astype(np.float32), axis, image.ndim)
    at_border = np.take(total, below, axis)
    # The sum up to a border includes only part of the pixel that the border cuts.
    at_border -= (1 - part) * np.take(image, below, axis)
    means = np.diff(at_border, axis=axis, prepend=0) * (size / length)
    return np.ascontiguousarray(means, np.float32)


def _linear_axis(image: Floats, size: int, axis: int) -> Floats:
    length = image.shape[axis]
    if size == length:
        return image
    centers = np.clip((np.arange(size) + 0.5) * (length / size) - 0.5, 0, length - 1)
    low = centers.astype(np.intp)
    part = broadcast_along((centers - low).astype(np.float32), axis, image.ndim)
    near = np.take(image, low, axis)
    mixed: Floats = np.take(image, np.minimum(low + 1, length - 1), axis)
    mixed -= near
    mixed *= part
    mixed += near
    return mixed
