"""The default network as a table: every convolution, its shape, and the arrays it is stored as.

Known without TensorFlow, so that a file of weights can be refused before TensorFlow is loaded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Activation = Literal["relu6", "relu", "none"]

NORM_EPSILON = 1e-3
"""Added to the variance by every batch normalisation of the training."""
NORM_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
HINT_CHANNELS = 3
"""a/110, b/110 and the mask."""
POOLED_CHANNELS = 1280
MASK_CHANNELS = 16 * 9
"""A weight for each of 9 coarse neighbours at each of the 4 x 4 pixels of a stride-4 cell."""


@dataclass(frozen=True)
class Convolution:
    """One convolution with what follows it; depthwise when `outputs` is 0."""

    name: str
    part: Literal["encoder", "decoder"]
    kernel: int
    inputs: int
    outputs: int
    norm: str = ""
    """Name of the batch normalisation behind it; without one it has a bias."""
    activation: Activation = "relu"
    stride: int = 1

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Height, width, channels in, channels out (or multiplier 1 when depthwise)."""
        return (self.kernel, self.kernel, self.inputs, self.outputs or 1)


@dataclass(frozen=True)
class Block:
    """An inverted residual block (Sandler 2018): expand, filter by channel, project."""

    name: str
    kernel: int
    stride: int
    expansion: int
    inputs: int
    outputs: int


def blocks() -> Iterator[Block]:
    """Yield the 16 blocks of EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excite.

    Source:
        Tan & Le 2019, table 1; the Lite variants are those of github.com/tensorflow/tpu.
    """
    stages = (
        # repeats, kernel, stride of the first, expansion, channels out
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    inputs, index = 32, 0
    for repeats, kernel, stride, expansion, outputs in stages:
        for repeat in range(repeats):
            first = stride if repeat == 0 else 1
            yield Block(f"b{index}", kernel, first, expansion, inputs, outputs)
            inputs, index = outputs, index + 1


def _encoder() -> Iterator[Convolution]:
    yield Convolution("stem_conv", "encoder", 3, 1, 32, "stem_bn", "relu6", stride=2)
    for block in blocks():
        name, wide = block.name, block.inputs * block.expansion
        if block.expansion != 1:
            yield Convolution(
                f"{name}_exp", "encoder", 1, block.inputs, wide, f"{name}_bn0", "relu6"
            )
        yield Convolution(
            f"{name}_dw", "encoder", block.kernel, wide, 0, f"{name}_bn1", "relu6", block.stride
        )
        yield Convolution(f"{name}_proj", "encoder", 1, wide, block.outputs, f"{name}_bn2", "none")
    yield Convolution("head_conv", "encoder", 1, 320, POOLED_CHANNELS, "head_bn", "relu6")


def _decoder(bin_count: int) -> Iterator[Convolution]:
    hints = HINT_CHANNELS
    for name, kernel, inputs, outputs in (
        ("d32", 1, 320, 128),
        ("k16", 1, 112, 96),
        ("fuse", 1, 128 + 96 + 128 + hints, 128),
        ("d16", 3, 128, 128),
        ("d8a", 3, 128 + 40 + hints, 96),
        ("d8b", 3, 96, 64),
        ("d4a", 3, 64 + 24 + hints, 64),
        ("d4b", 3, 64, 64),
        ("m1", 1, 64 + 4 * 16 + 16, 64),
    ):
        yield Convolution(name, "decoder", kernel, inputs, outputs, f"{name}_bn")
    yield Convolution("fuse_g", "decoder", 1, POOLED_CHANNELS, 128)
    yield Convolution("logits", "decoder", 1, 64, bin_count, activation="none")
    yield Convolution("mask", "decoder", 1, 64, MASK_CHANNELS, activation="none")


def convolutions(bin_count: int) -> dict[str, Convolution]:
    """Return every convolution of the network by name."""
    return {item.name: item for item in (*_encoder(), *_decoder(bin_count))}


def array_shapes(bin_count: int) -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every array that a file of weights must hold, and no other."""
    shapes: dict[str, tuple[int, ...]] = {
        "bins": (bin_count, 2),
        "log_class_weights": (bin_count,),
    }
    for item in convolutions(bin_count).values():
        shapes[f"{item.part}/{item.name}/kernel"] = item.kernel_shape
        width = item.outputs or item.inputs
        if item.norm:
            shapes |= {f"{item.part}/{item.norm}/{part}": (width,) for part in NORM_PARTS}
        else:
            shapes[f"{item.part}/{item.name}/bias"] = (width,)
    return shapes


def fold(arrays: Mapping[str, npt.NDArray[np.floating]], item: Convolution) -> tuple[Array, Array]:
    """Return a convolution's kernel and bias with its batch normalisation multiplied in.

    The statistics are fixed once training is over, so the result is the same function; it saves
    a sixth of the time of a prediction.

    Args:
        arrays: The arrays of `array_shapes`.
        item: The convolution.

    Returns:
        float32 kernel of `kernel_shape` and float32 bias (channels out,).
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
