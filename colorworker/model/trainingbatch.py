"""What training and evaluation hand to a network: pictures as tensors, with their true colors."""

from dataclasses import dataclass

from colorworker.model.runtime import tf


@dataclass(frozen=True)
class Batch:
    """B pictures of one size, H by W pixels, both multiples of 32."""

    luma: tf.Tensor
    """What the network sees: L* / 50 - 1, film look applied; (B, H, W, 1), float32."""
    hints: tf.Tensor
    """Known colors on the coarse grid: a/110, b/110 and a mask in [0, 1], zeros where nothing is
    known; (B, H/4, W/4, 3), float32."""
    chroma: tf.Tensor
    """The true a* and b*; (B, H, W, 2), float32."""
