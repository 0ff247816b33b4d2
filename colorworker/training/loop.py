"""The loop: epochs of steps, measured, saved, and gone on with where it was left.

One process alone or one of several workers: what differs is the `World` that it is given.
"""

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from colorworker.errors import UsageError
from colorworker.store.objectstore import ObjectStore
from colorworker.training import checkpoints
from colorworker.training.checkpoints import Checkpoint
from colorworker.training.config import TrainConfig
from colorworker.training.dataset import Dataset
from colorworker.training.engine import Engine, World
from colorworker.training.events import Ending, Moment, Reason
from colorworker.training.feed import Recipe, training_feed, validation_feed
from colorworker.training.history import Epoch, History, from_facts
from colorworker.training.learningrate import average_decay, rate_share
from colorworker.training.optimizer import Pace
from colorworker.training.order import Order
from colorworker.training.output import Output

logger = logging.getLogger(__name__)

_SHOW_STEPS = 10
"""Between two looks at the loss: each waits for the device."""


@dataclass
class _Run:
    """What the functions of one training share."""

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
    timed_steps: int = 0
    """Of this process, but for its first, which builds the graph."""
    timed_seconds: float = 0.0

    @property
    def pictures_per_second(self) -> float:
        """Of all workers together."""
        return self.timed_steps * self.order.batch / max(self.timed_seconds, 1e-9)


def train(
    config: TrainConfig,
    dataset: Dataset,
    engine: Engine,
    store: ObjectStore,
    world: World,
    *,
    show: Callable[[Moment], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    epoch_ended: Callable[[Epoch], None] = lambda _: None,
) -> Ending:
    """Train to the end, from the last checkpoint in `store` if there is one.

    Args:
        config: Of the training.
        dataset: Its pictures, the same ones in the same order on every worker.
        engine: The network, at its start.
        store: Where everything is written; only the first worker writes.
        world: This process among the workers.
        show: Told of every few steps.
        stopping: Asked after every step; when true, a checkpoint is written and the loop left. For
            one worker only: several would not leave at the same step.
        epoch_ended: Told of every epoch's measures.

    Raises:
        UsageError: If the checkpoint is another training's or damaged, or the loss has become
            infinite.
        StoreUnavailable: If the store is away.
    """
    order = Order(len(dataset.inventory.train), config.optimizer.batch, config.optimizer.seed)
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
    _go_on(run, store)
    if world.is_first:
        run.output.describe(run.identity)
    reason: Reason = "finished"
    while run.step < run.total_steps:
        if _gains_no_more(run):
            reason = "no gain"
            break
        if not _epoch(run, show, stopping):
            reason = "stopped"
            break
        epoch_ended(run.history.epochs[-1])
    if reason == "stopped" or not world.is_first:
        return Ending(run.step, reason)
    key, digest = run.output.finish(best=config.run.patience is not None)
    epoch = run.history.epochs[-1]
    ending = Ending(
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


def _go_on(run: _Run, store: ObjectStore) -> None:
    found = checkpoints.load(store, run.identity)
    if found is None:
        return
    run.engine.restore(found.arrays, f"{store.uri}, checkpoint of step {found.step}")
    history = from_facts(found.facts["history"])
    run.step = found.step
    run.history = replace(history, resumed_at=(*history.resumed_at, found.step))
    logger.info("going on from the checkpoint of step %d", run.step)


def _gains_no_more(run: _Run) -> bool:
    patience = run.config.run.patience
    return patience is not None and run.history.epochs_without_gain >= patience


def _epoch(run: _Run, show: Callable[[Moment], None], stopping: Callable[[], bool]) -> bool:
    """Train to the end of the epoch and measure; return False if stopped on the way."""
    begun = time.monotonic()
    at = run.order.position(run.step)
    last = min(run.total_steps, (at.epoch + 1) * run.order.steps_per_epoch)
    mark, is_first_step = time.monotonic(), run.timed_seconds == 0
    for data in _training_data(run, last - run.step):
        _one_step(run, data, show)
        now = time.monotonic()
        if not is_first_step:
            run.timed_steps += 1
            run.timed_seconds += now - mark
        mark, is_first_step = now, False
        if run.step == last:
            break
        if stopping():
            _save(run)
            return False
        if run.step % run.config.run.checkpoint_steps == 0:
            _save(run)
            mark = time.monotonic()
    show(_moment(run, "measuring"))
    run.engine.agree()
    means = run.history.means
    with run.engine.averaged():
        validation = run.engine.measure(_validation_data(run))
        seconds = time.monotonic() - begun
        epoch = Epoch(at.epoch, run.step, means, validation, run.pictures_per_second, seconds)
        run.history = run.history.ended(epoch)
        if run.world.is_first:
            run.output.epoch(run.history)
    # After everything else: an epoch whose checkpoint is there has all its files.
    _save(run)
    return True


def _one_step(run: _Run, data: Any, show: Callable[[Moment], None]) -> None:
    config = run.config.optimizer
    share = rate_share(run.step, run.total_steps, config.warmup_steps, config.final_share)
    backbone = config.learning_rate if config.backbone_rate is None else config.backbone_rate
    vector = run.engine.step(
        data,
        Pace(
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
            "Lower optimizer.learning_rate or optimizer.clip; the last checkpoint is from before",
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
    # One batch for each device of this worker, one after the other.
    feed = training_feed(run.dataset.spool, inventory.train, indices, run.step, recipe, parts=local)
    return _distributed(run, feed, steps)


def _validation_data(run: _Run) -> Any:
    world = run.world
    wanted = run.dataset.inventory.held_out[: run.config.run.validation_pictures]
    replicas = world.strategy.num_replicas_in_sync
    batch = max(1, min(run.order.batch, len(wanted)) // replicas)
    # Whole batches: another shape would be another graph. All workers make as many.
    batches = max(1, len(wanted) // (batch * replicas))
    share = wanted[world.rank :: world.workers][: batches * batch * replicas // world.workers]
    feed = validation_feed(run.dataset.spool, share, batch, _recipe(run))
    return _distributed(run, feed, batches)


def _distributed(run: _Run, feed: Any, steps: int) -> Any:
    strategy, workers = run.world.strategy, run.world.workers
    if strategy.num_replicas_in_sync == workers:
        # One device a worker: its tensors are what its replica is given.
        return islice(iter(feed), steps)
    # Without end, or the workers would ask each other before every batch whether there is one.
    spread = strategy.distribute_datasets_from_function(lambda _: feed.repeat())
    return islice(iter(spread), steps)


def _recipe(run: _Run) -> Recipe:
    config = run.config
    return Recipe(
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


def _moment(run: _Run, doing: Literal["training", "measuring"]) -> Moment:
    epoch = min(run.order.position(run.step).epoch, run.config.optimizer.epochs - 1)
    return Moment(
        run.step,
        run.total_steps,
        epoch,
        run.config.optimizer.epochs,
        run.history.means.get("loss", math.nan),
        run.pictures_per_second,
        doing,
    )
