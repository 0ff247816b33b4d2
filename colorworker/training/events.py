"""Progress and result of a training, as values without TensorFlow."""

from dataclasses import dataclass, field
from typing import Literal

Reason = Literal["finished", "no gain", "stopped", "stopped while copying"]


@dataclass(frozen=True)
class CopyProgress:
    """Progress of copying the pictures to this machine, before the first step."""

    doing: Literal["copying", "checking", "waiting"]
    """Copying the source, checking a kept copy, or waiting for another process that copies."""
    pictures: int = 0
    """Pictures read so far, gray and broken ones included."""
    done_bytes: int = 0
    """Bytes of the source read so far."""
    total_bytes: int = 0
    """Size of the source."""
    pictures_per_second: float = 0.0
    """Over the last minutes."""


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
    """Throughput of all workers together over the last minutes."""
    doing: Literal["training", "measuring"] = "training"
    seconds_left: float | None = None
    """Estimate for the remaining steps; None before there is one."""


Progress = CopyProgress | TrainingProgress


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
