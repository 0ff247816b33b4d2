"""Tables of the networks: every convolution, its shape, and the arrays that store it.

Needs no TensorFlow, so that a weights file can be refused before TensorFlow is loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from colorworker.model.architectures import Architecture
from colorworker.model.backbones import BACKBONES, Activation, Backbone, Block

Array = npt.NDArray[np.float32]

NORM_EPSILON = 1e-3
"""Added to the variance by every batch normalization, as in training."""
NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
HINT_CHANNELS = 3
"""a/110, b/110 and the mask."""
EMBEDDING_CHANNELS = 1000
"""Size of Inception-ResNet-v2's output before the softmax."""
MASK_CHANNELS = 16 * 9
"""Weights of the 9 coarse neighbors, for each of the 4 x 4 pixels of a stride-4 cell."""


@dataclass(frozen=True)
class Convolution:
    """One convolution with its normalization and activation; depthwise if `outputs` is 0."""

    name: str
    part: Literal["encoder", "decoder"]
    kernel: int
    inputs: int
    outputs: int
    norm: str = ""
    """Name of the batch normalization after it. Empty: it has a bias instead."""
    activation: Activation = "relu"
    stride: int = 1

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Height, width, input channels, output channels (1 if depthwise)."""
        return (self.kernel, self.kernel, self.inputs, self.outputs or 1)

    def array_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the names and shapes of the arrays that store it."""
        channels = (self.outputs or self.inputs,)
        shapes: dict[str, tuple[int, ...]] = {f"{self.part}/{self.name}/kernel": self.kernel_shape}
        if self.norm:
            return shapes | {f"{self.part}/{self.norm}/{part}": channels for part in NORM_PARTS}
        return shapes | {f"{self.part}/{self.name}/bias": channels}


def _encoder(backbone: Backbone) -> Iterator[Convolution]:
    active = backbone.activation
    yield Convolution("stem_conv", "encoder", 3, 1, backbone.stem, "stem_bn", active, stride=2)
    for block in backbone.blocks():
        yield from _fused(block, active) if block.fused else _separable(block, active)
    yield Convolution(
        "head_conv", "encoder", 1, backbone.channels[-1], backbone.pooled, "head_bn", active
    )


def _separable(block: Block, active: Activation) -> Iterator[Convolution]:
    name, wide = block.name, block.wide
    if block.expansion != 1:
        yield Convolution(f"{name}_exp", "encoder", 1, block.inputs, wide, f"{name}_bn0", active)
    yield Convolution(
        f"{name}_dw", "encoder", block.kernel, wide, 0, f"{name}_bn1", active, block.stride
    )
    if block.squeezed:
        yield Convolution(f"{name}_se1", "encoder", 1, wide, block.squeezed, "", active)
        yield Convolution(f"{name}_se2", "encoder", 1, block.squeezed, wide, "", "sigmoid")
    yield Convolution(f"{name}_proj", "encoder", 1, wide, block.outputs, f"{name}_bn2", "none")


def _fused(block: Block, active: Activation) -> Iterator[Convolution]:
    name, kernel, stride = block.name, block.kernel, block.stride
    first, last = f"{name}_bn0", f"{name}_bn2"
    if block.expansion == 1:
        yield Convolution(
            f"{name}_proj", "encoder", kernel, block.inputs, block.outputs, last, active, stride
        )
        return
    yield Convolution(
        f"{name}_exp", "encoder", kernel, block.inputs, block.wide, first, active, stride
    )
    yield Convolution(f"{name}_proj", "encoder", 1, block.wide, block.outputs, last, "none")


def _decoder(backbone: Backbone, width: float, bin_count: int) -> Iterator[Convolution]:
    hints = HINT_CHANNELS
    s2, s4, s8, s16, s32 = backbone.channels
    large, middle, small = (_scaled(channels, width) for channels in (128, 96, 64))
    for name, kernel, inputs, outputs in (
        ("d32", 1, s32, large),
        ("k16", 1, s16, middle),
        ("fuse", 1, large + middle + large + hints, large),
        ("d16", 3, large, large),
        ("d8a", 3, large + s8 + hints, middle),
        ("d8b", 3, middle, small),
        ("d4a", 3, small + s4 + hints, small),
        ("d4b", 3, small, small),
        ("m1", 1, small + 4 * s2 + 16, small),
    ):
        yield Convolution(name, "decoder", kernel, inputs, outputs, f"{name}_bn")
    yield Convolution("fuse_g", "decoder", 1, backbone.pooled, large)
    yield Convolution("logits", "decoder", 1, small, bin_count, activation="none")
    yield Convolution("mask", "decoder", 1, small, MASK_CHANNELS, activation="none")


def _scaled(channels: int, width: float) -> int:
    """Return the multiple of 8 nearest to channels * width, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)


def _koala() -> Iterator[Convolution]:
    """Yield the layers of koala; see `koala.topology`."""
    inputs = 1
    for name, kernel, outputs in (
        ("e1", 3, 128),
        ("e2", 4, 128),
        ("e3", 3, 128),
        ("e4", 4, 256),
        ("e5", 3, 256),
        ("e6", 4, 256),
        ("e7", 3, 256),
        ("e8", 3, 256),
    ):
        yield Convolution(name, "encoder", kernel, inputs, outputs)
        inputs = outputs
    yield Convolution("fuse", "decoder", 1, 256 + EMBEDDING_CHANNELS, 256)
    for name, kernel, outputs in (
        ("d1", 3, 128),
        ("d2", 3, 64),
        ("d3", 3, 128),
        ("d4", 4, 64),
        ("d5", 3, 64),
        ("d6", 2, 32),
    ):
        yield Convolution(name, "decoder", kernel, inputs, outputs)
        inputs = outputs
    yield Convolution("d7", "decoder", 3, inputs, 2, activation="tanh")


def convolutions(architecture: Architecture, bin_count: int) -> dict[str, Convolution]:
    """Return every convolution of the network by name."""
    if architecture.name == "koala":
        return {item.name: item for item in _koala()}
    backbone = BACKBONES[architecture.name]
    decoder = _decoder(backbone, architecture.width, bin_count)
    return {item.name: item for item in (*_encoder(backbone), *decoder)}


def array_shapes(architecture: Architecture, bin_count: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of exactly the arrays that a weights file must hold."""
    shapes: dict[str, tuple[int, ...]] = {}
    if architecture.name != "koala":
        shapes = {"bins": (bin_count, 2), "log_class_weights": (bin_count,)}
    for item in convolutions(architecture, bin_count).values():
        shapes |= item.array_shapes()
    return shapes


def fold_normalization(
    arrays: Mapping[str, npt.NDArray[np.floating]], item: Convolution
) -> tuple[Array, Array]:
    """Return a convolution's kernel and bias with its batch normalization multiplied in.

    Statistics are fixed after training, so the function stays the same, and a prediction takes a
    sixth less time.

    Args:
        arrays: The arrays of a weights file, see `array_shapes`.
        item: The convolution.

    Returns:
        float32 kernel of `kernel_shape` and float32 bias (output channels,).
    """
    kernel = arrays[f"{item.part}/{item.name}/kernel"].astype(np.float32)
    if not item.norm:
        return kernel, arrays[f"{item.part}/{item.name}/bias"].astype(np.float32)
    gamma, beta, mean, variance = (
        arrays[f"{item.part}/{item.norm}/{part}"].astype(np.float32) for part in NORM_PARTS
    )
    scale = gamma / np.sqrt(variance + np.float32(NORM_EPSILON))
    bias = beta - mean * scale
    return kernel * (scale if item.outputs else scale[:, np.newaxis]), bias
