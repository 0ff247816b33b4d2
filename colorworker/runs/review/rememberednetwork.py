"""A network that remembers its last pictures, so that painting on one costs no prediction."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import numpy as np

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Floats, KnownOfBatch, NetworkColorizer
from colorworker.color.knowncolors import apply_known_colors

T = TypeVar("T")

_KEPT = 12
"""Predictions and distributions that are kept, 1 to 15 MB each."""


@dataclass(frozen=True)
class RememberedNetwork:
    """See `NetworkColorizer`. Used by one thread at a time."""

    inner: NetworkColorizer
    settings: tuple[float, float] | None = None
    """Vividness and temperature; None for the network's own."""
    kept: OrderedDict[Any, Any] = field(default_factory=OrderedDict, compare=False)
    thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, "network"), compare=False
    )
    """TensorFlow keeps memory for each thread that predicts, and a web server has many."""

    @property
    def uses_bins(self) -> bool:
        """See NetworkColorizer."""
        return self.inner.uses_bins

    def with_settings(self, vividness: float, temperature: float) -> Self:
        """See NetworkColorizer; what is remembered is shared."""
        inner = self.inner.with_settings(vividness, temperature)
        return replace(self, inner=inner, settings=(vividness, temperature))

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """See Colorizer."""
        return self.inner.working_shape(height, width)

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """See Colorizer."""
        chroma = np.empty((*lightness.shape, 2), np.float32)
        for index, picture in enumerate(lightness):
            ab = self._remembered("ab", picture, lambda: self.inner.predict(picture[None])[0])  # noqa: B023  # called at once
            chroma[index] = apply_known_colors(picture, ab, known[index] if known else ())
        return chroma

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """See Colorizer."""
        return self._remembered("bins", lightness, lambda: self.inner.distribution(lightness))

    def _remembered(self, kind: str, picture: Floats, work: Callable[[], T]) -> T:
        digest = hashlib.sha256(picture.tobytes()).digest()
        place = kind, self.settings, picture.shape, digest
        if place not in self.kept:
            found = self.thread.submit(work).result()
            while len(self.kept) >= _KEPT:
                self.kept.popitem(last=False)
            self.kept[place] = found
        self.kept.move_to_end(place)
        result: T = self.kept[place]
        return result
