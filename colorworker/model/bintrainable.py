"""Training of the networks over color bins: lite and efficientnetv2s."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Precision
from colorworker.model import network
from colorworker.model.architectures import Architecture
from colorworker.model.backbones import BACKBONES
from colorworker.model.layers import ConvolutionLayer, ConvolutionLayers
from colorworker.model.layout import convolutions
from colorworker.model.runtime import tf
from colorworker.model.trainingbatch import Batch

Array = npt.NDArray[np.float32]

ENCODER_MOMENTUM = 0.99
DECODER_MOMENTUM = 0.98
NEAREST_BINS = 5
CELL = 2.0
"""Width of the cells of `BinTable`, in units of a*, b*."""
PAIR_DISTANCES = (1, 2, 4, 8, 16)
"""Distances of the pairs of cells in `unevenness`; a cell has 4 x 4 pixels."""
SIGMA = 5.0
"""Width of the soft encoding of a color by its nearest bins, in units of a*, b* (Zhang 2016)."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms added to the cross-entropy."""

    upsampled: float = 0.02
    """Weight of the mean absolute error of upsampled chroma. Coarse chroma is held constant, so
    that this term trains the upsampling only."""
    annealed: float = 0.02
    """Weight of the mean absolute error of the annealed mean at stride 4."""
    consistency: float = 0.0
    """Weight of `unevenness`."""
    temperature: float = 0.38
    """Temperature of the annealed mean."""


class BinModel(keras.Model):  # type: ignore[misc]  # keras has no types
    """Encoder and decoder; returns logits (B, H/4, W/4, Q) and the upsampling mask, float32."""

    def __init__(self, architecture: Architecture, layers: list[ConvolutionLayer]) -> None:
        super().__init__(name=architecture.name)
        self._backbone = BACKBONES[architecture.name]
        self.convolved = layers
        self.built = True

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """Run on [luma, hints] of a Batch."""
        luma, hints = inputs
        apply = ConvolutionLayers(self.convolved, training=training)
        features, pooled = network.encode(apply, luma, self._backbone)
        return network.decode(apply, features, pooled, luma, hints)


