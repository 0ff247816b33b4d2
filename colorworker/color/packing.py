"""Chroma pairs as complex numbers: NumPy is much faster over long last axes than over two.

Multiply by reciprocals: dividing complex numbers by real ones is done as complex division.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Complexes = npt.NDArray[np.complex64]


def packed(pairs: Floats) -> Complexes:
    """Return (..., 2) pairs as a* + i b*, (...); a view where the array is contiguous."""
    numbers: Complexes = np.ascontiguousarray(pairs, np.float32).view(np.complex64)[..., 0]
    return numbers


def unpacked(numbers: Complexes) -> Floats:
    """Return complex numbers (...) as pairs (..., 2); a view."""
    pairs: Floats = np.ascontiguousarray(numbers).view(np.float32).reshape(*numbers.shape, 2)
    return pairs
