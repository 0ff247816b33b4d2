"""A network being trained: steps, validation, and its state as arrays."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import UsageError
from colorworker.model.runtime import tf
from colorworker.model.trainable import Trainable
from colorworker.model.trainingbatch import Batch
from colorworker.training.config import OptimizerConfig
from colorworker.training.optimizer import AdamW, Arrays, ScheduledValues

Floats = npt.NDArray[np.float32]
Measures = dict[str, float]


@dataclass(frozen=True)
class World:
    """The place of this process among the workers of a training."""

    strategy: Any
    """The tf.distribute.Strategy under whose scope variables are created."""
    rank: int = 0
    workers: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this worker writes the output."""
        return self.rank == 0


def alone() -> World:
    """Return the world of a single process with one device."""
    return World(tf.distribute.get_strategy())


class Engine:
    """Holds the variables, which are identical on all workers after every step.

    Batch-normalization statistics may differ between workers until `agree` is called.
    """

    def __init__(
        self, trainable: Trainable, config: OptimizerConfig, world: World, *, jit: bool = False
    ) -> None:
        """Create the optimizer. Graphs are built on first use.

        Args:
            trainable: The network, created within the strategy's scope.
            config: Optimizer configuration.
            world: Place of this process among the workers.
            jit: Compile the step with XLA.
        """
        self.trainable = trainable
        self._world = world
        self._variables = [item.value for item in trainable.model.variables]
        # Keras returns the same objects every time.
        self._trained = [item.value for item in trainable.model.trainable_variables]
        if not self._trained:
            raise UsageError(
                "model", "has no trainable weights", "Set model.freeze_backbone = false"
            )
        self._averaged = [item for item in self._variables if item.dtype.is_floating]
        trained = {id(item) for item in self._trained}
        # TensorFlow does not aggregate these on assignment.
        self._statistics = [
            item
            for item in self._averaged
            if id(item) not in trained and item.aggregation == tf.VariableAggregation.NONE
        ]
        with world.strategy.scope():
            self._optimizer = AdamW(
                self._trained,
                self._averaged,
                [item.value for item in trainable.backbone()],
                weight_decay=config.weight_decay,
                clip=config.clip,
                beta2=config.beta2,
                scales_loss=config.precision == "float16",
            )
        self.names: tuple[str, ...] = ()
        """Names of the measures, in the order of the vectors; set by the first step."""
        self._step = tf.function(self._distributed_step, jit_compile=jit or None)
        self._measure = tf.function(self._distributed_measure)
        self._sum = tf.function(self._distributed_sum)
        self._agree = tf.function(self._distributed_agree)

    def step(self, data: Sequence[tf.Tensor], pace: ScheduledValues) -> tf.Tensor:
        """Run one training step; return the measures in the order of `names`, over all workers."""
        return self._step(tuple(data), tf.constant(self._optimizer.pace(pace)))

    def measure(self, feed: Any) -> Measures:
        """Return the mean of each measure over a feed, averaged over all workers."""
        total, count = None, 0
        for data in feed:
            vector = self._measure(tuple(data))
            total = vector if total is None else total + vector
            count += 1
        total = tf.zeros([len(self.names)]) if total is None else total
        summed = self._sum(tf.concat([total, [float(count)]], 0)).numpy()
        return self.named(summed[:-1] / max(1.0, summed[-1]))

    def named(self, vector: Floats) -> Measures:
        """Return a vector of measures as a dictionary."""
        return {name: float(value) for name, value in zip(self.names, vector, strict=True)}

    def agree(self) -> None:
        """Average batch-normalization statistics over all workers."""
        if self._world.strategy.num_replicas_in_sync > 1 and self._statistics:
            self._agree()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Use the moving averages as the network's weights within the block."""
        kept = [item.numpy() for item in self._averaged]
        for variable, average in zip(self._averaged, self._optimizer.averages, strict=True):
            variable.assign(average.numpy())
        try:
            yield
        finally:
            for variable, values in zip(self._averaged, kept, strict=True):
                variable.assign(values)

    def state(self) -> Arrays:
        """Return copies of all variables by name."""
        return {name: item.numpy().copy() for name, item in self._named_variables().items()}

    def restore(self, arrays: Arrays, subject: str) -> None:
        """Set all variables.

        Raises:
            UsageError: If names or shapes differ from those of `state`.
        """
        named = self._named_variables()
        for name, variable in named.items():
            array = arrays.get(name)
            if array is None or array.shape != tuple(variable.shape):
                seen = "is missing" if array is None else f"has shape {array.shape}"
                raise UsageError(
                    subject,
                    f"{name} {seen}; the network needs {tuple(variable.shape)}",
                    "It belongs to another network: choose another output",
                )
        if extra := sorted(arrays.keys() - named.keys()):
            raise UsageError(subject, f"contains {extra[0]}, which the network does not have")
        for name, variable in named.items():
            variable.assign(arrays[name])

    def _named_variables(self) -> dict[str, Any]:
        named = {f"model/{index}": item for index, item in enumerate(self._variables)}
        return named | {f"optimizer/{k}": v for k, v in self._optimizer.variables.items()}

    # The methods below are traced into graphs, once per input shape.

    def _distributed_step(self, data: tuple[Any, ...], pace: tf.Tensor) -> tf.Tensor:
        result = self._world.strategy.run(self._replica_step, args=(*data, pace))
        # Identical on every replica, because it is reduced together with the gradients.
        return self._world.strategy.experimental_local_results(result)[0]

    def _replica_step(
        self, luma: tf.Tensor, hints: tf.Tensor, chroma: tf.Tensor, pace: tf.Tensor
    ) -> tf.Tensor:
        replicas = self._world.strategy.num_replicas_in_sync
        with tf.GradientTape() as tape:
            losses = self.trainable.losses(Batch(luma, hints, chroma), training=True)
            scaled = self._optimizer.scaled(losses["loss"]) / replicas
        gradients = tape.gradient(scaled, self._trained)
        gradients = [None if item is None else tf.convert_to_tensor(item) for item in gradients]
        vector = self._vector(losses) / replicas
        if replicas > 1:
            present = [item for item in gradients if item is not None]
            context = tf.distribute.get_replica_context()
            *reduced, vector = context.all_reduce(tf.distribute.ReduceOp.SUM, [*present, vector])
            remaining = iter(reduced)
            gradients = [None if item is None else next(remaining) for item in gradients]
        self._optimizer.apply(gradients, tf.unstack(pace))
        return vector

    def _vector(self, losses: dict[str, tf.Tensor]) -> tf.Tensor:
        self.names = tuple(sorted(losses))
        return tf.stack([tf.cast(losses[name], tf.float32) for name in self.names])

    def _distributed_measure(self, data: tuple[Any, ...]) -> tf.Tensor:
        strategy = self._world.strategy
        results = strategy.run(
            lambda *tensors: self._vector(self.trainable.losses(Batch(*tensors), training=False)),
            args=data,
        )
        return tf.add_n(strategy.experimental_local_results(results)) / len(
            strategy.experimental_local_results(results)
        )

    def _distributed_sum(self, vector: tf.Tensor) -> tf.Tensor:
        strategy = self._world.strategy
        if self._world.workers == 1:
            return vector
        local = strategy.num_replicas_in_sync // self._world.workers
        results = strategy.run(self._all_reduced, args=(vector / local,))
        return strategy.experimental_local_results(results)[0]

    def _all_reduced(self, value: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        # all_reduce uses the device of its value; `identity` places the captured tensor on one.
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(value))

    def _distributed_agree(self) -> None:
        self._world.strategy.run(self._replica_agree)

    def _replica_agree(self) -> None:
        averages = self._optimizer.averages
        statistics = {id(item) for item in self._statistics}
        means = [
            average
            for average, variable in zip(averages, self._averaged, strict=True)
            if id(variable) in statistics
        ]
        items = [*self._statistics, *means]
        context = tf.distribute.get_replica_context()
        values = [tf.identity(item) for item in items]
        for item, value in zip(
            items, context.all_reduce(tf.distribute.ReduceOp.MEAN, values), strict=True
        ):
            item.assign(value)
