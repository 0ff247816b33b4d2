"""The second branch of Deep Koalarization: a vector of the picture from Inception-ResNet-v2."""

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
from colorworker.model.kerasfile import IMAGENET, load_keras_model
from colorworker.model.runtime import tf
from colorworker.store.objectstore import OpenStore

Array = npt.NDArray[np.float32]

_STANDARD_PIXELS = 299
"""The only size for which Keras provides weights with the last layer."""


class Embedder:
    """The frozen branch.

    Deliberately not a Keras layer, so that its 55 million values are not variables of the network
    and stay out of optimizers, checkpoints and weights files.
    """

    def __init__(self, architecture: Architecture, opened: OpenStore) -> None:
        """Build the branch with the weights of `architecture.backbone`; untrained if it is empty.

        Raises:
            WeightsRefused: If the weights are not available, do not fit, or do not have
                `architecture.backbone_sha256`.
        """
        self._pixels = architecture.embedding_pixels
        self._model = _branch(architecture.backbone, self._pixels, opened)
        self.architecture = with_branch_sha256(architecture, self._model.get_weights())

    def __call__(self, luma: tf.Tensor) -> tf.Tensor:
        """Return the values before the softmax, (B, 1, 1, 1000), for square luma (B, H, H, 1).

        Luma is in [-1, 1], like the pictures that the branch was trained on: keras.applications
        scales 0..255 to that range.
        """
        seen = tf.image.resize(luma, [self._pixels, self._pixels], "bilinear")
        vector = self._model(tf.repeat(seen, 3, -1), training=False)
        return tf.stop_gradient(vector)[:, tf.newaxis, tf.newaxis]


def with_branch_sha256(architecture: Architecture, arrays: Iterable[Array]) -> Architecture:
    """Return the architecture with the SHA-256 of its branch.

    Raises:
        WeightsRefused: If the architecture names a different SHA-256 already.
    """
    sha256 = sha256_of_arrays(arrays)
    if architecture.backbone_sha256 not in {"", sha256}:
        raise WeightsRefused(
            architecture.backbone or "untrained Inception branch",
            f"its arrays have SHA-256 {sha256[:12]}..., and the network was trained with"
            f" {architecture.backbone_sha256[:12]}...",
            "Restore the file that the network was trained with",
        )
    return replace(architecture, backbone_sha256=sha256)


def sha256_of_arrays(arrays: Iterable[Array]) -> str:
    """Return the SHA-256 of the shapes and float32 values of arrays, in order.

    A file's SHA-256 cannot be used, because Keras stores the same weights in several formats.
    """
    hashed = hashlib.sha256()
    for array in arrays:
        hashed.update(f"{array.shape};".encode())
        hashed.update(np.ascontiguousarray(array, "<f4").data)
    return hashed.hexdigest()


def _branch(source: str, pixels: int, opened: OpenStore) -> Any:
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
        model.set_weights(load_keras_model(build, source, opened).get_weights())
        return model
    return load_keras_model(sized, source, opened)


def _untrained(path: str, shape: tuple[int, ...], index: int) -> Array:
    """Return the initial values of one variable, the same at every call.

    Kernels are uniform after He 2015. That keeps the magnitude of features near that of the input
    through all 200 layers, which untrained normalizations would not.
    """
    part = path.rpartition("/")[2]
    if part != "kernel":
        return np.full(shape, part == "moving_variance", np.float32)
    limit = np.float32((6 / np.prod(shape[:-1])) ** 0.5)
    rng = np.random.default_rng([0, index])
    return (rng.random(shape, np.float32) * 2 - 1) * limit
