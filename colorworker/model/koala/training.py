"""Training of the report's network: mean squared error, the Inception branch frozen."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Precision
from colorworker.model.architectures import Architecture
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.topology import CHROMA_RANGE, color
from colorworker.model.layers import Convolutions, Convolved
from colorworker.model.layout import convolutions
from colorworker.model.runtime import tf
from colorworker.model.trainingbatch import Batch

Array = npt.NDArray[np.float32]

LEARNING_RATE = 1e-3
"""Of Adam, in the report; the objective is MSE, the batch 20."""


class KoalaModel(keras.Model):  # type: ignore[misc]  # keras has no types
    """Encoder, fusion and decoder; returns a*/128, b*/128 (B, H, W, 2), float32."""

    def __init__(self, layers: list[Convolved], embed: Embedder) -> None:
        super().__init__(name="koala")
        self.convolved = layers
        self._embed = embed
        self.built = True

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Run on [luma, hints], as a Batch has them; the network knows no hints."""
        luma, _ = inputs
        return color(Convolutions(self.convolved, training=training), luma, self._embed(luma))


class KoalaTrainable:
    """See `trainable.Trainable`."""

    def __init__(self, embed: Embedder, arrays: dict[str, Array], *, precision: Precision) -> None:
        self.architecture: Architecture = embed.architecture
        policy = "float32" if precision == "float32" else f"mixed_{precision}"
        layers = [
            Convolved(item, arrays, momentum=1.0, name=item.name, dtype=policy)
            for item in convolutions(self.architecture, 0).values()
        ]
        self.model = KoalaModel(layers, embed)

    def backbone(self) -> list[Any]:
        """Return nothing: the pretrained branch never learns."""
        return []

    def arrays(self) -> dict[str, Array]:
        """Return every array by its name in a file of weights, float32; the branch has none."""
        return {
            name: np.asarray(variable.numpy(), np.float32)
            for layer in self.model.convolved
            for name, variable in layer.variables_by_name.items()
        }

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return `loss`, the mean squared error of a*/128 and b*/128, and `ab_mse`.

        Source:
            Baldassarre 2017, equation 2: 1/(2HW) of the sum over both, averaged over the batch.
        """
        predicted = self.model([batch.luma, batch.hints], training=training)
        loss = tf.reduce_mean((predicted - batch.chroma / CHROMA_RANGE) ** 2)
        return {"loss": loss, "ab_mse": loss * CHROMA_RANGE**2}
