"""The rows of an evaluation: models, and the baselines that give their numbers meaning."""

from dataclasses import dataclass

import numpy as np

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer, KnownOfBatch, no_distribution
from colorworker.color.lab import Floats


@dataclass(frozen=True)
class Candidate:
    """One row of the table."""

    name: str
    colorizer: Colorizer
    sha256: str = ""
    """SHA-256 of the weights; empty for a baseline."""
    note: str = ""


@dataclass(frozen=True)
class ConstantColor:
    """A colorizer that gives every pixel of every picture the same chroma."""

    a: float = 0.0
    b: float = 0.0

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the picture's own shape."""
        return height, width

    def predict(
        self,
        lightness: Floats,
        known: KnownOfBatch | None = None,  # noqa: ARG002
    ) -> Floats:
        """Return the constant."""
        return np.full((*lightness.shape, 2), (self.a, self.b), np.float32)

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """Refuse: there is no distribution."""
        raise no_distribution(f"of one color for {lightness.shape}")


def baselines(mean_a: float, mean_b: float) -> tuple[Candidate, Candidate]:
    """Return two baselines: gray, and the mean chroma of the measured pictures.

    No model can know that mean. It is still a poor colorization, and close to the output of a model
    that has learned only to be cautious.
    """
    return (
        Candidate("gray", ConstantColor(), note="a* = b* = 0"),
        Candidate(
            "constant mean",
            ConstantColor(mean_a, mean_b),
            note=f"a* = {mean_a:.2f}, b* = {mean_b:.2f}, the mean of these pictures",
        ),
    )
