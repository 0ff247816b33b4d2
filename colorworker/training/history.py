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
    """Training throughput of all workers over the last minutes, without validation."""
    seconds: float


@dataclass(frozen=True)
class Check:
    """Measures at a step within an epoch."""

    step: int
    train: dict[str, float]
    """Mean measures over the training steps of the epoch so far."""
    validation: dict[str, float]
    """As in `Epoch`."""


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
    checks: tuple[Check, ...] = ()
    """Validations within epochs."""

    def ended(self, epoch: Epoch) -> "History":
        """Return the history with one more completed epoch."""
        return History((*self.epochs, epoch), resumed_at=self.resumed_at, checks=self.checks)

    def checked(self, check: Check) -> "History":
        """Return the history with one more validation within the current epoch."""
        return replace(self, checks=(*self.checks, check))

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
    def is_best_now(self) -> bool:
        """Whether no earlier validation, at or within any epoch, had as low a loss as the last."""
        losses = [item.validation.get("loss", math.inf) for item in self._measured()]
        return bool(losses) and losses.index(min(losses)) == len(losses) - 1

    @property
    def epochs_without_gain(self) -> int:
        """Number of epochs since the best one."""
        return len(self.epochs) - 1 - self.best if self.epochs else 0

    def facts(self) -> dict[str, Any]:
        """Return the history as JSON values; floats survive the round trip bit by bit."""
        return asdict(self)

    def lines(self) -> bytes:
        """Return JSON lines, one per epoch."""
        return _lines(self.epochs)

    def check_lines(self) -> bytes:
        """Return JSON lines, one per validation within an epoch."""
        return _lines(self.checks)

    def picture(self) -> bytes:
        """Return the training and validation curves as a PNG."""
        measured = self._measured()
        steps = [float(item.step) for item in measured]
        names = ["loss", *(name for name in _PARTS if any(name in e.train for e in measured))]
        panels = []
        for name in names:
            both = tuple(
                Curve(label, steps, [getattr(item, label).get(name, math.nan) for item in measured])
                for label in ("train", "validation")
            )
            panels.append(Panel(name.replace("_", " "), both))
        return line_graphs(panels)

    def _measured(self) -> list[Epoch | Check]:
        """Return all validations in the order of their steps."""
        return sorted([*self.epochs, *self.checks], key=lambda item: item.step)


def _lines(items: tuple[Any, ...]) -> bytes:
    return b"".join(json.dumps(asdict(item)).encode() + b"\n" for item in items)


def history_from_facts(facts: dict[str, Any]) -> History:
    """Return the history from the values that `facts` returned."""
    epochs = tuple(Epoch(**item) for item in facts["epochs"])
    resumed_at = tuple(int(step) for step in facts["resumed_at"])
    checks = tuple(Check(**item) for item in facts.get("checks", ()))
    return History(epochs, dict(facts["sums"]), int(facts["steps"]), resumed_at, checks)
