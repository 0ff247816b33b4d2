"""A network as a Colorizer: lightness of any size in, chroma of the same size out."""

from collections.abc import Iterator
from copy import copy
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from colorworker.domain.options import ModelRef, Precision
from colorworker.errors import UsageError
from colorworker.model import hints as hinting
from colorworker.model import network
from colorworker.model.binnetwork import SHORT_SIDE, BinNetwork
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.topology import KoalaNetwork
from colorworker.model.runtime import configure, tf
from colorworker.model.weightfiles import Opened
from colorworker.model.weights import Weights, load
from colorworker.store.openstore import open_store

Array = npt.NDArray[np.float32]

BATCH_SIZES = (8, 2, 1)
"""Batches that the network is run with; others are made of these.

Every new shape costs a plan of oneDNN or cuDNN, up to half a second, so that batches of any size
would not pay. On a CPU 2 gain most of what there is to gain; 8 are for GPUs."""


class Network(Protocol):
    """What a colorizer asks of an architecture."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width), multiples of 4, at which it sees a picture of this size."""
        ...

    def chroma(
        self, luma: tf.Tensor, grids: tf.Tensor, cells: tf.Tensor, look: tf.Tensor
    ) -> tf.Tensor:
        """Return a*, b*, float32 (B, H, W, 2); part of a graph.

        Args:
            luma: L* / 50 - 1, (B, H, W, 1), of a working shape.
            grids: Hints: a*, b* and a mask of 0 and 1, (B, H/4, W/4, 3).
            cells: Where they are: `hints.points` of the grids.
            look: Vividness and temperature, (2,), of networks over color bins.
        """
        ...


class TensorFlowColorizer:
    """Holds the compiled network. One thread at a time predicts with it."""

    def __init__(
        self,
        weights: Weights,
        *,
        vividness: float = 0.8,
        temperature: float = 0.38,
        precision: Precision = "float32",
        short_side: int | None = None,
        opened: Opened = open_store,
    ) -> None:
        """Compile nothing yet: the first prediction does.

        Args:
            weights: What `weights.load` returned.
            vividness: Share of the training's rebalancing towards rare colors that is kept; of
                networks over color bins, as is `temperature`.
            temperature: Of the softmax over color bins; above 0.
            precision: Of the convolutions; float16 is for GPUs, and the rest stays float32.
            short_side: At which networks over color bins see a picture, a multiple of 32; None:
                256, where the packaged weights do best. Koala's size is its architecture's.
            opened: Opens the store of the backbone that koala's weights name.

        Raises:
            WeightsRefused: If that backbone is not to be had.
            UsageError: If short_side is no multiple of 32.
        """
        self.weights_sha256 = weights.sha256
        self._network = _network(weights, precision, _checked_side(short_side), opened)
        self._look = np.array([vividness, temperature], np.float32)
        # One signature without sizes: one trace serves every picture.
        self._chroma = tf.function(
            self._network.chroma,
            input_signature=[
                tf.TensorSpec([None, None, None, 1], tf.float32),
                tf.TensorSpec([None, None, None, 3], tf.float32),
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([2], tf.float32),
            ],
        )

    def with_settings(self, vividness: float, temperature: float) -> Self:
        """Return the same compiled network that reads its colors otherwise; it costs nothing."""
        other = copy(self)
        other._look = np.array([vividness, temperature], np.float32)
        return other

    @property
    def trace_count(self) -> int:
        """How often the graph was built; 1 after any number of predictions."""
        return int(self._chroma.experimental_get_tracing_count())

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture of this size."""
        return self._network.working_shape(height, width)

    def predict(self, lightness: Array, hints: Array | None = None) -> Array:
        """Return the colors of a batch of pictures.

        Args:
            lightness: L* in [0, 100], (B, H, W), any size.
            hints: Known colors: a*, b* and a mask in [0, 1], (B, H, W, 3).

        Returns:
            a* and b*, float32 (B, H, W, 2), about [-110, 110]; they may lie out of gamut.

        Raises:
            ValueError: If the shapes do not fit.
        """
        if lightness.ndim != 3 or 0 in lightness.shape[1:]:
            raise ValueError(f"lightness must have shape (B, H, W), got {lightness.shape}")
        batch, height, width = lightness.shape
        if hints is not None and hints.shape != (batch, height, width, 3):
            raise ValueError(f"hints of shape {hints.shape} for lightness {lightness.shape}")
        chroma = np.empty((batch, height, width, 2), np.float32)
        for part in _parts(batch):
            small = self._at_working_shape(lightness[part], None if hints is None else hints[part])
            for index, picture in enumerate(small, part.start):
                chroma[index] = hinting.resized(picture, height, width)
        return chroma

    def _at_working_shape(self, lightness: Array, hints: Array | None) -> Array:
        """Return a*, b* of one batch at its working shape."""
        height, width = self.working_shape(*lightness.shape[1:])
        luma = np.stack([hinting.resized(picture, height, width) for picture in lightness])
        grid = (height // network.COARSE, width // network.COARSE)
        if hints is None:
            grids = np.zeros((len(luma), *grid, 3), np.float32)
        else:
            grids = np.stack([hinting.on_grid(hint, *grid) for hint in hints])
        chroma = self._chroma(
            luma[..., np.newaxis] / 50 - 1, grids, hinting.points(grids), self._look
        )
        return np.asarray(chroma.numpy(), np.float32)


def _checked_side(short_side: int | None) -> int:
    side = SHORT_SIDE if short_side is None else short_side
    if side < network.STRIDE or side % network.STRIDE:
        raise UsageError(
            "model",
            f"a short side of {side} pixels was asked for",
            f"Give a multiple of {network.STRIDE}",
        )
    return side


def _network(
    weights: Weights,
    precision: Precision,
    short_side: int,
    opened: Opened,
) -> Network:
    apply = network.Constants(weights, tf.as_dtype(precision))
    if weights.architecture.name == "koala":
        return KoalaNetwork(weights.architecture, apply, Embedder(weights.architecture, opened))
    return BinNetwork(weights, apply, short_side=short_side)


def load_colorizer(
    ref: ModelRef,
    *,
    vividness: float = 0.8,
    temperature: float = 0.38,
    precision: Precision = "float32",
    threads: int | None = None,
    memory_growth: bool = True,
    short_side: int | None = None,
    opened: Opened = open_store,
) -> TensorFlowColorizer:
    """Return a colorizer with the weights that `ref` names.

    Args:
        ref: What `weights.resolve` returned.
        vividness: See TensorFlowColorizer.
        temperature: See TensorFlowColorizer.
        precision: See TensorFlowColorizer.
        threads: Cores for one prediction; None: TensorFlow's choice, which is all of them.
        memory_growth: Take GPU memory as needed instead of all of it.
        short_side: See TensorFlowColorizer.
        opened: Opens the stores of weights.

    Raises:
        WeightsRefused: See `weights.load` and TensorFlowColorizer.
        DependencyMissing: On import of this module, where TensorFlow is not installed.
    """
    weights = load(ref, opened)
    configure(threads=threads, memory_growth=memory_growth)
    return TensorFlowColorizer(
        weights,
        vividness=vividness,
        temperature=temperature,
        precision=precision,
        short_side=short_side,
        opened=opened,
    )


def _parts(batch: int) -> Iterator[slice]:
    """Yield slices that cut a batch into BATCH_SIZES, largest first."""
    start = 0
    for size in BATCH_SIZES:
        while batch - start >= size:
            yield slice(start, start + size)
            start += size
