"""Order of the pictures: split by name, shuffled by seed, with random access to any position."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from colorworker.store.picturesets import kind_of

Indices = npt.NDArray[np.int64]

_UNIT_BITS = 32


def is_held_out(name: str, share: float) -> bool:
    """Return whether a picture is held out for validation. This depends on its name only.

    Args:
        name: Name of the picture in its folder or shard; the extension is ignored.
        share: Approximate share of the pictures to hold out, in [0, 1].
    """
    return int.from_bytes(_digest(name)[:8], "big") < share * 2**64


def _digest(name: str) -> bytes:
    """Return a hash of a picture's name without its extension."""
    return hashlib.sha256(str(PurePosixPath(name).with_suffix("")).encode()).digest()


@dataclass(frozen=True)
class Sampling:
    """How often each picture takes part in an epoch, by the weight of its kind.

    A picture of weight 0.5 takes part in every second epoch, one of weight 2 twice in each. Which
    epochs these are follows from its name, the epoch and the weight alone.
    """

    phases: Indices
    """Where in the cycle each picture begins: a hash of its name, in units of 2^-32."""
    weights: Indices
    """Weight of each picture, in units of 2^-32."""

    @property
    def pictures_per_epoch(self) -> int:
        """Mean number of pictures in an epoch, rounded down."""
        return int(self.weights.sum()) >> _UNIT_BITS

    def pictures(self, epoch: int) -> Indices:
        """Return the indices of an epoch's pictures, in order, each as often as it takes part.

        Their number differs a little from epoch to epoch.
        """
        begin = (self.phases + epoch * self.weights) >> _UNIT_BITS
        end = (self.phases + (epoch + 1) * self.weights) >> _UNIT_BITS
        chosen = np.repeat(np.arange(len(self.phases), dtype=np.int64), end - begin)
        # Only a handful of pictures with small weights can have an epoch without any.
        return chosen if len(chosen) else np.flatnonzero(self.weights)


def sampling_of(names: Iterable[str], weights: Mapping[str, float]) -> Sampling:
    """Return the sampling of pictures.

    Args:
        names: Names of the pictures in their shards.
        weights: Weight of each kind; 1 for kinds that are not in it.
    """
    names = list(names)
    phases = [int.from_bytes(_digest(name)[8:12], "big") for name in names]
    units = [round(weights.get(kind_of(name), 1.0) * 2**_UNIT_BITS) for name in names]
    return Sampling(np.asarray(phases, np.int64), np.asarray(units, np.int64))


@dataclass(frozen=True)
class Position:
    """A reading position: epoch and step."""

    epoch: int = 0
    step: int = 0
    """Step within the epoch."""


@dataclass(frozen=True)
class Order:
    """An endless sequence of batches; without a sampling, no picture appears twice in an epoch."""

    count: int
    """Number of pictures."""
    batch: int
    """Pictures per step, over all workers."""
    seed: int
    sampling: Sampling | None = None
    """None: every picture once."""

    @property
    def steps_per_epoch(self) -> int:
        """Number of full batches, the same in all epochs.

        The remainder is left out, different pictures every epoch.
        """
        count = self.sampling.pictures_per_epoch if self.sampling else self.count
        return count // self.batch

    def position(self, step: int) -> Position:
        """Return the position of a step that is counted over all epochs."""
        return Position(*divmod(step, self.steps_per_epoch))

    def indices(self, at: Position, rank: int = 0, workers: int = 1) -> Indices:
        """Return the pictures of one worker from a position to the end of the epoch.

        All workers together read the same batches, whatever their number.

        Returns:
            Picture indices, (remaining steps of the epoch, batch / workers), int64.
        """
        generator = np.random.Generator(np.random.PCG64([self.seed & 0xFFFFFFFF, at.epoch]))
        wanted = self.steps_per_epoch * self.batch
        if self.sampling is None:
            shuffled = generator.permutation(self.count)[:wanted]
        else:
            # An epoch with fewer pictures than the mean begins again with its first ones.
            shuffled = np.resize(generator.permutation(self.sampling.pictures(at.epoch)), wanted)
        steps = shuffled.reshape(self.steps_per_epoch, workers, self.batch // workers)
        return steps[at.step :, rank].astype(np.int64)
