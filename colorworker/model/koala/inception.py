"""The report's second branch: what Inception-ResNet-v2 sees in the picture, as one vector."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.kerasfile import IMAGENET, loaded
from colorworker.model.runtime import tf
from colorworker.model.weightfiles import Opened

Array = npt.NDArray[np.float32]

_STANDARD_PIXELS = 299
"""The only size at which Keras gives out the network with its last layer."""


class Embedder:
    """The branch, frozen.

    Deliberately no Keras layer: its 55 million variables then stay out of the network's own, and so
    out of optimizers, checkpoints and files of weights.
    """

    def __init__(self, architecture: Architecture, opened: Opened) -> None:
        """Build the branch and fill it from `architecture.backbone`; empty leaves it untrained.

        Raises:
            WeightsRefused: If the weights cannot be had, are not this network's, or do not have
                `architecture.backbone_sha256`.
        """
        self._pixels = architecture.embedding_pixels
        self._model = _branch(architecture.backbone, self._pixels, opened)
        self.architecture = identified(architecture, self._model.get_weights())

    def __call__(self, luma: tf.Tensor) -> tf.Tensor:
        """Return what goes into the softmax, (B, 1, 1, 1000), for square luma (B, H, H, 1).

        Luma in [-1, 1] is what the branch was trained on: keras.applications maps 0..255 there.
        """
        seen = tf.image.resize(luma, [self._pixels, self._pixels], "bilinear")
        vector = self._model(tf.repeat(seen, 3, -1), training=False)
        return tf.stop_gradient(vector)[:, tf.newaxis, tf.newaxis]


def identified(architecture: Architecture, arrays: Iterable[Array]) -> Architecture:
    """Return the architecture with the sha256 of its branch.

    Raises:
        WeightsRefused: If it has that of another.
    """
    sha256 = digest(arrays)
    if architecture.backbone_sha256 not in {"", sha256}:
        raise WeightsRefused(
            architecture.backbone or "untrained Inception branch",
            f"its arrays have sha256 {sha256[:12]}..., and the network was trained on"
            f" {architecture.backbone_sha256[:12]}...",
            "Put the file of that training back in its place",
        )
    return replace(architecture, backbone_sha256=sha256)


def digest(arrays: Iterable[Array]) -> str:
    """Return the sha256 over the shapes and float32 values of a network's arrays, in its order.

    Of the arrays, not of a file: the same weights come in several formats of Keras.
    """
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(f"{array.shape};".encode())
        hashed.update(np.ascontiguousarray(array, "<f4").data)
    return hashed.hexdigest()


def _branch(source: str, pixels: int, opened: Opened) -> Any:
    build = partial(
        keras.applications.InceptionResNetV2,
        include_top=True,
        classifier_activation=None,
    )
    sized = partial(build, input_shape=(pixels, pixels, 3))
    if not source:
        model = sized(weights=None)
        model.set_weights([_untrained(v.path, v.shape, i) for i, v in enumerate(model.weights)])
        return model
    if source == IMAGENET and pixels != _STANDARD_PIXELS:
        model = sized(weights=None)
        model.set_weights(loaded(build, source, opened).get_weights())
        return model
    return loaded(sized, source, opened)


def _untrained(path: str, shape: tuple[int, ...], index: int) -> Array:
    """Return first values of one variable, the same at every call.

    Uniform after He 2015: the size of the features then stays near that of the input through all
    200 layers, as far as the normalizations, which never see a batch, do not do that.
    """
    part = path.rpartition("/")[2]
    if part != "kernel":
        return np.full(shape, part == "moving_variance", np.float32)
    limit = np.float32((6 / np.prod(shape[:-1])) ** 0.5)
    rng = np.random.default_rng([0, index])
    return (rng.random(shape, np.float32) * 2 - 1) * limit
