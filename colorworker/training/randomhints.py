"""Random hints: what a person might have pointed out, taken from the true colors."""

from colorworker.model.hints import CHROMA_SCALE
from colorworker.model.network import COARSE
from colorworker.model.runtime import tf


def random_hints(
    chroma: tf.Tensor, *, none: float, dense: float, most_points: int, seed: tf.Tensor
) -> tf.Tensor:
    """Return hints on the coarse grid, other ones for each picture.

    Args:
        chroma: True a*, b*, (B, H, W, 2).
        none: Probability of no hint.
        dense: Probability of hints on a large part of the picture.
        most_points: Else there are 1 to about so many points, few as likely as many.
        seed: Two integers; the same ones give the same hints.

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
    # Half the pictures have strokes of three cells rather than single ones.
    strokes = tf.nn.max_pool2d(mask, 3, 1, "SAME")
    mask = tf.where(wide < 0.5, mask, strokes)
    return tf.concat([means * mask, mask], -1)


def no_hints(chroma: tf.Tensor) -> tf.Tensor:
    """Return zeros on the coarse grid of (B, H, W, 2), (B, H/4, W/4, 3)."""
    shape = tf.shape(chroma)
    return tf.zeros([shape[0], shape[1] // COARSE, shape[2] // COARSE, 3])
