"""Trainable convolutions as Keras layers, for training."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.model.layout import NORM_EPSILON, Convolution
from colorworker.model.network import activate
from colorworker.model.runtime import tf

Array = npt.NDArray[np.float32]
STATISTICS = ("moving_mean", "moving_variance")


class ConvolutionLayer(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """One convolution with its bias or batch normalization, and its activation.

    While statistics are fixed (in inference, or frozen in training), the normalization is
    multiplied into the kernel. The function and its gradients are the same, without another pass
    over the pixels.
    """

    def __init__(
        self, item: Convolution, arrays: Mapping[str, Array], *, momentum: float, **options: Any
    ) -> None:
        """Create the variables with their initial values.

        Args:
            item: The convolution.
            arrays: Initial values by their names in a weights file.
            momentum: Share of the running statistics that a step keeps; 1 freezes them.
            options: Options of Keras layers: name, trainable, dtype.
        """
        super().__init__(**options)
        self.item = item
        self.momentum = momentum
        self.variables_by_name = {
            name: self._variable(name.rpartition("/")[2], arrays[name])
            for name in item.array_shapes()
        }
        self._parts = {name.rpartition("/")[2]: v for name, v in self.variables_by_name.items()}
        self.built = True

    def _variable(self, part: str, value: Array) -> Any:
        learned = part not in STATISTICS
        return self.add_weight(
            name=part,
            shape=value.shape,
            initializer=lambda _shape, dtype=None: tf.constant(value, dtype),
            dtype="float32",
            trainable=learned,
            autocast=False,
            # With "none", each worker of a strategy would keep its own running statistics, and only
            # those of one worker would be saved. With "mean", all keep their mean.
            aggregation="none" if learned else "mean",
        )

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Return (B, h, w, output channels) in the layer's compute dtype."""
        parts = self._parts
        if not self.item.norm:
            return self._convolve(x, parts["kernel"], parts["bias"])
        if not training or self.momentum == 1:
            scale = parts["gamma"] * tf.math.rsqrt(parts["moving_variance"] + NORM_EPSILON)
            shift = parts["beta"] - parts["moving_mean"] * scale
            wide = scale if self.item.outputs else scale[:, tf.newaxis]
            return self._convolve(x, parts["kernel"] * wide, shift)
        return activate(self.item.activation, self._normalized(self._filtered(x, parts["kernel"])))

    def _convolve(self, x: tf.Tensor, kernel: Any, bias: Any) -> tf.Tensor:
        y = tf.nn.bias_add(self._filtered(x, kernel), tf.cast(bias, self.compute_dtype))
        return activate(self.item.activation, y)

    def _filtered(self, x: tf.Tensor, kernel: Any) -> tf.Tensor:
        convolve = tf.nn.conv2d if self.item.outputs else tf.nn.depthwise_conv2d
        strides = [1, self.item.stride, self.item.stride, 1]
        return convolve(x, tf.cast(kernel, self.compute_dtype), strides, "SAME")

    def _normalized(self, y: tf.Tensor) -> tf.Tensor:
        """Return y normalized by the statistics of its batch; update the running statistics."""
        parts = self._parts
        gamma, beta = (tf.convert_to_tensor(parts[part]) for part in ("gamma", "beta"))
        normalized, *batch = tf.compat.v1.nn.fused_batch_norm(
            y, gamma, beta, epsilon=NORM_EPSILON, is_training=True
        )
        for name, seen in zip(STATISTICS, batch, strict=True):
            kept = tf.convert_to_tensor(parts[name])
            parts[name].assign(kept * self.momentum + seen * (1 - self.momentum))
        return normalized


class ConvolutionLayers:
    """The layers of a network by name; an ApplyConvolution for training."""

    def __init__(self, layers: Iterable[ConvolutionLayer], *, training: bool) -> None:
        self._layers = {layer.item.name: layer for layer in layers}
        self._training = training

    def __call__(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Return the output of convolution `name` on (B, h, w, inputs)."""
        return self._layers[name](x, training=self._training)
