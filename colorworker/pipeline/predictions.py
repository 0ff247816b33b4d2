"""Counts what a worker gives to its network."""

from dataclasses import dataclass

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer, Floats, KnownOfBatch


@dataclass
class Predictions:
    """Batches and the pictures in them. Threads take turns with the network, so no lock."""

    batches: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class CountedColorizer:
    """A colorizer whose batches are counted."""

    inner: Colorizer
    predictions: Predictions

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """See Colorizer."""
        return self.inner.working_shape(height, width)

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """See Colorizer."""
        self.predictions.batches += 1
        self.predictions.pictures += len(lightness)
        return self.inner.predict(lightness, known)

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """See Colorizer."""
        return self.inner.distribution(lightness)
