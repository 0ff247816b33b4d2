"""The default network, a U-Net from lightness and hints to the logits of color bins.

The topology is written once, in terms of a function that applies a convolution by name:
`FoldedConvolutions` for a trained network, `layers.ConvolutionLayers` for training.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from colorworker.model.backbones import Activation, Backbone, Block
from colorworker.model.layout import convolutions, fold_normalization
from colorworker.model.runtime import tf
from colorworker.model.weights import Weights

STRIDE = 32
"""Height and width of the input are multiples of this."""
COARSE = 4
"""Stride of hints, logits and coarse chroma."""
CHROMA_SCALE = 110.0
"""The network takes the a* and b* of hints divided by this."""


class ApplyConvolution(Protocol):
    """Applies a convolution by name, with its bias or normalization, and its activation."""

    def __call__(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Return the output of convolution `name` on (B, h, w, inputs)."""
        ...


class FoldedConvolutions:
    """Convolutions of a trained network, their normalization folded in, as constants."""

    def __init__(self, weights: Weights, dtype: tf.DType) -> None:
        self._items = convolutions(weights.architecture, len(weights.bins))
        self._folded = {
            name: fold_normalization(weights.arrays, item) for name, item in self._items.items()
        }
        self._dtype = dtype

    def __call__(self, name: str, x: tf.Tensor) -> tf.Tensor:
        """Return the output of convolution `name` on (B, h, w, inputs), in the network's dtype."""
        item = self._items[name]
        kernel, bias = (tf.constant(array, self._dtype) for array in self._folded[name])
        convolve = tf.nn.conv2d if item.outputs else tf.nn.depthwise_conv2d
        strides = [1, item.stride, item.stride, 1]
        y = tf.nn.bias_add(convolve(tf.cast(x, self._dtype), kernel, strides, "SAME"), bias)
        return activate(item.activation, y)


def activate(activation: Activation, y: tf.Tensor) -> tf.Tensor:
    """Return the activation of y."""
    functions = {
        "relu6": tf.nn.relu6,
        "relu": tf.nn.relu,
        "silu": tf.nn.silu,
        "sigmoid": tf.sigmoid,
        "tanh": tf.tanh,
        "none": tf.identity,
    }
    return functions[activation](y)


def encode(
    apply: ApplyConvolution, luma: tf.Tensor, backbone: Backbone
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Return features at strides 2, 4, 8, 16 and 32, and the pooled vector (B, 1, 1, 1280).

    Args:
        apply: The convolutions.
        luma: L* / 50 - 1, (B, H, W, 1), H and W multiples of 32.
        backbone: Table of the encoder's blocks.
    """
    x = apply("stem_conv", luma)
    features = []
    for block in backbone.blocks():
        if block.stride == 2:
            features.append(x)
        y = _block(apply, block, x)
        x = x + y if block.residual else y
    pooled = tf.reduce_mean(apply("head_conv", x), axis=[1, 2], keepdims=True)
    return [*features, x], pooled


def _block(apply: ApplyConvolution, block: Block, x: tf.Tensor) -> tf.Tensor:
    if block.expansion != 1:
        x = apply(f"{block.name}_exp", x)
    if not block.fused:
        x = apply(f"{block.name}_dw", x)
    if block.squeezed:
        means = tf.reduce_mean(x, axis=[1, 2], keepdims=True)
        x = x * apply(f"{block.name}_se2", apply(f"{block.name}_se1", means))
    return apply(f"{block.name}_proj", x)


def decode(
    apply: ApplyConvolution,
    features: Sequence[tf.Tensor],
    pooled: tf.Tensor,
    luma: tf.Tensor,
    hints: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the logits (B, H/4, W/4, Q) of the color bins and the upsampling mask.

    The pooled vector is fused with the stride-16 features (Iizuka 2016). Hints enter at strides 16,
    8 and 4, so that the encoder need not run again when they are edited.

    Args:
        apply: The convolutions.
        features: From `encode`.
        pooled: From `encode`.
        luma: The input of `encode`.
        hints: a*/110, b*/110 and mask, (B, H/4, W/4, 3); zeros where there are none.
    """
    s2, s4, s8, s16, s32 = features
    hints = tf.cast(hints, s32.dtype)
    hints8 = tf.nn.avg_pool2d(hints, 2, 2, "VALID")
    hints16 = tf.nn.avg_pool2d(hints8, 2, 2, "VALID")
    x, skip = _double(apply("d32", s32)), apply("k16", s16)
    scene = apply("fuse_g", pooled)
    scene = tf.broadcast_to(scene, tf.concat([tf.shape(skip)[:3], tf.shape(scene)[3:]], 0))
    x = _double(apply("d16", apply("fuse", tf.concat([x, skip, scene, hints16], -1))))
    x = _double(apply("d8b", apply("d8a", tf.concat([x, s8, hints8], -1))))
    x = apply("d4b", apply("d4a", tf.concat([x, s4, hints], -1)))
    detail = [tf.nn.space_to_depth(s2, 2), tf.nn.space_to_depth(tf.cast(luma, s2.dtype), COARSE)]
    mask = apply("mask", apply("m1", tf.concat([x, *detail], -1)))
    return tf.cast(apply("logits", x), tf.float32), tf.cast(mask, tf.float32)


def no_hints(luma: tf.Tensor) -> tf.Tensor:
    """Return empty hints for luma (B, H, W, 1): zeros of shape (B, H/4, W/4, 3)."""
    batch, height, width = (tf.shape(luma)[axis] for axis in range(3))
    return tf.zeros([batch, height // COARSE, width // COARSE, 3])


def _double(x: tf.Tensor) -> tf.Tensor:
    """Return x at twice the size, interpolated with half-pixel centers."""
    shape = tf.shape(x)
    return tf.cast(tf.image.resize(x, [shape[1] * 2, shape[2] * 2], "bilinear"), x.dtype)


def annealed_mean(
    logits: tf.Tensor, bins: npt.NDArray[np.float32], offset: tf.Tensor, heat: tf.Tensor
) -> tf.Tensor:
    """Return the mean color (B, h, w, 2) in a*, b* of the softmax of (logits - offset) / heat.

    Source:
        Zhang 2016, equation 5. A heat of 1 gives the mean, one near 0 the mode.
    """
    share = tf.nn.softmax((logits - offset) / heat, -1)
    return tf.einsum("bhwq,qc->bhwc", share, bins)


def upsample(chroma: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Upsample (B, h, w, 2) to (B, 4h, 4w, 2); a pixel is a convex mix of its 9 coarse neighbors.

    Source:
        Teed & Deng 2020 (RAFT), section 3.3.
    """
    height, width = tf.shape(chroma)[1], tf.shape(chroma)[2]
    shares = tf.nn.softmax(tf.reshape(mask, [-1, height, width, COARSE * COARSE, 9]), -1)
    padded = tf.pad(chroma, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    near = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    mixed = tf.einsum("bhwkn,bhwnc->bhwkc", shares, tf.stack(near, 3))
    return tf.nn.depth_to_space(tf.reshape(mixed, [-1, height, width, 2 * COARSE**2]), COARSE)
