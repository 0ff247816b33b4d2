"""A finished network over color bins, as a colorizer runs it: lite and its bigger siblings."""

from colorworker.model import hints as hinting
from colorworker.model import network
from colorworker.model.backbones import BACKBONES
from colorworker.model.network import Apply
from colorworker.model.runtime import tf
from colorworker.model.weights import Weights

SHORT_SIDE = 256
"""At which the weights do best: 192, 224 and 320 all give a larger CIEDE2000."""


class BinNetwork:
    """See `colorizer.Network`."""

    def __init__(
        self,
        weights: Weights,
        apply: Apply,
        *,
        short_side: int = SHORT_SIDE,
    ) -> None:
        self._bins = weights.bins
        self._log_class_weights = weights.log_class_weights
        self._backbone = BACKBONES[weights.architecture.name]
        self._apply = apply
        self._short_side = short_side

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture of this size.

        The short side is 256 unless told otherwise, the long side the multiple of 32 nearest to
        the picture's aspect, at most three times that: 33 shapes in all. The picture is stretched
        to it by a few per cent at most (but for very long ones) rather than padded, because the
        network pools over its whole input for one scene vector, and a border would be part of
        that scene.
        """
        short, long = sorted((height, width))
        side = self._short_side
        steps = round(side * long / short / network.STRIDE)
        stretched = min(steps * network.STRIDE, 3 * side)
        return (side, stretched) if height <= width else (stretched, side)

    def chroma(
        self, luma: tf.Tensor, grids: tf.Tensor, cells: tf.Tensor, look: tf.Tensor
    ) -> tf.Tensor:
        """Return a*, b* (B, H, W, 2) for luma in [-1, 1] and hints on the coarse grid."""
        features, pooled = network.encode(self._apply, luma, self._backbone)
        scaled = grids / [hinting.CHROMA_SCALE, hinting.CHROMA_SCALE, 1.0]
        logits, mask = network.decode(self._apply, features, pooled, luma, scaled)
        offset = (1 - look[0]) * self._log_class_weights
        coarse = network.annealed_mean(logits, self._bins, offset, look[1])
        lightness = tf.nn.avg_pool2d(luma, network.COARSE, network.COARSE, "VALID") / 2 + 0.5
        return network.upsample(hinting.spread(coarse, lightness, grids, cells), mask)
