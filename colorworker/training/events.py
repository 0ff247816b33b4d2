"""What a training says of itself on its way and at its end; no TensorFlow."""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["finished", "no gain", "stopped"]


@dataclass(frozen=True)
class Moment:
    """Where a training is."""

    step: int
    """Steps done, over all epochs."""
    total_steps: int
    epoch: int
    epochs: int
    loss: float
    """Mean of the epoch so far."""
    pictures_per_second: float
    """Of all workers together, since this process began."""
    doing: Literal["training", "measuring"] = "training"


@dataclass(frozen=True)
class Ending:
    """How it ended."""

    step: int
    reason: Reason
    validation: dict[str, float] = field(default_factory=dict)
    """Of the last epoch."""
    pictures_per_second: float = 0.0
    weights_key: str = ""
    weights_sha256: str = ""
    resumed_at: tuple[int, ...] = ()
    """Steps whose checkpoints it went on from."""
