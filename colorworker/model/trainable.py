"""Networks that learn: one contract for all architectures, from arrays and back to arrays."""

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Precision
from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.bintrainable import BinTrainable
from colorworker.model.initialvalues import initial_arrays, with_backbone
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.training import KoalaTrainable
from colorworker.model.pretrained import encoder_arrays
from colorworker.model.runtime import tf
from colorworker.model.trainingbatch import Batch
from colorworker.model.weightfiles import Opened
from colorworker.model.weights import Weights, load, resolve
from colorworker.store.openstore import open_store

Array = npt.NDArray[np.float32]


class Trainable(Protocol):
    """A network with its variables and its loss."""

    architecture: Architecture
    model: keras.Model
    """All variables; `model([luma, hints], training=...)` runs it."""

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return float32 scalars, means over the batch: `loss` to minimize, its parts, metrics."""
        ...

    def backbone(self) -> list[Any]:
        """Return the trainable variables that get a learning rate of their own."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return every array as a file of weights holds it, float32."""
        ...


def make_trainable(
    architecture: Architecture,
    weights: Weights | None = None,
    *,
    seed: int = 0,
    freeze_backbone: bool = False,
    freeze_statistics: bool = True,
    precision: Precision = "float32",
    opened: Opened = open_store,
) -> Trainable:
    """Return a network ready to learn, from given weights or fresh.

    Make it inside a strategy's scope to have its variables mirrored.

    Args:
        architecture: Which network.
        weights: Where it starts; None: first values drawn with `seed`.
        seed: Of the first values.
        freeze_backbone: Leave the encoder as it is; its statistics too.
        freeze_statistics: Leave the running statistics of the encoder's normalizations; an encoder
            that begins untrained has none to keep, and then they move.
        precision: Of the convolutions; variables and losses are float32.
        opened: Opens the store of `architecture.backbone`. A fresh network begins with what lies
            there; koala's frozen branch always comes from there.

    Returns:
        A network whose `architecture` says all that the file of its weights has to say.

    Raises:
        WeightsRefused: If the weights are those of another architecture, or the backbone is not
            to be had; `pretrained.settle` finds out beforehand.
    """
    if weights is not None:
        if not weights.architecture.matches(architecture):
            raise _other(weights, architecture)
        architecture = weights.architecture
        has_statistics = True
        arrays = {name: array.astype(np.float32) for name, array in weights.arrays.items()}
    else:
        has_statistics = bool(architecture.backbone)
        arrays = _fresh(architecture, seed, opened)
    if architecture.name == "koala":
        return KoalaTrainable(Embedder(architecture, opened), arrays, precision=precision)
    return BinTrainable(
        architecture,
        arrays,
        freeze_backbone=freeze_backbone,
        freeze_statistics=freeze_backbone or (freeze_statistics and has_statistics),
        precision=precision,
    )


def _other(weights: Weights, architecture: Architecture) -> WeightsRefused:
    return WeightsRefused(
        f"weights {weights.sha256[:12]}...",
        f"are for {weights.architecture}, and {architecture} is to be trained",
        "Name weights of the same architecture and width, or start fresh",
    )


def _fresh(architecture: Architecture, seed: int, opened: Opened) -> dict[str, Array]:
    """Return first values; the table of colors is that of the packaged weights."""
    packaged = load(resolve("lite"))
    arrays = initial_arrays(architecture, packaged.bins, packaged.log_class_weights, seed=seed)
    if architecture.name == "koala":
        return arrays
    return with_backbone(arrays, encoder_arrays(architecture, opened))
