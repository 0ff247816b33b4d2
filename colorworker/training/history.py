"""Measures of each epoch so far, as JSON in checkpoints and as plotted curves."""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from colorworker.report.plots import Curve, Panel, line_graphs

_PARTS = ("cross_entropy", "ab_mse")


@dataclass(frozen=True)
class Epoch:
    """Measures at the end of one epoch."""

    epoch: int
    """0 for the first."""
    step: int
    """Steps completed by then, over all epochs."""
    train: dict[str, float]
    """Mean measures over the epoch's training steps, with augmentation, as the weights changed."""
    validation: dict[str, float]
    """Mean measures of the averaged weights over the held-out pictures, without augmentation."""
    pictures_per_second: float
    """Training throughput of all workers, without validation and since the last resume."""
    seconds: float


@dataclass(frozen=True)
class History:
    """All completed epochs, and running sums of the current one."""

    epochs: tuple[Epoch, ...] = ()
    sums: dict[str, float] = field(default_factory=dict)
    """Sum of each measure over the steps of the current epoch."""
    steps: int = 0
    """Number of steps in the sums."""
    resumed_at: tuple[int, ...] = ()
    """Steps of the checkpoints that the training resumed from, in order."""

    def ended(self, epoch: Epoch) -> "History":
        """Return the history with one more completed epoch."""
        return History((*self.epochs, epoch), resumed_at=self.resumed_at)

    def added(self, sums: dict[str, float], steps: int) -> "History":
        """Return the history with more steps of the current epoch."""
        total = {name: self.sums.get(name, 0.0) + value for name, value in sums.items()}
        return replace(self, sums=total, steps=self.steps + steps)

    @property
    def means(self) -> dict[str, float]:
        """Mean of each measure over the current epoch so far."""
        return {name: value / max(1, self.steps) for name, value in self.sums.items()}

    @property
    def best(self) -> int:
        """Index of the epoch with the lowest validation loss; -1 before the first."""
        losses = [item.validation.get("loss", math.inf) for item in self.epochs]
        return losses.index(min(losses)) if losses else -1

    @property
    def epochs_without_gain(self) -> int:
        """Number of epochs since the best one."""
        return len(self.epochs) - 1 - self.best if self.epochs else 0

    def facts(self) -> dict[str, Any]:
        """Return the history as JSON values; floats survive the round trip bit by bit."""
        return asdict(self)

    def lines(self) -> bytes:
        """Return JSON lines, one per epoch."""
        return b"".join(json.dumps(asdict(item)).encode() + b"\n" for item in self.epochs)

    def picture(self) -> bytes:
        """Return the training and validation curves as a PNG."""
        steps = [float(item.step) for item in self.epochs]
        names = ["loss", *(name for name in _PARTS if any(name in e.train for e in self.epochs))]
        panels = []
        for name in names:
            both = tuple(
                Curve(
                    label, steps, [getattr(item, label).get(name, math.nan) for item in self.epochs]
                )
                for label in ("train", "validation")
            )
            panels.append(Panel(name.replace("_", " "), both))
        return line_graphs(panels)


def history_from_facts(facts: dict[str, Any]) -> History:
    """Return the history from the values that `facts` returned."""
    epochs = tuple(Epoch(**item) for item in facts["epochs"])
    resumed_at = tuple(int(step) for step in facts["resumed_at"])
    return History(epochs, dict(facts["sums"]), int(facts["steps"]), resumed_at)
