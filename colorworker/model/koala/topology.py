"""The layers of koala, a variant of Deep Koalarization: tables 1 to 3 of the report."""

from colorworker.model.architectures import Architecture
from colorworker.model.koala.inception import Embedder
from colorworker.model.network import ApplyConvolution
from colorworker.model.runtime import tf

CHROMA_RANGE = 128.0
"""The network predicts a* and b* divided by this, because its last layer is a tanh."""
STRIDE = 8
"""Height and width of the encoder's input are multiples of this."""
WHITE = 1.0
"""Luma of the padding."""


def color(apply: ApplyConvolution, luma: tf.Tensor, embedding: tf.Tensor) -> tf.Tensor:
    """Return a*/128, b*/128, float32 (B, H, W, 2).

    Args:
        apply: The convolutions.
        luma: L* / 50 - 1, (B, H, W, 1), H and W multiples of 8.
        embedding: Vector of the whole picture from `Embedder`, (B, 1, 1, 1000).
    """
    x = _halved(apply("e1", luma))
    x = _halved(apply("e3", apply("e2", x)))
    x = _halved(apply("e5", apply("e4", x)))
    x = apply("e8", apply("e7", apply("e6", x)))
    vector = tf.cast(embedding, x.dtype)
    vector = tf.broadcast_to(vector, tf.concat([tf.shape(x)[:3], tf.shape(vector)[3:]], 0))
    x = apply("fuse", tf.concat([x, vector], -1))
    x = _doubled(apply("d2", apply("d1", x)))
    x = _doubled(apply("d3", x))
    x = apply("d7", apply("d6", apply("d5", apply("d4", x))))
    return tf.cast(_doubled(x), tf.float32)


def _halved(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(x, 2, 2, "SAME")


def _doubled(x: tf.Tensor) -> tf.Tensor:
    """Return x at twice the size, every value repeated 2 x 2 times."""
    shape = tf.shape(x)
    return tf.image.resize(x, [shape[1] * 2, shape[2] * 2], "nearest")


class KoalaNetwork:
    """A trained network as the colorizer runs it; see `colorizer.Network`."""

    def __init__(
        self, architecture: Architecture, apply: ApplyConvolution, embed: Embedder
    ) -> None:
        self._pixels = architecture.pixels
        self._apply = apply
        self._embed = embed

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """Return the (height, width) at which the network sees a picture of this size.

        The long side is 224, the short one the multiple of 8 nearest to the picture's aspect ratio.
        """
        longest = max(height, width)
        sides = (round(side * self._pixels / longest / STRIDE) for side in (height, width))
        rows, columns = (max(side, 1) * STRIDE for side in sides)
        return rows, columns

    def chroma(
        self,
        luma: tf.Tensor,
        settings: tf.Tensor,  # noqa: ARG002 - for networks over color bins
    ) -> tf.Tensor:
        """Return a*, b* (B, H, W, 2). The picture is padded to a white square, in its center."""
        height, width = tf.shape(luma)[1], tf.shape(luma)[2]
        top, left = (self._pixels - height) // 2, (self._pixels - width) // 2
        bottom, right = self._pixels - height - top, self._pixels - width - left
        square = tf.pad(luma, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=WHITE)
        square = tf.ensure_shape(square, [None, self._pixels, self._pixels, 1])
        seen = color(self._apply, square, self._embed(square))[:, top : top + height]
        return seen[:, :, left : left + width] * CHROMA_RANGE
