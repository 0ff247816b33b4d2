"""Random color hints for training, like those a person would give, from the true colors."""

from colorworker.model.network import CHROMA_SCALE, COARSE
from colorworker.model.runtime import tf


def random_hints(
    chroma: tf.Tensor, *, none: float, dense: float, most_points: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return random hints on the coarse grid, drawn for each picture.

    Args:
        chroma: True a*, b*, (B, H, W, 2).
        none: Probability of no hints.
        dense: Probability of hints over a large part of the picture.
        most_points: Otherwise there are 1 to about this many points, uniform in the logarithm.
        seed: Two integers; the same seed gives the same hints.

    Returns:
        a/110, b/110 and a mask of 0 and 1, (B, H/4, W/4, 3); zeros outside the mask.
    """
    means = tf.nn.avg_pool2d(chroma, COARSE, COARSE, "VALID") / CHROMA_SCALE
    shape = tf.shape(means)
    batch, cells = shape[0], tf.cast(shape[1] * shape[2], tf.float32)
    seeds = tf.unstack(tf.random.split(seed, 4))
    kind, amount, wide = (
        tf.random.stateless_uniform([batch, 1, 1, 1], seeds[which]) for which in range(3)
    )
    points = tf.exp(amount * tf.math.log(float(most_points))) / cells
    share = tf.where(kind < none + dense, 0.05 + 0.95 * amount, points)
    share = tf.where(kind < none, 0.0, share)
    score = tf.random.stateless_uniform([batch, shape[1], shape[2], 1], seeds[3])
    mask = tf.cast(score < share, tf.float32)
    # Half the pictures get strokes of three cells instead of single cells.
    strokes = tf.nn.max_pool2d(mask, 3, 1, "SAME")
    mask = tf.where(wide < 0.5, mask, strokes)
    return tf.concat([means * mask, mask], -1)


def no_hints(chroma: tf.Tensor) -> tf.Tensor:
    """Return empty hints, zeros of shape (B, H/4, W/4, 3), for chroma of (B, H, W, 2)."""
    shape = tf.shape(chroma)
    return tf.zeros([shape[0], shape[1] // COARSE, shape[2] // COARSE, 3])
