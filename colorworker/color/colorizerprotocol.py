"""The contract between the model and its users: lightness in, chroma out."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Colorizer(Protocol):
    """Predicts the chroma of pictures; implemented by `model.colorizer.TensorFlowColorizer`."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the model sees a picture of this size."""
        ...

    def predict(self, lightness: Floats, hints: Floats | None = None) -> Floats:
        """Return a* and b* for every pixel.

        Args:
            lightness: L* in [0, 100], float32 (b, h, w), at the shape from `working_shape`.
            hints: a*, b* and a mask of 0 and 1, float32 (b, h, w, 3); None: no hints.

        Returns:
            float32 (b, h, w, 2).
        """
        ...
