"""TensorFlow operations: sRGB to CIE L*a*b*, and the film-look augmentation of lightness."""

import numpy as np

from colorworker.color.lab import LUMINANCE_WEIGHTS, RGB_TO_XYZ, srgb_to_linear
from colorworker.model.runtime import tf

_WHITE = RGB_TO_XYZ.sum(axis=1)
_TO_RELATIVE_XYZ = (RGB_TO_XYZ / _WHITE[:, None]).T.astype(np.float32)
_LINEAR = srgb_to_linear(np.arange(256, dtype=np.float32) / np.float32(255))
_EPSILON = 216 / 24389
_KAPPA = 24389 / 27

EMULSIONS = np.asarray(
    [
        [0.0, 0.6, 0.4],  # orthochromatic: no red
        [0.0, 0.25, 0.75],
        [0.0, 0.05, 0.95],  # sensitive to blue only
        [0.4, 0.35, 0.25],  # early panchromatic: strong red response
    ],
    np.float32,
)
"""Weights of linear R, G and B in the density of historical emulsions; responses mix these."""


def linear_from_codes(codes: tf.Tensor) -> tf.Tensor:
    """Return linear light in [0, 1], float32, of sRGB codes, uint8."""
    return tf.gather(tf.constant(_LINEAR), tf.cast(codes, tf.int32))


def lab_from_linear(rgb: tf.Tensor) -> tf.Tensor:
    """Return CIE L*a*b*, (..., 3); the same formula as `color.lab.lab_from_linear_rgb`."""
    compressed = _compress(tf.linalg.matmul(rgb, tf.constant(_TO_RELATIVE_XYZ)))
    x, y, z = tf.unstack(compressed, axis=-1)
    return tf.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def film_look(
    rgb: tf.Tensor,
    lightness: tf.Tensor,
    *,
    response: float,
    gamma: float,
    soft: float,
    grain: float,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Return lightness as historical film might have recorded it, drawn for each picture.

    Args:
        rgb: Linear light, (B, H, W, 3).
        lightness: L* of `rgb` in [0, 100], (B, H, W, 1).
        response: Probability of a film's spectral response instead of the eye's.
        gamma: Maximum change of ln(gamma).
        soft: Probability of soft focus, as of a picture enlarged to twice its size.
        grain: Maximum standard deviation of the grain, in L*.
        seed: Two integers; the same seed gives the same look.

    Returns:
        L* in [0, 100], (B, H, W, 1).
    """
    batch = tf.shape(rgb)[0]
    seeds = tf.unstack(tf.random.split(seed, 8))

    def uniform(which: int, shape: list[tf.Tensor | int]) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, seeds[which])

    if response > 0:
        mixed = -(tf.math.log(uniform(0, [batch, len(EMULSIONS)]) + 1e-6) ** 2)
        shares = mixed / tf.reduce_sum(mixed, -1, keepdims=True)
        weights = tf.linalg.matmul(shares, tf.constant(EMULSIONS))
        other = tf.reshape(uniform(1, [batch, 1]) < response, [batch, 1])
        weights = tf.where(other, weights, tf.constant(LUMINANCE_WEIGHTS)[tf.newaxis])
        recorded = tf.einsum("bhwc,bc->bhw", rgb, weights)[..., tf.newaxis]
        recorded = 116 * _compress(recorded) - 16
        lightness = tf.where(other[:, tf.newaxis, tf.newaxis], recorded, lightness)
    if gamma > 0:
        power = tf.exp((uniform(2, [batch, 1, 1, 1]) * 2 - 1) * gamma)
        lightness = 100 * (tf.clip_by_value(lightness / 100, 0, 1)) ** power
    if soft > 0:
        height, width = tf.shape(lightness)[1], tf.shape(lightness)[2]
        half = tf.nn.avg_pool2d(lightness, 2, 2, "SAME")
        blurred = tf.image.resize(half, [height, width])
        # Mostly strong: the share of the blurred picture has a mean of 2/3.
        share = 1 - uniform(6, [batch, 1, 1, 1]) ** 2
        share = tf.where(uniform(7, [batch, 1, 1, 1]) < soft, share, 0.0)
        lightness += share * (blurred - lightness)
    if grain > 0:
        fine = tf.random.stateless_normal(tf.shape(lightness), seeds[3])
        # Half the pictures get grain of about two pixels; its standard deviation stays 1.
        coarse = tf.nn.avg_pool2d(fine, 2, 1, "SAME") * 2
        fine = tf.where(uniform(4, [batch, 1, 1, 1]) < 0.5, fine, coarse)
        lightness += fine * uniform(5, [batch, 1, 1, 1]) ** 2 * grain
    return tf.clip_by_value(lightness, 0, 100)


def _compress(relative: tf.Tensor) -> tf.Tensor:
    """Return f(t) of CIE 15:2004, 8.2.1; negative values count as 0."""
    relative = tf.maximum(relative, 0.0)
    # Takes a third of the time of `relative ** (1 / 3)`.
    root = tf.exp(tf.math.log(tf.maximum(relative, 1e-6)) * (1 / 3))
    return tf.where(relative > _EPSILON, root, relative * (_KAPPA / 116) + 16 / 116)
