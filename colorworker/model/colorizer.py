"""The Colorizer that runs a TensorFlow network on pictures of any size."""

import logging
from copy import copy
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import KnownOfBatch, no_distribution
from colorworker.color.knowncolors import apply_known_colors
from colorworker.color.resize import resize
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Precision
from colorworker.errors import PlaceFailed, UsageError
from colorworker.model import network
from colorworker.model.binnetwork import SHORT_SIDE, BinNetwork
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.topology import KoalaNetwork
from colorworker.model.runtime import configure, tf
from colorworker.model.weights import Weights, load
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

logger = logging.getLogger(__name__)

Array = npt.NDArray[np.float32]

BATCH_SIZES = (8, 2, 1)
"""Batch sizes that the network runs with. Other batches are divided into these.

oneDNN and cuDNN plan every new shape, which takes up to half a second, so arbitrary batch sizes
would not pay off. On a CPU, 2 brings most of the possible gain; 8 is for GPUs."""


class Network(Protocol):
    """The part of a colorizer that depends on the architecture."""

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width), multiples of 4, at which it sees a picture of this size."""
        ...

    def chroma(self, luma: tf.Tensor, settings: tf.Tensor) -> tf.Tensor:
        """Return a*, b*, float32 (B, H, W, 2). Called while a graph is traced.

        Args:
            luma: L* / 50 - 1, (B, H, W, 1), at a working shape.
            settings: Vividness and temperature, (2,); only networks over color bins use them.
        """
        ...


@dataclass
class _BatchLimit:
    """The largest batch for which there has been memory; shared by colorizers of one network."""

    pictures: int = BATCH_SIZES[0]


class TensorFlowColorizer:
    """A compiled network. Only one thread at a time may predict with it."""

    def __init__(
        self,
        weights: Weights,
        *,
        vividness: float = 0.8,
        temperature: float = 0.38,
        precision: Precision = "float32",
        short_side: int | None = None,
        opened: OpenStore = open_store,
    ) -> None:
        """Build the network. The first prediction compiles it.

        Args:
            weights: From `weights.load`.
            vividness: Share of the training's rebalancing towards rare colors that is kept, in
                [0, 1]. Only networks over color bins use it, like `temperature`.
            temperature: Temperature of the softmax over color bins, above 0.
            precision: Precision of the convolutions. float16 is for GPUs; the rest stays float32.
            short_side: Pixels of the short side at which networks over color bins see a picture, a
                multiple of 32. None: 256, the best for the packaged weights. Koala's size is part
                of its architecture.
            opened: Opens the store of the backbone that koala's weights name.

        Raises:
            WeightsRefused: If that backbone is not available.
            UsageError: If short_side is not a multiple of 32.
        """
        self.weights_sha256 = weights.sha256
        self._uses_bins = len(weights.bins) > 0
        self._network = _network(weights, precision, _checked_side(short_side), opened)
        self._settings = np.array([vividness, temperature], np.float32)
        self._limit = _BatchLimit()
        # The signature has no sizes, so one trace serves all pictures.
        signature = [
            tf.TensorSpec([None, None, None, 1], tf.float32),
            tf.TensorSpec([2], tf.float32),
        ]
        self._chroma = tf.function(self._network.chroma, input_signature=signature)
        self._bins = weights.bins
        self._distribution = (
            tf.function(self._network.distribution, input_signature=signature)
            if isinstance(self._network, BinNetwork)
            else None
        )

    @property
    def uses_bins(self) -> bool:
        """Whether the network is over color bins."""
        return self._uses_bins

    def with_settings(self, vividness: float, temperature: float) -> Self:
        """Return a colorizer with other settings that shares the compiled network; this is free."""
        other = copy(self)
        other._settings = np.array([vividness, temperature], np.float32)
        return other

    @property
    def trace_count(self) -> int:
        """Number of times the graph was traced: 1 after any number of predictions."""
        return int(self._chroma.experimental_get_tracing_count())

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture of this size."""
        return self._network.working_shape(height, width)

    def predict(self, lightness: Array, known: KnownOfBatch | None = None) -> Array:
        """Return the colors of a batch of pictures.

        Args:
            lightness: L* in [0, 100], (B, H, W), of any size.
            known: The known colors of each picture, (H, W), later ones covering earlier ones. None:
                no picture has any.

        Returns:
            a* and b*, float32 (B, H, W, 2), about [-110, 110]. Colors may be outside the gamut.

        If there is no memory for a batch, as on a GPU that workers share, it is predicted in
        smaller ones, and so are all later ones.

        Raises:
            ValueError: If the shapes do not match.
            PlaceFailed: If there is not even memory for one picture.
        """
        if lightness.ndim != 3 or 0 in lightness.shape[1:]:
            raise ValueError(f"lightness must have shape (B, H, W), got {lightness.shape}")
        batch, height, width = lightness.shape
        known = [()] * batch if known is None else known
        _check_known(known, lightness)
        chroma = np.empty((batch, height, width, 2), np.float32)
        start = 0
        while start < batch:
            small = self._first_of(lightness[start:])
            for index, picture in enumerate(small, start):
                ab = resize(picture, height, width)
                chroma[index] = apply_known_colors(lightness[index], ab, known[index])
            start += len(small)
        return chroma

    def distribution(self, lightness: Array) -> ColorDistribution:
        """Return the colors that the network holds possible; see `Colorizer`."""
        if self._distribution is None:
            raise no_distribution(self.weights_sha256)
        found = self._distribution(self._luma(lightness[np.newaxis]), self._settings)
        logits, features = (np.asarray(each.numpy(), np.float32)[0] for each in found)
        return ColorDistribution(logits, self._bins, features, float(self._settings[1]))

    def _first_of(self, lightness: Array) -> Array:
        """Return the a*, b* of the first pictures, as many as one batch holds."""
        while True:
            most = min(len(lightness), self._limit.pictures)
            size = next(each for each in BATCH_SIZES if each <= most)
            try:
                return self._at_working_shape(lightness[:size])
            except tf.errors.ResourceExhaustedError as error:
                if size == 1:
                    raise PlaceFailed(
                        "the network",
                        "ran out of memory for the prediction of one picture",
                        "Let fewer workers share a GPU (COLORWORKER_RUN__GPUS_PER_WORKER)",
                    ) from error
                self._limit.pictures = BATCH_SIZES[BATCH_SIZES.index(size) + 1]
                logger.warning(
                    "no memory to predict %d pictures at a time; at most %d from now on",
                    size,
                    self._limit.pictures,
                )

    def _at_working_shape(self, lightness: Array) -> Array:
        """Return the a*, b* of one batch at its working shape."""
        chroma = self._chroma(self._luma(lightness), self._settings)
        return np.asarray(chroma.numpy(), np.float32)

    def _luma(self, lightness: Array) -> Array:
        """Return the network's input, (B, H, W, 1), at its working shape."""
        height, width = self.working_shape(*lightness.shape[1:])
        luma = np.stack([resize(picture, height, width) for picture in lightness])
        return np.asarray(luma[..., np.newaxis] / 50 - 1, np.float32)


