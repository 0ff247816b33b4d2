"""Frechet distance between two sets of feature vectors, modeled as normal distributions."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh, eigvalsh, svdvals

Vectors = npt.NDArray[np.floating]
Features = Callable[[npt.NDArray[np.uint8]], Vectors]
"""Maps sRGB codes, (B, H, W, 3), to feature vectors, (B, D)."""

_KEPT = 2048
"""Maximum number of vectors kept; more are reduced to mean and covariance."""


class Gathering:
    """Collects the feature vectors of one set of pictures in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[Vectors] = []
        self._sum: Vectors | None = None
        self._products: Vectors | None = None

    def add(self, vectors: Vectors) -> None:
        """Add vectors, (B, D)."""
        self._kept.append(np.asarray(vectors, np.float32))
        self.count += len(vectors)
        if sum(map(len, self._kept)) > _KEPT:
            self._fold()

    @property
    def mean(self) -> Vectors:
        """Mean vector, (D,)."""
        parts = [part.sum(0, np.float64) for part in self._kept]
        if self._sum is not None:
            parts.append(self._sum)
        return np.asarray(np.sum(parts, axis=0) / self.count)

    def centered(self) -> Vectors | None:
        """Return the vectors minus their mean, (N, D); None if there were too many to keep."""
        return None if self._sum is not None else np.concatenate(self._kept) - self.mean

    def covariance(self) -> Vectors:
        """Return the covariance, (D, D), with N - 1 degrees of freedom."""
        self._fold()
        mean = self.mean
        if self._products is None:
            raise ValueError("no vectors were added")
        return np.asarray(
            (self._products - self.count * np.outer(mean, mean)) / (self.count - 1), np.float64
        )

    def _fold(self) -> None:
        for kept in self._kept:
            part = kept.astype(np.float64)
            self._sum = part.sum(0) if self._sum is None else self._sum + part.sum(0)
            product = part.T @ part
            self._products = product if self._products is None else self._products + product
        self._kept.clear()


def frechet_distance(one: Gathering, other: Gathering) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)); 0 for equal sets, never negative.

    With few vectors S1 and S2 are singular; the general matrix square root (sqrtm) is then unstable
    and can be complex. The trace of the root is computed in one of two exact ways: while the
    vectors are kept, as the sum of the singular values of X1 X2^T / (N - 1); otherwise from the
    eigenvalues of the symmetric S1^(1/2) S2 S1^(1/2). Fewer vectors give larger distances, so
    compare sets of equal size only.

    Raises:
        ValueError: If a set has fewer than 2 vectors.

    Source:
        Dowson and Landau 1982; Heusel, Ramsauer, Unterthiner, Nessler and Hochreiter 2017.
    """
    if min(one.count, other.count) < 2:
        raise ValueError("a covariance needs at least 2 vectors")
    gap = float(((one.mean - other.mean) ** 2).sum())
    first, second = one.centered(), other.centered()
    if first is not None and second is not None:
        scale = np.sqrt((one.count - 1.0) * (other.count - 1.0))
        root = float(svdvals(first @ second.T).sum() / scale)
        spread = (first**2).sum() / (one.count - 1) + (second**2).sum() / (other.count - 1)
    else:
        covariances = one.covariance(), other.covariance()
        values, axes = eigh(covariances[0])
        half = axes * np.sqrt(np.maximum(values, 0)) @ axes.T
        root = float(np.sqrt(np.maximum(eigvalsh(half @ covariances[1] @ half), 0)).sum())
        spread = sum(np.trace(covariance) for covariance in covariances)
    return max(0.0, gap + float(spread) - 2 * root)
