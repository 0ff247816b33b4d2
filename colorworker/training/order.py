"""Which picture when: split by name, shuffled by seed, at any position without the way there."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def is_held_out(name: str, share: float) -> bool:
    """Return whether a picture is for validation: by its name alone, whatever lies beside it.

    Args:
        name: Of the picture in its folder or shard; the extension does not count.
        share: Of all pictures, about, that are held out.
    """
    stem = str(PurePosixPath(name).with_suffix(""))
    number = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:8], "big")
    return number < share * 2**64


@dataclass(frozen=True)
class Position:
    """How far a training has read: so many steps of so many epochs."""

    epoch: int = 0
    step: int = 0
    """Within the epoch."""


@dataclass(frozen=True)
class Order:
    """Batches without end, epoch after epoch; each picture at most once an epoch."""

    count: int
    """Pictures."""
    batch: int
    """Pictures a step, of all workers."""
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the pictures; what is left over is other pictures every epoch."""
        return self.count // self.batch

    def position(self, step: int) -> Position:
        """Return where the step of that number, counted over all epochs, reads."""
        return Position(*divmod(step, self.steps_per_epoch))

    def indices(self, at: Position, rank: int = 0, workers: int = 1) -> Indices:
        """Return the pictures of one worker from a position to the end of its epoch.

        Whatever the number of workers, all of them together read the same batches.

        Returns:
            (steps left in the epoch, batch / workers).
        """
        generator = np.random.Generator(np.random.PCG64([self.seed & 0xFFFFFFFF, at.epoch]))
        shuffled = generator.permutation(self.count)[: self.steps_per_epoch * self.batch]
        steps = shuffled.reshape(self.steps_per_epoch, workers, self.batch // workers)
        return steps[at.step :, rank].astype(np.int64)
