"""What has been measured so far, epoch by epoch: JSON in checkpoints, curves for people."""

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from colorworker.report.plots import Curve, Panel, curves

_PARTS = ("cross_entropy", "ab_mse")


@dataclass(frozen=True)
class Epoch:
    """One epoch's end."""

    epoch: int
    """0 for the first."""
    step: int
    """Steps done by then, over all epochs."""
    train: dict[str, float]
    """Means over the epoch's steps, under augmentation, while the weights moved."""
    validation: dict[str, float]
    """Means over the held-out pictures as they are, of the averaged weights."""
    pictures_per_second: float
    """Of training alone, all workers together; not of what was done before an interruption."""
    seconds: float


@dataclass(frozen=True)
class History:
    """All epochs so far, and the sums of the one under way."""

    epochs: tuple[Epoch, ...] = ()
    sums: dict[str, float] = field(default_factory=dict)
    """Of the measures over the steps of the epoch under way."""
    steps: int = 0
    """How many of them."""
    resumed_at: tuple[int, ...] = ()
    """Steps whose checkpoints it went on from, in order."""

    def ended(self, epoch: Epoch) -> "History":
        """Return the history with an epoch more."""
        return History((*self.epochs, epoch), resumed_at=self.resumed_at)

    def added(self, sums: dict[str, float], steps: int) -> "History":
        """Return the history with more steps of the epoch under way."""
        total = {name: self.sums.get(name, 0.0) + value for name, value in sums.items()}
        return replace(self, sums=total, steps=self.steps + steps)

    @property
    def means(self) -> dict[str, float]:
        """Of the epoch under way."""
        return {name: value / max(1, self.steps) for name, value in self.sums.items()}

    @property
    def best(self) -> int:
        """Index of the epoch with the smallest validation loss; -1 before the first."""
        losses = [item.validation.get("loss", math.inf) for item in self.epochs]
        return losses.index(min(losses)) if losses else -1

    @property
    def epochs_without_gain(self) -> int:
        """Epochs since the best."""
        return len(self.epochs) - 1 - self.best if self.epochs else 0

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it; floats come back with the same bits."""
        return asdict(self)

    def lines(self) -> bytes:
        """Return a line of JSON an epoch."""
        return b"".join(json.dumps(asdict(item)).encode() + b"\n" for item in self.epochs)

    def picture(self) -> bytes:
        """Return the curves as PNG."""
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
        return curves(panels)


def from_facts(facts: dict[str, Any]) -> History:
    """Return the history that `facts` gave."""
    epochs = tuple(Epoch(**item) for item in facts["epochs"])
    resumed_at = tuple(int(step) for step in facts["resumed_at"])
    return History(epochs, dict(facts["sums"]), int(facts["steps"]), resumed_at)
