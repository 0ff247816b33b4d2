"""AdamW over all workers: one reduction, one clipping, a backbone rate, a moving average.

Our own, because Keras' optimizers sum the gradients inside their update, after any clipping that
could be done outside, and because two learning rates would need two optimizers and two reductions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.model.runtime import tf

Arrays = dict[str, npt.NDArray[Any]]

BETA1 = 0.9
EPSILON = 1e-8
FIRST_SCALE = 2.0**15
SCALE_STEPS = 2000
"""Steps without overflow after which the loss scale of float16 is doubled."""


@dataclass(frozen=True)
class ScheduledValues:
    """Scheduled values of one step; they are inputs of the graph, not constants in it."""

    rate: float
    backbone_rate: float
    decay: float
    """Decay of the moving average."""
    step: int
    """Step number, 0 for the first."""


class AdamW:
    """Holds the moments and moving averages of the variables.

    Each replica has its own copy of them; all replicas get the same gradients and stay identical.

    Source:
        Loshchilov & Hutter 2019, algorithm 2; moments as in Kingma & Ba 2015.
    """

    def __init__(
        self,
        trainable: Sequence[Any],
        averaged: Sequence[Any],
        backbone: Sequence[Any],
        *,
        weight_decay: float,
        clip: float,
        beta2: float,
        scales_loss: bool,
    ) -> None:
        """Create the variables; call this within the strategy's scope.

        Args:
            trainable: Variables to update, tf.Variable.
            averaged: Floating-point variables whose moving average is kept.
            backbone: The trainable variables that use the backbone's learning rate.
            weight_decay: Decay of kernels, as a share of the rate; biases and norms do not decay.
            clip: Gradients with a larger global norm are scaled down to it.
            beta2: Decay of the second moment.
            scales_loss: Scale the loss, for float16, whose small gradients would underflow.
        """
        self._trainable = list(trainable)
        self._averaged = list(averaged)
        self._is_backbone = [any(item is other for other in backbone) for item in trainable]
        self._weight_decay = weight_decay
        self._clip = clip
        self._beta2 = beta2
        self._first = [_zeros(item) for item in trainable]
        self._second = [_zeros(item) for item in trainable]
        self._average = [tf.Variable(item.read_value(), trainable=False) for item in averaged]
        self._scale = tf.Variable(FIRST_SCALE if scales_loss else 1.0, trainable=False)
        self._calm_steps = tf.Variable(0.0, trainable=False)
        self._scales_loss = scales_loss

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the loss to differentiate, scaled if the precision needs it."""
        return loss * self._scale if self._scales_loss else loss

    def apply(self, gradients: Sequence[tf.Tensor], pace: Sequence[tf.Tensor]) -> tf.Tensor:
        """Update the variables by one step; return the gradient's norm before clipping.

        Args:
            gradients: Gradients of the scaled loss, summed over all workers; None if unused.
            pace: Scalars: rate, backbone rate, decay, bias corrections of both moments.
        """
        seen = [item for item in gradients if item is not None]
        seen = [tf.convert_to_tensor(item) / self._scale for item in seen]
        norm = tf.linalg.global_norm(seen)
        if not self._scales_loss:
            self._move(gradients, seen, norm, pace)
            return norm
        fine = tf.math.is_finite(norm)
        tf.cond(fine, lambda: self._move(gradients, seen, norm, pace), lambda: None)
        self._calm_steps.assign(tf.where(fine, self._calm_steps + 1, 0.0))
        grown = self._calm_steps >= SCALE_STEPS
        factor = tf.where(fine, tf.where(grown, 2.0, 1.0), 0.5)
        self._calm_steps.assign(tf.where(grown, 0.0, self._calm_steps))
        self._scale.assign(tf.clip_by_value(self._scale * factor, 1.0, 2.0**24))
        return norm

    def _move(
        self,
        gradients: Sequence[tf.Tensor],
        seen: Sequence[tf.Tensor],
        norm: tf.Tensor,
        pace: Sequence[tf.Tensor],
    ) -> None:
        rate, backbone_rate, decay, correction1, correction2 = pace
        factor = self._clip / tf.maximum(norm, self._clip)
        remaining = iter(seen)
        for index, variable in enumerate(self._trainable):
            if gradients[index] is None:
                continue
            gradient = next(remaining) * factor
            first, second = self._first[index], self._second[index]
            mean = first * BETA1 + gradient * (1 - BETA1)
            square = second * self._beta2 + gradient * gradient * (1 - self._beta2)
            first.assign(mean)
            second.assign(square)
            own_rate = backbone_rate if self._is_backbone[index] else rate
            change = mean / correction1 / (tf.sqrt(square / correction2) + EPSILON)
            if len(variable.shape) > 1:
                change += self._weight_decay * variable
            variable.assign_sub(own_rate * change)
        for average, variable in zip(self._average, self._averaged, strict=True):
            average.assign_sub((1 - decay) * (average - variable))

    def pace(self, now: ScheduledValues) -> npt.NDArray[np.float32]:
        """Return the values of a step as `apply` expects them, float32 (5,)."""
        power = now.step + 1
        corrections = (1 - BETA1**power, 1 - self._beta2**power)
        return np.asarray((now.rate, now.backbone_rate, now.decay, *corrections), np.float32)

    @property
    def averages(self) -> list[Any]:
        """The moving averages, in the order of `averaged`."""
        return self._average

    @property
    def variables(self) -> dict[str, Any]:
        """Everything that belongs in a checkpoint, by name."""
        named = {"scale": self._scale, "calm_steps": self._calm_steps}
        for name, items in (
            ("first", self._first),
            ("second", self._second),
            ("average", self._average),
        ):
            named |= {f"{name}/{index}": item for index, item in enumerate(items)}
        return named


def _zeros(variable: Any) -> Any:
    return tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False)
