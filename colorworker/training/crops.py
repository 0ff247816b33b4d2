"""Crop or pad pictures to a square with random geometry, in a single interpolation."""

import math

from colorworker.model.runtime import tf
from colorworker.training.config import PictureConfig

STILL = PictureConfig(flip=0.0, zoom=0.0)
"""No random geometry; use `model_copy` for other sizes."""


def square(codes: tf.Tensor, how: PictureConfig, seed: tf.Tensor, *, moved: bool) -> tf.Tensor:
    """Return a picture as a square of the configured size; the aspect ratio is kept.

    `crop` fills the square and cuts off the rest; `pad` shows the whole picture on white.

    Args:
        codes: sRGB, (h, w, 3), uint8.
        how: Output size and the limits of the random geometry.
        seed: Two integers; the same seed gives the same geometry.
        moved: Apply random geometry. False for validation: the center, unchanged.

    Returns:
        (size, size, 3), uint8.
    """
    shape = tf.cast(tf.shape(codes)[:2], tf.float32)
    height, width = shape[0], shape[1]
    filling = how.fit == "crop"
    scale = (tf.minimum(height, width) if filling else tf.maximum(height, width)) / how.size
    draw = tf.random.stateless_uniform([6], seed) if moved else tf.fill([6], 0.5)
    angle = (draw[0] * 2 - 1) * math.radians(how.rotation)
    shear = (draw[1] * 2 - 1) * math.radians(how.shear)
    mirror = tf.where(draw[2] < how.flip, -1.0, 1.0) if moved else tf.constant(1.0)
    if moved:
        # Zoom in by 1 to 1 + zoom; with `pad`, zoom out by the same factor as well.
        power = draw[3] if filling else draw[3] * 2 - 1
        scale *= tf.exp(-power * math.log1p(how.zoom))
    room = [tf.abs(height - how.size * scale) / 2, tf.abs(width - how.size * scale) / 2]
    middle_y = (height - 1) / 2 + (draw[5] * 2 - 1) * room[0]
    middle_x = (width - 1) / 2 + (draw[4] * 2 - 1) * room[1]
    if filling and how.rotation == 0 and how.shear == 0:
        return _cropped(codes, how.size, scale, mirror, middle_y, middle_x)
    # Rows of the affine matrix from output to input pixels, about the centers of both.
    cos, sin, tan = tf.cos(angle), tf.sin(angle), tf.tan(shear)
    xx, xy = scale * mirror * cos, scale * mirror * (cos * tan - sin)
    yx, yy = scale * sin, scale * (sin * tan + cos)
    half = (how.size - 1) / 2
    x0 = middle_x - (xx + xy) * half
    y0 = middle_y - (yx + yy) * half
    zero = tf.zeros([])
    transform = tf.stack([xx, xy, x0, yx, yy, y0, zero, zero])[tf.newaxis]
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=codes[tf.newaxis],
        transforms=transform,
        output_shape=[how.size, how.size],
        fill_value=255.0,
        interpolation="BILINEAR",
        # With CONSTANT, white would bleed into the border of a picture that fills the square.
        fill_mode="NEAREST" if filling else "CONSTANT",
    )
    return tf.ensure_shape(warped[0], [how.size, how.size, 3])


def _cropped(
    codes: tf.Tensor,
    size: int,
    scale: tf.Tensor,
    mirror: tf.Tensor,
    middle_y: tf.Tensor,
    middle_x: tf.Tensor,
) -> tf.Tensor:
    """Return the same for an axis-aligned crop, in a third of the time."""
    last = tf.cast(tf.shape(codes)[:2], tf.float32) - 1
    reach = scale * (size - 1) / 2
    box = tf.stack(
        [middle_y - reach, middle_x - reach * mirror, middle_y + reach, middle_x + reach * mirror]
    )
    limits = tf.concat([last, last], 0)
    # When enlarging, the first sample would lie outside the picture: clamp to the edge pixels.
    box = tf.clip_by_value(box, 0.0, limits) / tf.maximum(limits, 1.0)
    cut = tf.image.crop_and_resize(codes[tf.newaxis], box[tf.newaxis], [0], [size, size])
    return tf.cast(tf.ensure_shape(tf.round(cut[0]), [size, size, 3]), tf.uint8)
