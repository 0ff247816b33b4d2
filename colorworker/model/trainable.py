"""The contract of trainable networks, and the function that builds one."""

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Precision
from colorworker.errors import WeightsRefused
from colorworker.model.architectures import Architecture
from colorworker.model.bintrainable import BinTrainable, LossWeights
from colorworker.model.initialvalues import initial_arrays, with_backbone
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.training import KoalaTrainable
from colorworker.model.pretrained import encoder_arrays
from colorworker.model.runtime import tf
from colorworker.model.trainingbatch import Batch
from colorworker.model.weights import Weights, load, resolve
from colorworker.store.objectstore import OpenStore
from colorworker.store.openstore import open_store

Array = npt.NDArray[np.float32]


class Trainable(Protocol):
    """A network with its variables and its loss."""

    architecture: Architecture
    model: keras.Model
    """Holds all variables; `model([luma, hints], training=...)` runs the network."""

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return float32 scalars, means over the batch: `loss` to minimize, its parts, metrics."""
        ...

    def backbone(self) -> list[Any]:
        """Return the trainable variables of the backbone, which have a separate learning rate."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return every array by its name in a weights file, float32."""
        ...


def make_trainable(
    architecture: Architecture,
    weights: Weights | None = None,
    *,
    seed: int = 0,
    freeze_backbone: bool = False,
    frozen_blocks: int = 0,
    freeze_statistics: bool = True,
    precision: Precision = "float32",
    loss: LossWeights | None = None,
    opened: OpenStore = open_store,
) -> Trainable:
    """Return a network ready for training, with given weights or initial values.

    Call it within a strategy's scope to mirror the variables.

    Args:
        architecture: The network.
        weights: Weights to start from. None: initial values from `seed`.
        seed: Seed of the initial values.
        freeze_backbone: Do not train the encoder; its statistics are frozen too.
        frozen_blocks: Do not train the stem and this many first blocks of the encoder.
        freeze_statistics: Freeze the running statistics of the encoder's normalizations. Ignored
            for an encoder that starts untrained, because it has no statistics yet.
        precision: Precision of the convolutions; variables and losses are float32.
        loss: Weights of the terms of the loss; None for the defaults. Koala has one term only.
        opened: Opens the store of `architecture.backbone`. A network without weights starts with
            the arrays stored there, and koala's frozen branch always comes from there.

    Returns:
        The network. Its `architecture` is the one to write into its weights file.

    Raises:
        WeightsRefused: If the weights are those of another architecture, or the backbone is not
            available. `pretrained.resolve_backbone` checks that beforehand.
    """
    if weights is not None:
        if not weights.architecture.matches(architecture):
            raise _mismatch(weights, architecture)
        architecture = weights.architecture
        has_statistics = True
        arrays = {name: array.astype(np.float32) for name, array in weights.arrays.items()}
    else:
        has_statistics = bool(architecture.backbone)
        arrays = _initial(architecture, seed, opened)
    if architecture.name == "koala":
        return KoalaTrainable(Embedder(architecture, opened), arrays, precision=precision)
    return BinTrainable(
        architecture,
        arrays,
        freeze_backbone=freeze_backbone,
        frozen_blocks=frozen_blocks,
        freeze_statistics=freeze_backbone or (freeze_statistics and has_statistics),
        precision=precision,
        loss=loss,
    )


def _mismatch(weights: Weights, architecture: Architecture) -> WeightsRefused:
    return WeightsRefused(
        f"weights {weights.sha256[:12]}...",
        f"are for {weights.architecture}, and {architecture} was requested",
        "Give weights of the same architecture and width, or none",
    )


def _initial(architecture: Architecture, seed: int, opened: OpenStore) -> dict[str, Array]:
    """Return initial values; the table of color bins is that of the packaged weights."""
    packaged = load(resolve("lite"))
    arrays = initial_arrays(architecture, packaged.bins, packaged.log_class_weights, seed=seed)
    if architecture.name == "koala":
        return arrays
    return with_backbone(arrays, encoder_arrays(architecture, opened))
