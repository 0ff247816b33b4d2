"""The input of the network: batches in a fixed order, made ahead on other threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colorworker.model.runtime import tf
from colorworker.training.config import HintConfig, LookConfig, PictureConfig
from colorworker.training.crops import square
from colorworker.training.intake import Kept
from colorworker.training.localcopy import Spool
from colorworker.training.order import Indices
from colorworker.training.randomhints import no_hints, random_hints
from colorworker.training.tfcolor import filmed, lab_from_linear, linear_from_codes


@dataclass(frozen=True)
class Recipe:
    """What is done to pictures on their way in."""

    picture: PictureConfig
    look: LookConfig
    hints: HintConfig
    seed: int
    stored_as: str = "jpeg"
    parallel: bool = True


def training_feed(
    spool: Spool,
    pictures: Sequence[Kept],
    indices: Indices,
    first_step: int,
    recipe: Recipe,
    *,
    parts: int = 1,
) -> tf.data.Dataset:
    """Return batches (luma, hints, chroma), augmented; the shapes are those of `Batch`.

    What is drawn at random depends on the seed, the step and the picture alone: not on threads, nor
    on where the reading began.

    Args:
        spool: Where the pictures lie.
        pictures: All that are trained on.
        indices: Which of them, (steps, pictures a step), in order.
        first_step: Number of the first of these steps, counted over all epochs.
        recipe: How they look.
        parts: Batches that a step's pictures are shared out to, one after the other.
    """
    steps, pictures_a_step = indices.shape
    batch = pictures_a_step // parts
    numbers = np.repeat(first_step + np.arange(steps, dtype=np.int64), parts)
    singles = np.stack([indices.ravel(), np.repeat(numbers, batch)], 1)
    decoded = _decoded(spool, pictures, singles, recipe, moved=True)
    # The first picture's number parts batches of one step, here and on other workers.
    seeds = np.stack([indices.reshape(-1, batch)[:, 0] + (recipe.seed << 32), numbers], 1)
    both = tf.data.Dataset.zip(
        (decoded.batch(batch, drop_remainder=True), tf.data.Dataset.from_tensor_slices(seeds))
    )
    finished = both.map(lambda codes, seed: _finished(codes, recipe, seed), **_ahead(recipe))
    return finished.prefetch(4) if recipe.parallel else finished


def validation_feed(
    spool: Spool, pictures: Sequence[Kept], batch: int, recipe: Recipe
) -> tf.data.Dataset:
    """Return batches (luma, hints, chroma) of the pictures as they are, without hints."""
    dataset = squares(spool, pictures, recipe).batch(batch)
    dataset = dataset.map(_plain, **_ahead(recipe))
    return dataset.prefetch(2) if recipe.parallel else dataset


def squares(spool: Spool, pictures: Sequence[Kept], recipe: Recipe) -> tf.data.Dataset:
    """Return the pictures as they are seen unmoved, (size, size, 3), uint8, one at a time."""
    singles = np.stack([np.arange(len(pictures)), np.zeros(len(pictures), np.int64)], 1)
    return _decoded(spool, pictures, singles, recipe, moved=False)


def _decoded(
    spool: Spool, pictures: Sequence[Kept], singles: Indices, recipe: Recipe, *, moved: bool
) -> tf.data.Dataset:
    """Return squares of codes, one a row (picture, step) of `singles`."""
    shapes = np.asarray([(item.place.height, item.place.width) for item in pictures], np.int32)

    def read(index: np.int64) -> bytes:
        return spool.read(pictures[int(index)].place)

    def one(row: tf.Tensor) -> tf.Tensor:
        index, step = row[0], row[1]
        data = tf.ensure_shape(tf.numpy_function(read, [index], tf.string), [])
        if recipe.stored_as == "pixels":
            shape = tf.gather(tf.constant(shapes), index)
            codes = tf.reshape(tf.io.decode_raw(data, tf.uint8), [shape[0], shape[1], 3])
        else:
            codes = tf.io.decode_jpeg(data, channels=3)
        seed = tf.stack([index + (recipe.seed << 32), step])
        return square(codes, recipe.picture, seed, moved=moved)

    return tf.data.Dataset.from_tensor_slices(singles).map(one, **_ahead(recipe))


def _finished(
    codes: tf.Tensor, recipe: Recipe, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    seeds = tf.unstack(tf.random.split(seed, 2))
    rgb = linear_from_codes(codes)
    lab = lab_from_linear(rgb)
    look, hints = recipe.look, recipe.hints
    lightness = filmed(
        rgb,
        lab[..., :1],
        response=look.response,
        gamma=look.gamma,
        grain=look.grain,
        seed=seeds[0],
    )
    chroma = lab[..., 1:]
    shown = random_hints(
        chroma, none=hints.none, dense=hints.dense, most_points=hints.most_points, seed=seeds[1]
    )
    return lightness / 50 - 1, shown, chroma


def _plain(codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    lab = lab_from_linear(linear_from_codes(codes))
    return lab[..., :1] / 50 - 1, no_hints(lab[..., 1:]), lab[..., 1:]


def _ahead(recipe: Recipe) -> dict[str, Any]:
    """Return how `map` is to run."""
    if not recipe.parallel:
        return {}
    return {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
