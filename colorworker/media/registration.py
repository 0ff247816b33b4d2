"""Register two pictures of one scene: find where the pixels of one lie in the other."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LEVELS = (4, 2, 1)
"""Factors by which both pictures are reduced, one after another, while the match is refined."""
_LEAST_SIDE = 24
"""Minimum side of a reduced picture in pixels."""
_CRITERIA = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 60, 1e-5)
_BLUR = 5
_GOOD = 0.9
"""Correlation from which no other way to register is tried."""
_LEAST_COVERED = 0.25
"""Share of a picture that must lie in the other one, or the match is not trusted."""
_FLAT = 0.5
"""Standard deviation in L* below which a picture shows nothing that could be registered."""
_FEATURES = 1500
_LEAST_FEATURES = 12


@dataclass(frozen=True)
class Registration:
    """An affine map from the pixels of one picture to those of another."""

    matrix: Floats
    """(2, 3): columns and rows of the other picture from (column, row, 1) of this one."""
    correlation: float
    """Correlation of both pictures' lightness where they overlap, in [-1, 1]. 1 if this picture is
    flat, because then there is nothing to compare."""


def register(picture: Floats, other: Floats) -> Registration:
    """Return where the pixels of a picture lie in another one, which may be cropped or scaled.

    Args:
        picture: L* in [0, 100], (h, w).
        other: L* of the same scene, of any size.

    Source:
        G. Evangelidis, E. Psarakis, "Parametric image alignment using enhanced correlation
        coefficient maximization" (PAMI 2008); features are ORB (Rublee et al., ICCV 2011). Both by
        OpenCV.
    """
    stretched = stretching(picture.shape, other.shape)
    if float(picture.std()) < _FLAT:
        return Registration(stretched, 1.0)
    best = _best(picture, other, [_refined(picture, other, stretched)])
    if best.correlation < _GOOD:
        found = [_centered(picture.shape, other.shape), _from_features(picture, other)]
        refined = [_refined(picture, other, start) for start in found if start is not None]
        best = _best(picture, other, [best.matrix, stretched, *refined])
    return best


def apply_registration(
    matrix: Floats, image: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return an image moved onto the picture that it was registered to, and what it covers.

    Args:
        matrix: Of a `Registration`.
        image: (h, w, n) of the other picture, n at most 4.
        shape: (h, w) of the picture.

    Returns:
        float32 (h, w, n), the border's values continued outside; and (h, w), 1 where the image
        covers the picture and 0 elsewhere.
    """
    size, flags = (shape[1], shape[0]), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    column, row = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    at = matrix @ np.stack([column.ravel(), row.ravel(), np.ones(column.size)])
    inside = (at > -0.5) & (at < np.array([[image.shape[1] - 0.5], [image.shape[0] - 0.5]]))
    covered = np.asarray(inside.all(axis=0), np.float32).reshape(shape)
    placed: Floats = np.asarray(moved, np.float32).reshape(*shape, -1)
    return placed, covered


def correlation_of(picture: Floats, other: Floats, matrix: Floats) -> float:
    """Return the correlation of two registered pictures where they overlap; -1 if they do not."""
    moved, covered = apply_registration(matrix, other[..., None], picture.shape[:2])
    inside = covered > 0
    if inside.mean() < _LEAST_COVERED:
        return -1.0
    here, there = picture[inside], moved[..., 0][inside]
    here, there = here - here.mean(), there - there.mean()
    norm = float(np.sqrt((here * here).mean() * (there * there).mean()))
    return float((here * there).mean() / norm) if norm > 0 else 0.0


def _best(picture: Floats, other: Floats, matrices: list[Floats]) -> Registration:
    found = [Registration(each, correlation_of(picture, other, each)) for each in matrices]
    return max(found, key=lambda each: each.correlation)


def stretching(shape: tuple[int, ...], other: tuple[int, ...]) -> Floats:
    """Return the map that stretches a picture of one shape, (h, w), to another one."""
    across, down = other[1] / shape[1], other[0] / shape[0]
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]], np.float32)


def _centered(shape: tuple[int, ...], other: tuple[int, ...]) -> Floats:
    """Return the map that keeps pixels square; the other picture lies within this one."""
    scale = min(other[1] / shape[1], other[0] / shape[0])
    return np.array(
        [
            [scale, 0, (other[1] - 1 - scale * (shape[1] - 1)) / 2],
            [0, scale, (other[0] - 1 - scale * (shape[0] - 1)) / 2],
        ],
        np.float32,
    )


def _refined(picture: Floats, other: Floats, start: Floats) -> Floats:
    """Return a map refined from coarse to fine; the start where refinement fails."""
    matrix = start
    for factor in _LEVELS:
        if min(*picture.shape, *other.shape) < factor * _LEAST_SIDE:
            continue
        small, small_other = _reduced(picture, factor), _reduced(other, factor)
        # The centers of pixels move when pixels are joined.
        shift = np.float32((factor - 1) / 2)
        at = matrix.copy()
        at[:, 2] = (matrix[:, 2] + matrix[:, :2] @ np.full(2, shift) - shift) / factor
        try:
            _, at = cv2.findTransformECC(
                small, small_other, at, cv2.MOTION_AFFINE, _CRITERIA, None, _BLUR
            )
        except cv2.error:  # It does not converge.
            continue
        at = np.asarray(at, np.float32)
        found = at.copy()
        found[:, 2] = at[:, 2] * factor + shift - at[:, :2] @ np.full(2, shift)
        if correlation_of(picture, other, found) >= correlation_of(picture, other, matrix):
            matrix = found
    return matrix


def _from_features(picture: Floats, other: Floats) -> Floats | None:
    """Return the map that most pairs of alike features agree on; None if too few do."""
    finder = cv2.ORB.create(_FEATURES)
    found = [finder.detectAndCompute(_codes(each), None) for each in (picture, other)]
    if any(len(points) < _LEAST_FEATURES for points, _ in found):
        return None
    (here, described), (there, described_there) = found
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(described, described_there)
    if len(pairs) < _LEAST_FEATURES:
        return None
    at = np.array([here[pair.queryIdx].pt for pair in pairs], np.float32)
    to = np.array([there[pair.trainIdx].pt for pair in pairs], np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(at, to, method=cv2.RANSAC, ransacReprojThreshold=3.0)
    return None if matrix is None else np.asarray(matrix, np.float32)


def _reduced(image: Floats, factor: int) -> Floats:
    size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _codes(lightness: Floats) -> npt.NDArray[np.uint8]:
    codes: npt.NDArray[np.uint8] = np.clip(lightness * np.float32(2.55), 0, 255).astype(np.uint8)
    return codes
