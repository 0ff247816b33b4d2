"""The network as a Colorizer: lightness of any size in, chroma of the same size out."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from colorworker.model import hints as hinting
from colorworker.model import network
from colorworker.model.backbones import BACKBONES
from colorworker.model.runtime import configure, tf
from colorworker.model.weights import Weights, load
from colorworker.work.job import ModelRef, Precision

Array = npt.NDArray[np.float32]

SHORT_SIDE = 256
"""At which the weights do best: 192, 224 and 320 all give a larger CIEDE2000."""
MAX_LONG_SIDE = 768
BATCH_SIZES = (8, 2, 1)
"""Batches that the network is run with; others are made of these.

Every new shape costs a plan of oneDNN or cuDNN, up to half a second, so that batches of any size
would not pay. On a CPU 2 gain most of what there is to gain; 8 are for GPUs."""


class TensorFlowColorizer:
    """Holds the compiled network. One thread at a time predicts with it."""

    def __init__(
        self,
        weights: Weights,
        *,
        vividness: float = 0.8,
        temperature: float = 0.38,
        precision: Precision = "float32",
    ) -> None:
        """Compile nothing yet: the first prediction does.

        Args:
            weights: What `weights.load` returned.
            vividness: Share of the training's rebalancing towards rare colours that is kept.
            temperature: Of the softmax over colour bins; above 0.
            precision: Of the convolutions; float16 is for GPUs, and the rest stays float32.
        """
        self.weights_sha256 = weights.sha256
        self._bins = weights.bins
        self._offset = np.float32(1 - vividness) * weights.log_class_weights
        self._temperature = temperature
        self._apply = network.Constants(weights, tf.as_dtype(precision))
        self._backbone = BACKBONES[weights.architecture.name]
        # One signature without sizes: one trace serves every picture.
        self._chroma = tf.function(
            self._graph,
            input_signature=[
                tf.TensorSpec([None, None, None, 1], tf.float32),
                tf.TensorSpec([None, None, None, 3], tf.float32),
                tf.TensorSpec([None, None], tf.int32),
            ],
        )

    @property
    def trace_count(self) -> int:
        """How often the graph was built; 1 after any number of predictions."""
        return int(self._chroma.experimental_get_tracing_count())

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture of this size.

        The short side is 256, the long side the multiple of 32 nearest to the picture's aspect,
        at most 768: 33 shapes in all. The picture is stretched to it by a few per cent at most
        (but for very long ones) rather than padded, because the network pools over its whole
        input for one scene vector, and a border would be part of that scene.
        """
        short, long = sorted((height, width))
        steps = round(SHORT_SIDE * long / short / network.STRIDE)
        stretched = min(steps * network.STRIDE, MAX_LONG_SIDE)
        return (SHORT_SIDE, stretched) if height <= width else (stretched, SHORT_SIDE)

    def predict(self, lightness: Array, hints: Array | None = None) -> Array:
        """Return the colours of a batch of pictures.

        Args:
            lightness: L* in [0, 100], (B, H, W), any size.
            hints: Known colours: a*, b* and a mask in [0, 1], (B, H, W, 3).

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
        chroma = self._chroma(luma[..., np.newaxis] / 50 - 1, grids, hinting.points(grids))
        return np.asarray(chroma.numpy(), np.float32)

    def _graph(self, luma: tf.Tensor, grids: tf.Tensor, cells: tf.Tensor) -> tf.Tensor:
        """Return a*, b* (B, H, W, 2) for luma in [-1, 1] and hints on the coarse grid."""
        features, pooled = network.encode(self._apply, luma, self._backbone)
        scaled = grids / [hinting.CHROMA_SCALE, hinting.CHROMA_SCALE, 1.0]
        logits, mask = network.decode(self._apply, features, pooled, luma, scaled)
        coarse = network.annealed_mean(logits, self._bins, self._offset, self._temperature)
        lightness = tf.nn.avg_pool2d(luma, network.COARSE, network.COARSE, "VALID") / 2 + 0.5
        return network.upsample(hinting.spread(coarse, lightness, grids, cells), mask)


def load_colorizer(
    ref: ModelRef,
    *,
    vividness: float = 0.8,
    temperature: float = 0.38,
    precision: Precision = "float32",
    threads: int | None = None,
    memory_growth: bool = True,
) -> TensorFlowColorizer:
    """Return a colorizer with the weights that `ref` names.

    Args:
        ref: What `weights.resolve` returned.
        vividness: See TensorFlowColorizer.
        temperature: See TensorFlowColorizer.
        precision: See TensorFlowColorizer.
        threads: Cores for one prediction; None: TensorFlow's choice, which is all of them.
        memory_growth: Take GPU memory as needed instead of all of it.

    Raises:
        WeightsRefused: See `weights.load`.
        DependencyMissing: On import of this module, where TensorFlow is not installed.
    """
    weights = load(ref)
    configure(threads=threads, memory_growth=memory_growth)
    return TensorFlowColorizer(
        weights, vividness=vividness, temperature=temperature, precision=precision
    )


def _parts(batch: int) -> Iterator[slice]:
    """Yield slices that cut a batch into BATCH_SIZES, largest first."""
    start = 0
    for size in BATCH_SIZES:
        while batch - start >= size:
            yield slice(start, start + size)
            start += size
