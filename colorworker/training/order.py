"""Order of the pictures: split by name, shuffled by seed, with random access to any position."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def is_held_out(name: str, share: float) -> bool:
    """Return whether a picture is held out for validation. This depends on its name only.

    Args:
        name: Name of the picture in its folder or shard; the extension is ignored.
        share: Approximate share of the pictures to hold out, in [0, 1].
    """
    stem = str(PurePosixPath(name).with_suffix(""))
    number = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")
    return number < share * 2**64


@dataclass(frozen=True)
class Position:
    """A reading position: epoch and step."""

    epoch: int = 0
    step: int = 0
    """Step within the epoch."""


@dataclass(frozen=True)
class Order:
    """An endless sequence of batches; each picture appears at most once per epoch."""

    count: int
    """Number of pictures."""
    batch: int
    """Pictures per step, over all workers."""
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Number of full batches. The remainder is left out, different pictures every epoch."""
        return self.count // self.batch

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
        shuffled = generator.permutation(self.count)[: self.steps_per_epoch * self.batch]
        steps = shuffled.reshape(self.steps_per_epoch, workers, self.batch // workers)
        return steps[at.step :, rank].astype(np.int64)
