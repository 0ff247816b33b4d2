"""The output of a training: checkpoints, metrics, curves, sample sheets, weights.

config.json, data.json     the configuration and the data set
metrics.jsonl, curves.png  measures, one line per epoch, and their plot
validation.jsonl           measures within epochs, one line each (run.validate_steps)
sheets/epoch-003.png       the same held-out pictures after every epoch
latest.npz                 the averaged weights at the last checkpoint, to try before the end
best.npz, weights.npz      weights with the lowest validation loss so far, and the result
checkpoints/               see `checkpoints`
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.model.weights import encode_weights
from colorworker.store.objectstore import ObjectStore
from colorworker.store.picturesets import kind_of
from colorworker.training import checkpoints
from colorworker.training.checkpoints import Checkpoint
from colorworker.training.config import TrainConfig
from colorworker.training.dataset import Dataset
from colorworker.training.engine import Engine
from colorworker.training.events import TrainingResult
from colorworker.training.feed import FeedConfig, validation_feed
from colorworker.training.history import History
from colorworker.training.results import RESULT
from colorworker.training.validationsheet import colored_sheet

WEIGHTS = "weights.npz"
BEST = "best.npz"
LATEST = "latest.npz"
_MOST_NAMES = 1000


class Output:
    """Writes the output; used by the first worker only."""

    def __init__(
        self, store: ObjectStore, engine: Engine, dataset: Dataset, config: TrainConfig
    ) -> None:
        self._store = store
        self._engine = engine
        self._dataset = dataset
        self._config = config
        self._pictures: list[npt.NDArray[np.float32]] | None = None

    def describe(self, identity: Mapping[str, str]) -> None:
        """Write the configuration, the data set's counts and the pictures that were left out."""
        inventory = self._dataset.inventory
        self._put_json(
            "config.json", {"config": self._config.model_dump(), "identity": dict(identity)}
        )
        self._put_json(
            "data.json",
            {
                "train": len(inventory.train),
                "validation": len(inventory.held_out),
                "gray": len(inventory.gray),
                "broken": len(inventory.broken),
                "kinds": dict(Counter(kind_of(item.name) for item in inventory.train)),
                "reasons": dict(Counter(reason for _, reason in inventory.broken).most_common(20)),
                "gray_keys": inventory.gray[:_MOST_NAMES],
                "broken_keys": [key for key, _ in inventory.broken[:_MOST_NAMES]],
            },
        )

    def epoch(self, history: History) -> None:
        """Write the metrics, curves and sheet of an epoch; the engine holds averaged weights."""
        self._store.put("metrics.jsonl", history.lines())
        self._store.put("curves.png", history.picture())
        now = history.epochs[-1]
        if history.is_best_now:
            self._put_weights(BEST)
        if self._config.run.sheet_pictures and now.epoch % self._config.run.sheet_epochs == 0:
            name = f"sheets/epoch-{now.epoch + 1:03d}.png"
            words = ", ".join(f"{k} {v:.4g}" for k, v in now.validation.items())
            path = self._store.scratch() / f"sheet-{uuid.uuid4().hex}.npz"
            try:
                path.write_bytes(self._encoded())
                title = f"epoch {now.epoch + 1}, step {now.step}: {words}"
                self._store.put(name, colored_sheet(path, self._fixed_pictures(), title))
            finally:
                path.unlink(missing_ok=True)

    def check(self, history: History) -> None:
        """Write the measures within an epoch; the engine holds averaged weights."""
        self._store.put("validation.jsonl", history.check_lines())
        self._store.put("curves.png", history.picture())
        if history.is_best_now:
            self._put_weights(BEST)

    def checkpoint(self, checkpoint: Checkpoint, *, keep: int) -> None:
        """Write a checkpoint, and its averaged weights as a weights file."""
        checkpoints.save(self._store, checkpoint, keep=keep)
        with self._engine.averaged():
            self._put_weights(LATEST)

    def finish(self, *, best: bool) -> tuple[str, str]:
        """Write the final weights; return their key and sha256.

        Args:
            best: Use the weights with the lowest validation loss instead of the last step's.
        """
        if best:
            data = self._store.get(BEST)
            self._store.put(WEIGHTS, data)
            return WEIGHTS, hashlib.sha256(data).hexdigest()
        with self._engine.averaged():
            return WEIGHTS, self._put_weights(WEIGHTS)

    def result(self, ending: TrainingResult) -> None:
        """Write how the training ended. This is the last file."""
        self._put_json(RESULT, asdict(ending))

    def _fixed_pictures(self) -> list[npt.NDArray[np.float32]]:
        """Return L*a*b* of held-out pictures, evenly spaced over all of them."""
        if self._pictures is None:
            held_out = self._dataset.inventory.held_out
            count = min(self._config.run.sheet_pictures, len(held_out))
            chosen = [held_out[index * len(held_out) // count] for index in range(count)]
            recipe = FeedConfig(
                self._config.picture,
                self._config.look,
                self._config.hints,
                self._config.optimizer.seed,
                self._dataset.inventory.stored_as,
                parallel=False,
            )
            feed = validation_feed(self._dataset.local_copy, chosen, 1, recipe)
            self._pictures = [
                np.concatenate(((luma.numpy()[0] + 1) * 50, chroma.numpy()[0]), -1)
                for luma, _, chroma in islice(feed, count)
            ]
        return self._pictures

    def _put_weights(self, key: str) -> str:
        data = self._encoded()
        self._store.put(key, data)
        return hashlib.sha256(data).hexdigest()

    def _encoded(self) -> bytes:
        trainable = self._engine.trainable
        return encode_weights(trainable.architecture, trainable.arrays())

    def _put_json(self, key: str, value: dict[str, Any]) -> None:
        self._store.put(key, json.dumps(value, indent=1, ensure_ascii=False).encode())