class BinTrainable:
    """See `trainable.Trainable`."""

    def __init__(
        self,
        architecture: Architecture,
        arrays: dict[str, Array],
        *,
        freeze_backbone: bool,
        freeze_statistics: bool,
        precision: Precision,
        frozen_blocks: int = 0,
        loss: LossWeights | None = None,
    ) -> None:
        self.architecture = architecture
        self._bins = arrays["bins"]
        self._table = BinTable(self._bins)
        self._log_class_weights = arrays["log_class_weights"]
        self._weights = loss or LossWeights()
        policy = "float32" if precision == "float32" else f"mixed_{precision}"
        encoder_momentum = 1.0 if freeze_statistics else ENCODER_MOMENTUM
        frozen = {"stem_conv"} if frozen_blocks else set()
        frozen |= {f"b{index}" for index in range(frozen_blocks)}
        layers = []
        for item in convolutions(architecture, len(self._bins)).values():
            is_encoder = item.part == "encoder"
            is_frozen = is_encoder and (freeze_backbone or not frozen.isdisjoint(_names(item.name)))
            momentum = encoder_momentum if is_encoder else DECODER_MOMENTUM
            layers.append(
                ConvolutionLayer(
                    item,
                    arrays,
                    momentum=1.0 if is_frozen else momentum,
                    name=item.name,
                    trainable=not is_frozen,
                    dtype=policy,
                )
            )
        self.model = BinModel(architecture, layers)

    def backbone(self) -> list[Any]:
        """Return the encoder's trainable variables."""
        encoder = [layer for layer in self.model.convolved if layer.item.part == "encoder"]
        return [variable for layer in encoder for variable in layer.trainable_variables]

    def arrays(self) -> dict[str, Array]:
        """Return every array by its name in a weights file, float32."""
        tables = {"bins": self._bins, "log_class_weights": self._log_class_weights}
        learned = {
            name: np.asarray(variable.numpy(), np.float32)
            for layer in self.model.convolved
            for name, variable in layer.variables_by_name.items()
        }
        return tables | learned

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return `loss`, its parts, and `ab_mse`.

        The parts are `cross_entropy`, `l1_upsampled`, `l1_annealed` and `unevenness`.

        The cross-entropy follows Zhang 2016, equation 2, but class weights apply to each term of
        the sum, so that the optimum is the true distribution shifted by exactly log_class_weights.
        """
        logits, mask = self.model([batch.luma, batch.hints], training=training)
        truth = tf.nn.avg_pool2d(batch.chroma, network.COARSE, network.COARSE, "VALID")
        target = self._table.soft_encode(truth) * tf.exp(self._log_class_weights)
        weight = tf.reduce_sum(target, -1)
        entropy = tf.nn.softmax_cross_entropy_with_logits(target / weight[..., tf.newaxis], logits)
        offset = np.zeros_like(self._log_class_weights)
        coarse = network.annealed_mean(logits, self._bins, offset, self._weights.temperature)
        upsampled = network.upsample(tf.stop_gradient(coarse), mask)
        parts = {
            "cross_entropy": tf.reduce_mean(weight * entropy),
            "l1_upsampled": tf.reduce_mean(tf.abs(upsampled - batch.chroma)),
            "l1_annealed": tf.reduce_mean(tf.abs(coarse - truth)),
            "unevenness": unevenness(coarse, truth, batch.luma),
            "ab_mse": tf.reduce_mean((upsampled - batch.chroma) ** 2),
        }
        loss = (
            parts["cross_entropy"]
            + self._weights.upsampled * parts["l1_upsampled"]
            + self._weights.annealed * parts["l1_annealed"]
            + self._weights.consistency * parts["unevenness"]
        )
        return {"loss": loss} | parts


def unevenness(chroma: tf.Tensor, truth: tf.Tensor, luma: tf.Tensor) -> tf.Tensor:
    """Return how much predicted color varies within areas of one true color, a scalar.

    For pairs of cells p, q that are 1, 2, 4, 8 and 16 cells apart, this is the mean of
    |c_p - c_q|^2 / (m^2 + 10^2), weighted by
    exp(-((L_p - L_q) / 8)^2 - |t_p - t_q|^2 / (2 * 4^2)); m is the picture's mean chroma. Dividing
    by it keeps gray from being the easiest way to be even.

    Args:
        chroma: Predicted a*, b*, float32 (B, h, w, 2).
        truth: True a*, b*, (B, h, w, 2).
        luma: L* / 50 - 1, (B, 4h, 4w, 1).
    """
    lightness = 50 * tf.nn.avg_pool2d(luma, network.COARSE, network.COARSE, "VALID")
    size = tf.sqrt(tf.reduce_sum(chroma**2, -1, keepdims=True) + 1e-3)
    scaled = chroma / tf.sqrt(tf.reduce_mean(size, [1, 2], keepdims=True) ** 2 + 10**2)
    total, weights = tf.zeros([]), tf.zeros([])
    for axis in (1, 2):
        for distance in PAIR_DISTANCES:
            cut = slice(distance, None), slice(None, -distance)
            ahead, behind = ((slice(None),) * axis + (part,) for part in cut)

            def squares(x: tf.Tensor, p: Any = ahead, q: Any = behind) -> tf.Tensor:
                return tf.reduce_sum((x[p] - x[q]) ** 2, -1)

            weight = tf.exp(-squares(lightness) / 8**2 - squares(truth) / (2 * 4**2))
            total += tf.reduce_sum(weight * squares(scaled))
            weights += tf.reduce_sum(weight)
    return total / (weights + 1.0)


def _names(convolution: str) -> tuple[str, str]:
    """Return the names of a convolution and of its block: `b3_dw` is of `b3`."""
    return convolution, convolution.partition("_")[0]


class BinTable:
    """The bins that can be the nearest ones of each small cell of the a*b* plane.

    With it, a color is compared with about 12 bins instead of all 259.
    """

    def __init__(self, bins: Array) -> None:
        """Make the table for bins (Q, 2)."""
        self._bins = bins.astype(np.float32)
        self._low = np.floor(bins.min(0) - 3 * SIGMA)
        self._shape = np.ceil((bins.max(0) + 3 * SIGMA - self._low) / CELL).astype(int) + 1
        centers = (np.indices(self._shape).reshape(2, -1).T + 0.5) * CELL + self._low
        distances = np.linalg.norm(centers[:, np.newaxis] - bins, axis=-1)
        order = np.argsort(distances, axis=1)
        ordered = np.take_along_axis(distances, order, 1)
        # Within a cell, a distance changes by at most half of its diagonal, either way.
        is_near = ordered <= ordered[:, [NEAREST_BINS - 1]] + CELL * np.sqrt(2)
        widest = int(is_near.sum(1).max())
        self._near = order[:, :widest].astype(np.int32)

    def soft_encode(self, chroma: tf.Tensor) -> tf.Tensor:
        """Return weights (..., Q) of the 5 bins nearest to each color (..., 2); their sum is 1.

        Colors beyond the table's margin, 15 around the bins, are compared with the bins near its
        border.

        Source:
            Zhang 2016, section 2.2: weights exp(-d^2 / (2 * 5^2)).
        """
        colors = tf.reshape(chroma, [-1, 2])
        last = tf.constant(self._shape - 1, tf.int32)
        cell = tf.cast(tf.floor((colors - tf.constant(self._low, tf.float32)) / CELL), tf.int32)
        cell = tf.clip_by_value(cell, 0, last)
        near = tf.gather(self._near, cell[:, 0] * int(self._shape[1]) + cell[:, 1])
        squares = tf.reduce_sum((tf.gather(self._bins, near) - colors[:, tf.newaxis]) ** 2, -1)
        nearest = tf.math.top_k(-squares, NEAREST_BINS)
        share = tf.nn.softmax(nearest.values / (2 * SIGMA**2))
        chosen = tf.gather(near, nearest.indices, batch_dims=1)
        row = tf.broadcast_to(tf.range(tf.shape(colors)[0])[:, tf.newaxis], tf.shape(chosen))
        shape = [tf.shape(colors)[0], len(self._bins)]
        dense = tf.scatter_nd(tf.stack([row, chosen], -1), share, shape)
        return tf.reshape(dense, tf.concat([tf.shape(chroma)[:-1], [len(self._bins)]], 0))
