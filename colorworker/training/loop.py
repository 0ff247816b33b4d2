"""The training loop: epochs of steps, validation, checkpoints, resuming.

The loop is the same for one process and for one of several workers; only `World` differs.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from colorworker.errors import UsageError
from colorworker.store.objectstore import ObjectStore
from colorworker.training import checkpoints
from colorworker.training.checkpoints import Checkpoint
from colorworker.training.config import TrainConfig
from colorworker.training.dataset import Dataset, training_order
from colorworker.training.engine import Engine, World
from colorworker.training.events import Reason, TrainingProgress, TrainingResult
from colorworker.training.feed import FeedConfig, training_feed, validation_feed
from colorworker.training.history import Check, Epoch, History, history_from_facts
from colorworker.training.learningrate import average_decay, rate_share
from colorworker.training.optimizer import ScheduledValues
from colorworker.training.order import Order
from colorworker.training.output import Output
from colorworker.training.rate import SlidingRate

logger = logging.getLogger(__name__)

_SHOW_STEPS = 10
"""Steps between progress reports; each waits for the device."""


@dataclass
class _Run:
    """State shared by the functions of one training."""

    config: TrainConfig
    dataset: Dataset
    engine: Engine
    output: Output
    world: World
    order: Order
    total_steps: int
    identity: dict[str, str]
    history: History = field(default_factory=History)
    step: int = 0
    is_warm: bool = False
    """Whether this process has done its first step, which builds the graph and is not timed."""
    rate: SlidingRate = field(default_factory=SlidingRate)
    """Pictures per second of all workers together."""


def train(
    config: TrainConfig,
    dataset: Dataset,
    engine: Engine,
    store: ObjectStore,
    world: World,
    *,
    show: Callable[[TrainingProgress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    epoch_ended: Callable[[Epoch], None] = lambda _: None,
) -> TrainingResult:
    """Train to the end, resuming from the last checkpoint in `store` if there is one.

    Args:
        config: Configuration of the training.
        dataset: The pictures, in the same order on every worker.
        engine: The network with its initial weights.
        store: Where the output goes; only the first worker writes.
        world: Place of this process among the workers.
        show: Called with the progress every few steps.
        stopping: Polled after every step; if true, the loop writes a checkpoint and ends. For a
            single worker only: several workers would not stop at the same step.
        epoch_ended: Called with the measures of every epoch.

    Raises:
        UsageError: If the checkpoint belongs to another training or is damaged, or the loss is no
            longer finite.
        StoreUnavailable: If the store cannot be reached.
    """
    order = training_order(dataset.inventory, config)
    total = config.optimizer.epochs * order.steps_per_epoch
    run = _Run(
        config,
        dataset,
        engine,
        Output(store, engine, dataset, config),
        world,
        order,
        min(total, config.optimizer.max_steps or total),
        {
            "architecture": engine.trainable.architecture.to_json(),
            "config": config.sha256(),
            "data set": dataset.sha256(),
        },
    )
    _resume(run, store)
    if world.is_first:
        run.output.describe(run.identity)
    reason: Reason = "finished"
    while run.step < run.total_steps:
        if _is_out_of_patience(run):
            reason = "no gain"
            break
        if not _epoch(run, show, stopping):
            reason = "stopped"
            break
        epoch_ended(run.history.epochs[-1])
    if reason == "stopped" or not world.is_first:
        return TrainingResult(run.step, reason)
    key, digest = run.output.finish(best=config.run.patience is not None)
    epoch = run.history.epochs[-1]
    ending = TrainingResult(
        run.step,
        reason,
        epoch.validation,
        epoch.pictures_per_second,
        key,
        digest,
        run.history.resumed_at,
    )
    run.output.result(ending)
    return ending


def _resume(run: _Run, store: ObjectStore) -> None:
    found = checkpoints.load(store, run.identity)
    if found is None:
        return
    run.engine.restore(found.arrays, f"{store.uri}, checkpoint of step {found.step}")
    history = history_from_facts(found.facts["history"])
    run.step = found.step
    run.history = replace(history, resumed_at=(*history.resumed_at, found.step))
    logger.info("resuming from the checkpoint of step %d", run.step)


def _is_out_of_patience(run: _Run) -> bool:
    patience = run.config.run.patience
    return patience is not None and run.history.epochs_without_gain >= patience


def _epoch(
    run: _Run, show: Callable[[TrainingProgress], None], stopping: Callable[[], bool]
) -> bool:
    """Train to the end of the epoch and validate; return False if stopped before that."""
    begun = time.monotonic()
    at = run.order.position(run.step)
    last = min(run.total_steps, (at.epoch + 1) * run.order.steps_per_epoch)
    mark = time.monotonic()
    for data in _training_data(run, last - run.step):
        _one_step(run, data, show)
        now = time.monotonic()
        if run.is_warm:
            run.rate.add(run.order.batch, now - mark)
        mark, run.is_warm = now, True
        if run.step == last:
            break
        if run.config.run.validate_steps and run.step % run.config.run.validate_steps == 0:
            _check(run, show)
            mark = time.monotonic()
        if stopping():
            _save(run)
            return False
        if run.step % run.config.run.checkpoint_steps == 0:
            _save(run)
            mark = time.monotonic()
    means = run.history.means
    with _measured(run, show) as validation:
        seconds = time.monotonic() - begun
        epoch = Epoch(at.epoch, run.step, means, validation, run.rate.per_second, seconds)
        run.history = run.history.ended(epoch)
        if run.world.is_first:
            run.output.epoch(run.history)
    # Last, so that an epoch with a checkpoint has all its files.
    _save(run)
    return True


def _check(run: _Run, show: Callable[[TrainingProgress], None]) -> None:
    """Validate within an epoch. This does not change the training."""
    with _measured(run, show) as validation:
        run.history = run.history.checked(Check(run.step, run.history.means, validation))
        if run.world.is_first:
            run.output.check(run.history)


@contextmanager
def _measured(run: _Run, show: Callable[[TrainingProgress], None]) -> Iterator[dict[str, float]]:
    """Give the validation measures of the averaged weights, which stay in use in the block."""
    show(_moment(run, "measuring"))
    run.engine.agree()
    with run.engine.averaged():
        yield run.engine.measure(_validation_data(run))


def _one_step(run: _Run, data: Any, show: Callable[[TrainingProgress], None]) -> None:
    config = run.config.optimizer
    share = rate_share(run.step, run.total_steps, config.warmup_steps, config.final_share)
    backbone = config.learning_rate if config.backbone_rate is None else config.backbone_rate
    vector = run.engine.step(
        data,
        ScheduledValues(
            share * config.learning_rate,
            share * backbone,
            average_decay(run.step, config.ema),
            run.step,
        ),
    ).numpy()
    run.step += 1
    run.history = run.history.added(run.engine.named(vector), 1)
    if not math.isfinite(float(vector.sum())) and config.precision != "float16":
        raise UsageError(
            "training",
            f"the loss of step {run.step} is not finite",
            "Lower optimizer.learning_rate or optimizer.clip, then resume from the last checkpoint",
        )
    if run.step % _SHOW_STEPS == 0:
        show(_moment(run, "training"))


def _training_data(run: _Run, steps: int) -> Any:
    at = run.order.position(run.step)
    inventory = run.dataset.inventory
    recipe = _recipe(run)
    world = run.world
    local = max(1, world.strategy.num_replicas_in_sync // world.workers)
    indices = run.order.indices(at, world.rank, world.workers)[:steps]
    # One batch per device of this worker.
    feed = training_feed(
        run.dataset.local_copy, inventory.train, indices, run.step, recipe, parts=local
    )
    return _distributed(run, feed, steps)


def _validation_data(run: _Run) -> Any:
    world = run.world
    wanted = run.dataset.inventory.held_out[: run.config.run.validation_pictures]
    replicas = world.strategy.num_replicas_in_sync
    batch = max(1, min(run.order.batch, len(wanted)) // replicas)
    # Full batches only: another shape would build another graph. All workers have equally many.
    batches = max(1, len(wanted) // (batch * replicas))
    share = wanted[world.rank :: world.workers][: batches * batch * replicas // world.workers]
    feed = validation_feed(run.dataset.local_copy, share, batch, _recipe(run))
    return _distributed(run, feed, batches)


def _distributed(run: _Run, feed: Any, steps: int) -> Any:
    strategy, workers = run.world.strategy, run.world.workers
    if strategy.num_replicas_in_sync == workers:
        # One device per worker: the tensors go to its replica as they are.
        return islice(iter(feed), steps)
    # Repeated forever; otherwise the workers would synchronize before every batch.
    spread = strategy.distribute_datasets_from_function(lambda _: feed.repeat())
    return islice(iter(spread), steps)


def _recipe(run: _Run) -> FeedConfig:
    config = run.config
    return FeedConfig(
        config.picture,
        config.look,
        config.hints,
        config.optimizer.seed,
        run.dataset.inventory.stored_as,
        config.run.parallel_input,
    )


def _save(run: _Run) -> None:
    run.engine.agree()
    if not run.world.is_first:
        return
    facts = json.loads(json.dumps({"history": run.history.facts()}))
    checkpoint = Checkpoint(run.step, run.identity, facts, run.engine.state())
    run.output.checkpoint(checkpoint, keep=run.config.run.keep_checkpoints)


def _moment(run: _Run, doing: Literal["training", "measuring"]) -> TrainingProgress:
    speed = run.rate.per_second
    epoch = min(run.order.position(run.step).epoch, run.config.optimizer.epochs - 1)
    return TrainingProgress(
        run.step,
        run.total_steps,
        epoch,
        run.config.optimizer.epochs,
        run.history.means.get("loss", math.nan),
        speed,
        doing,
        (run.total_steps - run.step) * run.order.batch / speed if speed else None,
    )
