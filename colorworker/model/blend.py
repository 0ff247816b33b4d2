"""Two networks as one colorizer."""

from dataclasses import dataclass, replace
from typing import Self

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Floats, KnownOfBatch, NetworkColorizer


@dataclass(frozen=True)
class BlendedColorizer:
    """The mean of two networks' chroma, weighted by shares that sum to 1."""

    first: NetworkColorizer
    second: NetworkColorizer
    share: float
    """Share of the first."""

    @property
    def uses_bins(self) -> bool:
        """Whether one of them is a network over color bins."""
        return self.first.uses_bins or self.second.uses_bins

    def with_settings(self, vividness: float, temperature: float) -> Self:
        """Return a blend with other settings.

        If one network is over color bins, vividness belongs to it and the other one's chroma is
        not scaled; otherwise it scales the chroma of both.
        """

        def of(network: NetworkColorizer) -> NetworkColorizer:
            scaled = network.uses_bins or not self.uses_bins
            return network.with_settings(vividness if scaled else 1.0, temperature)

        return replace(self, first=of(self.first), second=of(self.second))

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the larger of both networks' shapes."""
        shapes = (each.working_shape(height, width) for each in (self.first, self.second))
        return max(shapes, key=lambda shape: shape[0] * shape[1])

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """Return the blended a*, b*; see `Colorizer`. Known colors stay exact."""
        first = self.first.predict(lightness, known)
        first *= self.share
        first += (1 - self.share) * self.second.predict(lightness, known)
        return first

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """Return the distribution of the network that has one; see `Colorizer`."""
        source = self.first if self.first.uses_bins else self.second
        return source.distribution(lightness)
