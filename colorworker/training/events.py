"""Progress and result of a training, as values without TensorFlow."""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["finished", "no gain", "stopped"]


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training at one moment."""

    step: int
    """Completed steps over all epochs."""
    total_steps: int
    epoch: int
    epochs: int
    loss: float
    """Mean loss of the epoch so far."""
    pictures_per_second: float
    """Throughput of all workers together since this process started."""
    doing: Literal["training", "measuring"] = "training"


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended."""

    step: int
    reason: Reason
    validation: dict[str, float] = field(default_factory=dict)
    """Validation measures of the last epoch."""
    pictures_per_second: float = 0.0
    weights_key: str = ""
    weights_sha256: str = ""
    resumed_at: tuple[int, ...] = ()
    """Steps of the checkpoints that the training resumed from."""
