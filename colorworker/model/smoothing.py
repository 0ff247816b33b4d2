"""Even out predicted color where lightness is even.

A network predicts each cell of its grid almost by itself, so plain clothes and walls get blotches.
Lightness shows where one surface ends: colors are averaged within its edges and not across them.
"""

from colorworker.model.runtime import tf

STRENGTH = 8.0
"""Weight of smoothness against the network's own color."""
SPREAD = 7.0
"""Difference of L* between neighboring cells at which their weight falls to 1/e."""
PASSES = 2


def smooth_chroma(chroma: tf.Tensor, lightness: tf.Tensor) -> tf.Tensor:
    """Return chroma that follows the edges of lightness.

    Approximately minimizes sum((c - chroma)^2) + STRENGTH * sum(w (c_p - c_q)^2) over neighboring
    cells p and q, with w = exp(-((L_p - L_q) / SPREAD)^2), by solving rows and columns in turn.

    Args:
        chroma: a*, b*, float32 (B, h, w, 2).
        lightness: L* in [0, 100] of the same cells, (B, h, w).

    Source:
        Min et al., "Fast Global Image Smoothing Based on Weighted Least Squares", IEEE Transactions
        on Image Processing 23 (2014), Algorithm 1; their weights are exp(-|difference| / spread).
    """
    turned = tf.transpose(lightness, [0, 2, 1])
    for number in range(PASSES):
        weight = 1.5 * STRENGTH * 4.0 ** (PASSES - 1 - number) / (4.0**PASSES - 1)
        chroma = _smooth_rows(chroma, lightness, weight)
        columns = _smooth_rows(tf.transpose(chroma, [0, 2, 1, 3]), turned, weight)
        chroma = tf.transpose(columns, [0, 2, 1, 3])
    return chroma


def _smooth_rows(chroma: tf.Tensor, lightness: tf.Tensor, strength: float) -> tf.Tensor:
    """Solve the tridiagonal system of every row."""
    step = (lightness[:, :, 1:] - lightness[:, :, :-1]) / SPREAD
    link = -strength * tf.exp(-(step**2))
    none = tf.zeros_like(lightness[:, :, :1])
    after, before = tf.concat([link, none], 2), tf.concat([none, link], 2)
    # Diagonally dominant, so no pivoting is needed.
    return tf.linalg.tridiagonal_solve(
        tf.stack([after, 1 - after - before, before], 2), chroma, partial_pivoting=False
    )
