"""A batch for training and evaluation: pictures as tensors, with their true colors."""

from dataclasses import dataclass

from colorworker.model.runtime import tf


@dataclass(frozen=True)
class Batch:
    """B pictures of one size, H by W pixels, both multiples of 32."""

    luma: tf.Tensor
    """Input of the network: L* / 50 - 1 with the film look applied, float32 (B, H, W, 1)."""
    hints: tf.Tensor
    """Color hints on the coarse grid: a*/110, b*/110 and a mask in [0, 1], zeros where there are
    none; float32 (B, H/4, W/4, 3)."""
    chroma: tf.Tensor
    """The true a* and b*, float32 (B, H, W, 2)."""
