"""Training of Deep Koalarization with the mean squared error; the Inception branch is frozen."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from colorworker.domain.options import Precision
from colorworker.model.architectures import Architecture
from colorworker.model.koala.inception import Embedder
from colorworker.model.koala.topology import CHROMA_RANGE, color
from colorworker.model.layers import ConvolutionLayer, ConvolutionLayers
from colorworker.model.layout import convolutions
from colorworker.model.runtime import tf
from colorworker.model.trainingbatch import Batch

Array = npt.NDArray[np.float32]

LEARNING_RATE = 1e-3
"""Learning rate of Adam in the report, which used batches of 20."""


class KoalaModel(keras.Model):  # type: ignore[misc]  # keras has no types
    """Encoder, fusion and decoder; returns a*/128, b*/128 (B, H, W, 2), float32."""

    def __init__(self, layers: list[ConvolutionLayer], embed: Embedder) -> None:
        super().__init__(name="koala")
        self.convolved = layers
        self._embed = embed
        self.built = True

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Run on [luma, hints] of a Batch. The network ignores hints."""
        luma, _ = inputs
        return color(ConvolutionLayers(self.convolved, training=training), luma, self._embed(luma))


class KoalaTrainable:
    """See `trainable.Trainable`."""

    def __init__(self, embed: Embedder, arrays: dict[str, Array], *, precision: Precision) -> None:
        self.architecture: Architecture = embed.architecture
        policy = "float32" if precision == "float32" else f"mixed_{precision}"
        layers = [
            ConvolutionLayer(item, arrays, momentum=1.0, name=item.name, dtype=policy)
            for item in convolutions(self.architecture, 0).values()
        ]
        self.model = KoalaModel(layers, embed)

    def backbone(self) -> list[Any]:
        """Return no variables: the pretrained branch is never trained."""
        return []

    def arrays(self) -> dict[str, Array]:
        """Return every array but the branch's, float32, by its name in a weights file."""
        return {
            name: np.asarray(variable.numpy(), np.float32)
            for layer in self.model.convolved
            for name, variable in layer.variables_by_name.items()
        }

    def losses(self, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        """Return `loss`, the mean squared error of a*/128 and b*/128, and `ab_mse`.

        Source:
            Baldassarre 2017, equation 2: the sum over both channels divided by 2HW, averaged over
            the batch.
        """
        predicted = self.model([batch.luma, batch.hints], training=training)
        loss = tf.reduce_mean((predicted - batch.chroma / CHROMA_RANGE) ** 2)
        return {"loss": loss, "ab_mse": loss * CHROMA_RANGE**2}
