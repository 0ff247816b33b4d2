"""The contract between the model and its users: lightness in, chroma out."""

from collections.abc import Sequence
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.knowncolors import KnownColors
from colorworker.errors import UsageError

Floats = npt.NDArray[np.float32]
KnownOfBatch = Sequence[Sequence[KnownColors]]
"""The known colors of each picture of a batch, in the order in which they are applied."""


def no_distribution(name: str) -> UsageError:
    """Return the error for a network that does not predict a distribution of colors."""
    return UsageError(
        f"network {name}",
        "predicts one color per place, so it has no alternatives, certainty or likely colors",
        "Use the packaged network lite for these",
    )


class Colorizer(Protocol):
    """Predicts the chroma of pictures; implemented by `model.colorizer.TensorFlowColorizer`."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the model sees a picture of this size."""
        ...

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """Return a* and b* for every pixel.

        Args:
            lightness: L* in [0, 100], float32 (b, h, w), at the shape from `working_shape`.
            known: The known colors of each picture, at the same shape; see
                `knowncolors.apply_known_colors`. None: no picture has any.

        Returns:
            float32 (b, h, w, 2).
        """
        ...

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """Return the colors that the network holds possible in one picture.

        Args:
            lightness: L* in [0, 100], float32 (h, w), at the shape from `working_shape`.

        Raises:
            UsageError: If the network predicts one color per place, not a distribution.
        """
        ...


class NetworkColorizer(Colorizer, Protocol):
    """A colorizer whose settings can change without loading its network again."""

    @property
    def uses_bins(self) -> bool:
        """Whether vividness belongs to its color bins; otherwise it is a factor for chroma."""
        ...

    def with_settings(self, vividness: float, temperature: float) -> Self:
        """Return a colorizer with other settings that shares the network."""
        ...
