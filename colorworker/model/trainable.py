"""Networks that learn: one contract for all architectures, from arrays and back to arrays."""

from collections.abc import Mapping
from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.batch import Batch
from colorworker.model.bintrainable import BinTrainable
from colorworker.model.initial import initial_arrays
from colorworker.model.runtime import tf
from colorworker.model.weights import Weights, load, resolve
from colorworker.work.job import Precision

Array = npt.NDArray[np.float32]


class Trainable(Protocol):
    """A network with its variables and its loss."""

    architecture: Architecture
    model: keras.Model
    """All variables; `model([luma, hints], training=...)` runs it."""

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return float32 scalars, means over the batch: `loss` to minimise, its parts, metrics."""
        ...

    def backbone(self) -> list[Any]:
        """Return the trainable variables that get a learning rate of their own."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return every array as a file of weights holds it, float32."""
        ...


def trainable(
    architecture: Architecture,
    weights: Weights | None = None,
    *,
    seed: int = 0,
    freeze_backbone: bool = False,
    freeze_statistics: bool = True,
    precision: Precision = "float32",
) -> Trainable:
    """Return a network ready to learn, from given weights or fresh.

    Make it inside a strategy's scope to have its variables mirrored.

    Args:
        architecture: Which network.
        weights: Where it starts; None: first values drawn with `seed`.
        seed: Of the first values.
        freeze_backbone: Leave the encoder as it is; its statistics too.
        freeze_statistics: Leave the running statistics of the encoder's normalisations.
        precision: Of the convolutions; variables and losses are float32.

    Raises:
        WeightsRefused: If the weights are those of another architecture.
    """
    if weights is not None and weights.architecture != architecture:
        raise WeightsRefused(
            f"weights {weights.sha256[:12]}...",
            f"are for {weights.architecture}, and {architecture} is to be trained",
            "Name weights of the same architecture and width, or start fresh",
        )
    arrays: Mapping[str, npt.NDArray[np.floating]]
    arrays = weights.arrays if weights is not None else _fresh(architecture, seed)
    return BinTrainable(
        architecture,
        {name: array.astype(np.float32) for name, array in arrays.items()},
        freeze_backbone=freeze_backbone,
        freeze_statistics=freeze_statistics or freeze_backbone,
        precision=precision,
    )


def _fresh(architecture: Architecture, seed: int) -> dict[str, Array]:
    """Return first values; the table of colours is that of the packaged weights."""
    packaged = load(resolve("lite"))
    return initial_arrays(architecture, packaged.bins, packaged.log_class_weights, seed=seed)