def _check_known(known: KnownOfBatch, lightness: Array) -> None:
    if len(known) != len(lightness):
        raise ValueError(f"known colors of {len(known)} pictures for {len(lightness)}")
    for colors in known:
        for each in colors:
            if each.weight.shape != lightness.shape[1:]:
                raise ValueError(
                    f"known colors of shape {each.weight.shape} for lightness {lightness.shape}"
                )


def _checked_side(short_side: int | None) -> int:
    side = SHORT_SIDE if short_side is None else short_side
    if side < network.STRIDE or side % network.STRIDE:
        raise UsageError(
            "model",
            f"a short side of {side} pixels was requested",
            f"Give a multiple of {network.STRIDE}",
        )
    return side


def _network(
    weights: Weights,
    precision: Precision,
    short_side: int,
    opened: OpenStore,
) -> Network:
    apply = network.FoldedConvolutions(weights, tf.as_dtype(precision))
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
    opened: OpenStore = open_store,
) -> TensorFlowColorizer:
    """Return a colorizer with the weights that `ref` names.

    Args:
        ref: From `weights.resolve`.
        vividness: See TensorFlowColorizer.
        temperature: See TensorFlowColorizer.
        precision: See TensorFlowColorizer.
        threads: Cores for one prediction. None: TensorFlow's default, all of them.
        memory_growth: Allocate GPU memory as needed instead of all of it.
        short_side: See TensorFlowColorizer.
        opened: Opens the stores of weights.

    Raises:
        WeightsRefused: See `weights.load` and TensorFlowColorizer.
        DependencyMissing: On import of this module, if TensorFlow is not installed.
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
