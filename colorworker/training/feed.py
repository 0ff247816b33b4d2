"""Input pipeline of the network: batches in a reproducible order, prepared on other threads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from colorworker.model.runtime import tf
from colorworker.training.config import HintConfig, LookConfig, PictureConfig
from colorworker.training.crops import square
from colorworker.training.inventory import StoredPicture
from colorworker.training.localcopy import LocalCopy
from colorworker.training.order import Indices
from colorworker.training.randomhints import no_hints, random_hints
from colorworker.training.tfcolor import film_look, lab_from_linear, linear_from_codes


@dataclass(frozen=True)
class FeedConfig:
    """How pictures are turned into network input."""

    picture: PictureConfig
    look: LookConfig
    hints: HintConfig
    seed: int
    stored_as: str = "jpeg"
    parallel: bool = True


def training_feed(
    local_copy: LocalCopy,
    pictures: Sequence[StoredPicture],
    indices: Indices,
    first_step: int,
    recipe: FeedConfig,
    *,
    parts: int = 1,
) -> tf.data.Dataset:
    """Return augmented batches (luma, hints, chroma) with the shapes of `Batch`.

    Random draws depend on seed, step and picture only, not on threads or on where reading started.

    Args:
        local_copy: The local copy of the pictures.
        pictures: All training pictures.
        indices: Which of them to read, in order: (steps, pictures per step).
        first_step: Number of the first of these steps, counted over all epochs.
        recipe: Size, augmentation and hints.
        parts: Number of batches each step is divided into, one per device.
    """
    steps, pictures_a_step = indices.shape
    batch = pictures_a_step // parts
    numbers = np.repeat(first_step + np.arange(steps, dtype=np.int64), parts)
    singles = np.stack([indices.ravel(), np.repeat(numbers, batch)], 1)
    decoded = _decoded(local_copy, pictures, singles, recipe, moved=True)
    # The index of the first picture tells apart the batches of one step, on all workers.
    seeds = np.stack([indices.reshape(-1, batch)[:, 0] + (recipe.seed << 32), numbers], 1)
    both = tf.data.Dataset.zip(
        (decoded.batch(batch, drop_remainder=True), tf.data.Dataset.from_tensor_slices(seeds))
    )
    finished = both.map(lambda codes, seed: _finished(codes, recipe, seed), **_ahead(recipe))
    return finished.prefetch(4) if recipe.parallel else finished


def validation_feed(
    local_copy: LocalCopy, pictures: Sequence[StoredPicture], batch: int, recipe: FeedConfig
) -> tf.data.Dataset:
    """Return batches (luma, hints, chroma) without augmentation and without hints."""
    dataset = square_pictures(local_copy, pictures, recipe).batch(batch)
    dataset = dataset.map(_plain, **_ahead(recipe))
    return dataset.prefetch(2) if recipe.parallel else dataset


def square_pictures(
    local_copy: LocalCopy, pictures: Sequence[StoredPicture], recipe: FeedConfig
) -> tf.data.Dataset:
    """Return the pictures one at a time without random geometry: (size, size, 3), uint8."""
    singles = np.stack([np.arange(len(pictures)), np.zeros(len(pictures), np.int64)], 1)
    return _decoded(local_copy, pictures, singles, recipe, moved=False)


def _decoded(
    local_copy: LocalCopy,
    pictures: Sequence[StoredPicture],
    singles: Indices,
    recipe: FeedConfig,
    *,
    moved: bool,
) -> tf.data.Dataset:
    """Return one square of sRGB codes for each row (picture, step) of `singles`."""
    shapes = np.asarray([(item.place.height, item.place.width) for item in pictures], np.int32)

    def read(index: np.int64) -> bytes:
        return local_copy.read(pictures[int(index)].place)

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
    codes: tf.Tensor, recipe: FeedConfig, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    seeds = tf.unstack(tf.random.split(seed, 2))
    rgb = linear_from_codes(codes)
    lab = lab_from_linear(rgb)
    look, hints = recipe.look, recipe.hints
    lightness = film_look(
        rgb,
        lab[..., :1],
        response=look.response,
        gamma=look.gamma,
        soft=look.soft,
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


def _ahead(recipe: FeedConfig) -> dict[str, Any]:
    """Return the arguments for `Dataset.map`."""
    if not recipe.parallel:
        return {}
    return {"num_parallel_calls": tf.data.AUTOTUNE, "deterministic": True}
