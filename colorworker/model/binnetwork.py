"""A trained network over color bins, as the colorizer runs it: lite and efficientnetv2s."""

from colorworker.model import network
from colorworker.model.backbones import BACKBONES
from colorworker.model.network import ApplyConvolution
from colorworker.model.runtime import tf
from colorworker.model.smoothing import smooth_chroma
from colorworker.model.weights import Weights

SHORT_SIDE = 256
"""Pixels of the short side that give the best colors: at 192, 224 and 320 CIEDE2000 is larger."""


class BinNetwork:
    """See `colorizer.Network`."""

    def __init__(
        self,
        weights: Weights,
        apply: ApplyConvolution,
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

        The short side is 256 by default. The long side is the multiple of 32 nearest to the
        picture's aspect ratio, at most three times the short side, which makes 33 shapes in all.
        The picture is stretched by a few percent (more if it is very long) rather than padded,
        because the network pools its whole input into one scene vector, and padding would be part
        of that scene.
        """
        short, long = sorted((height, width))
        side = self._short_side
        steps = round(side * long / short / network.STRIDE)
        stretched = min(steps * network.STRIDE, 3 * side)
        return (side, stretched) if height <= width else (stretched, side)

    def chroma(self, luma: tf.Tensor, settings: tf.Tensor) -> tf.Tensor:
        """Return a*, b* (B, H, W, 2) for luma in [-1, 1].

        The network's own inputs for hints stay empty: with them, the prediction moves in the hinted
        cells alone, and the residual that spreads from there is lost.
        """
        logits, mask, _ = self._outputs(luma)
        offset = (1 - settings[0]) * self._log_class_weights
        coarse = network.annealed_mean(logits, self._bins, offset, settings[1])
        lightness = 50 * (tf.nn.avg_pool2d(luma, network.COARSE, network.COARSE, "VALID") + 1)
        return network.upsample(smooth_chroma(coarse, lightness[..., 0]), mask)

    def distribution(self, luma: tf.Tensor, settings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return logits (B, H/4, W/4, Q) and normalized features (B, H/16, W/16, C)."""
        logits, _, features = self._outputs(luma)
        seen = tf.math.l2_normalize(tf.cast(features, tf.float32), -1)
        return logits - (1 - settings[0]) * self._log_class_weights, seen

    def _outputs(self, luma: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return logits, upsampling mask, and features at stride 16."""
        features, pooled = network.encode(self._apply, luma, self._backbone)
        logits, mask = network.decode(self._apply, features, pooled, luma, network.no_hints(luma))
        return logits, mask, features[3]
