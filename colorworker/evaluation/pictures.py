"""Decode the color pictures of a data set, the truth of an evaluation."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import Floats
from colorworker.errors import ItemError, SourceUnsupported
from colorworker.evaluation.measures import MIN_SIDE, shown
from colorworker.media.stills.picture import open_still
from colorworker.store.objectstore import ObjectInfo, ObjectStore
from colorworker.store.picturesets import PictureSample, kind_of, read_samples

LONG_SIDE = 1024
"""Larger pictures are downscaled to this long side: the measure is color, not grain."""


@dataclass(frozen=True)
class Truth:
    """One color picture."""

    ordinal: int
    """Position in the data set, counted over all pictures, unreadable ones included."""
    key: str
    lightness: Floats
    """L*, (H, W)."""
    chroma: Floats
    """a*, b* inside the sRGB gamut, (H, W, 2)."""
    rgb: npt.NDArray[np.uint8]
    """sRGB codes, (H, W, 3)."""
    kind: str = ""
    """First folder of its name, or empty."""


@dataclass(frozen=True)
class Broken:
    """One picture that could not be measured."""

    ordinal: int
    key: str
    error: str


@dataclass(frozen=True)
class Pictures:
    """A data set that can be read repeatedly, with one picture in memory at a time."""

    store: ObjectStore
    shards: Sequence[ObjectInfo]
    long_side: int = LONG_SIDE
    max_pixels: int = 1_000_000_000
    limit: int | None = None
    """Read only the first `limit` pictures."""

    def read(self, wanted: Callable[[int], bool] = lambda _: True) -> Iterator[Truth | Broken]:
        """Yield the pictures whose ordinal is wanted, upright, in the data set's order.

        Raises:
            StoreUnavailable: If the store cannot be reached.
        """
        for ordinal, sample in enumerate(read_samples(self.store, self.shards)):
            if self.limit is not None and ordinal >= self.limit:
                return
            if wanted(ordinal):
                yield self._decoded(ordinal, sample)

    def _decoded(self, ordinal: int, sample: PictureSample) -> Truth | Broken:
        if sample.error:
            return Broken(ordinal, sample.key, str(sample.error))
        try:
            lab = self._lab(sample)
        except ItemError as error:
            return Broken(ordinal, sample.key, str(error))
        # Brought into gamut like predictions, so that the truth of a wide-gamut file is what sRGB
        # can show.
        truth = shown(lab[..., 0], lab[..., 1:])
        return Truth(
            ordinal, sample.key, lab[..., 0], truth.chroma, truth.rgb, kind_of(sample.name)
        )

    def _lab(self, sample: PictureSample) -> Floats:
        with open_still(io.BytesIO(sample.data), sample.key, max_pixels=self.max_pixels) as picture:
            height, width = picture.info.upright_height, picture.info.upright_width
            if min(height, width) < MIN_SIDE:
                raise SourceUnsupported(
                    sample.key,
                    f"{width} x {height} pixels; each side needs at least {MIN_SIDE}",
                    "Leave it out",
                )
            scale = min(1.0, self.long_side / max(height, width))
            return picture.proxy(
                max(round(height * scale), MIN_SIDE), max(round(width * scale), MIN_SIDE)
            )


def batches(truths: Iterator[Truth], size: int) -> Iterator[list[Truth]]:
    """Yield the pictures in order, in lists of one shape with at most `size` pictures."""
    batch: list[Truth] = []
    for truth in truths:
        if batch and (len(batch) == size or truth.rgb.shape != batch[0].rgb.shape):
            yield batch
            batch = []
        batch.append(truth)
    if batch:
        yield batch
