"""Tables of the encoders: EfficientNet-Lite0, and EfficientNetV2-S with one input channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Activation = Literal["relu6", "relu", "silu", "sigmoid", "tanh", "none"]


@dataclass(frozen=True)
class Stage:
    """Several equal blocks in a row, of which the first one may halve the size."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    outputs: int
    fused: bool = False
    squeeze: float = 0.0


@dataclass(frozen=True)
class Block:
    """An inverted residual block (Sandler 2018): expand, filter by channel, project."""

    name: str
    kernel: int
    stride: int
    expansion: int
    inputs: int
    outputs: int
    fused: bool = False
    """Whether one full convolution expands and filters (Tan & Le 2021, figure 2)."""
    squeezed: int = 0
    """Channels between the two layers of squeeze-and-excite (Hu 2018); 0: none."""

    @property
    def wide(self) -> int:
        """Channels after the expansion."""
        return self.inputs * self.expansion

    @property
    def residual(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.stride == 1 and self.inputs == self.outputs


@dataclass(frozen=True)
class Backbone:
    """An encoder: a stem of stride 2, blocks, and a 1x1 convolution whose output is pooled."""

    stem: int
    stages: tuple[Stage, ...]
    activation: Activation
    pooled: int = 1280

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks in order, named b0, b1, ..."""
        inputs, index = self.stem, 0
        for stage in self.stages:
            for repeat in range(stage.repeats):
                yield Block(
                    f"b{index}",
                    stage.kernel,
                    stage.stride if repeat == 0 else 1,
                    stage.expansion,
                    inputs,
                    stage.outputs,
                    stage.fused,
                    int(inputs * stage.squeeze),
                )
                inputs, index = stage.outputs, index + 1

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the features at strides 2, 4, 8, 16 and 32.

        These are the inputs of the blocks that halve the size, and the last output.
        """
        blocks = list(self.blocks())
        halving = [after.inputs for _, after in pairwise(blocks) if after.stride == 2]
        return (*halving, blocks[-1].outputs)


LITE0 = Backbone(
    32,
    (
        Stage(1, 3, 1, 1, 16),
        Stage(2, 3, 2, 6, 24),
        Stage(2, 5, 2, 6, 40),
        Stage(3, 3, 2, 6, 80),
        Stage(3, 5, 1, 6, 112),
        Stage(4, 5, 2, 6, 192),
        Stage(1, 3, 1, 6, 320),
    ),
    "relu6",
)
"""EfficientNet-B0 (Tan & Le 2019, table 1) without squeeze-and-excite, as the Lite variants of
github.com/tensorflow/tpu."""

V2S = Backbone(
    24,
    (
        Stage(2, 3, 1, 1, 24, fused=True),
        Stage(4, 3, 2, 4, 48, fused=True),
        Stage(4, 3, 2, 4, 64, fused=True),
        Stage(6, 3, 2, 4, 128, squeeze=0.25),
        Stage(9, 3, 1, 6, 160, squeeze=0.25),
        Stage(15, 3, 2, 6, 256, squeeze=0.25),
    ),
    "silu",
)
"""EfficientNetV2-S as in keras.applications: Tan & Le 2021, table 4, but with 256 instead of 272
channels in one stage, as in the authors' code."""
BACKBONES = {"lite": LITE0, "efficientnetv2s": V2S}
