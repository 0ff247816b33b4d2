"""Set up and run a training: data set, network, engine, store. The same on every worker."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from colorworker.errors import UsageError
from colorworker.model.architectures import Architecture
from colorworker.model.bintrainable import LossWeights
from colorworker.model.pretrained import resolve_backbone
from colorworker.model.runtime import configure, tf
from colorworker.model.trainable import Trainable, make_trainable
from colorworker.model.weights import load, resolve
from colorworker.store.openstore import open_store
from colorworker.store.options import StoreOptions
from colorworker.training.config import TrainConfig
from colorworker.training.dataset import CopyLocation, open_dataset, refuse_unusable
from colorworker.training.engine import Engine, World
from colorworker.training.events import Progress, TrainingResult
from colorworker.training.history import Epoch
from colorworker.training.intake import IntakeRules
from colorworker.training.localcopy import CopyStopped
from colorworker.training.loop import train


@dataclass(frozen=True)
class Resources:
    """What a training needs from the machine it runs on."""

    stores: StoreOptions
    scratch: Path
    """Folder for a local copy of the pictures that is not kept."""
    cache: Path
    """Folder for everything that is kept between runs."""
    max_pixels: int = 1_000_000_000
    threads: int | None = None
    """Cores for TensorFlow. None: all of them."""


def run_training(
    config: TrainConfig,
    means: Resources,
    world: Callable[[], World],
    *,
    show: Callable[[Progress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    epoch_ended: Callable[[Epoch], None] = lambda _: None,
) -> TrainingResult:
    """Train as configured, resuming from the last checkpoint if there is one.

    Args:
        config: Configuration, including data.train and run.output.
        means: Resources of this machine.
        world: Returns this process's place among the workers. Called after TensorFlow is configured
            and before its first operation, as multi-worker strategies require.
        show: Called with the progress of copying and training.
        stopping: Polled while pictures are copied; then see `loop.train`.
        epoch_ended: See `loop.train`.

    Raises:
        UsageError: If it cannot start: no data, or weights or a checkpoint that do not match.
        StoreUnavailable: If a store cannot be reached.
    """
    configure(threads=means.threads)
    here = world()
    seed_everything(config)
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(config.run.output, means.stores)))
        try:
            dataset = open_dataset(
                config.data.train,
                location_of(config, means),
                rules_of(config, means.max_pixels),
                opened=partial(open_store, options=means.stores),
                show=show,
                stopping=stopping,
            )
        except CopyStopped:
            return TrainingResult(0, "stopped while copying")
        stack.enter_context(closing(dataset))
        refuse_unusable(dataset.inventory, config.data.train, config)
        with here.strategy.scope():
            network = build(config, means.stores)
        engine = Engine(network, config.optimizer, here, jit=config.run.jit)
        return train(
            config,
            dataset,
            engine,
            store,
            here,
            show=show,
            stopping=stopping,
            epoch_ended=epoch_ended,
        )


def location_of(config: TrainConfig, means: Resources) -> CopyLocation:
    """Return where this training's local copy of the pictures is."""
    max_bytes = int(config.data.max_gib * 2**30)
    if config.data.keep_copy:
        return CopyLocation(means.cache / "pictures", max_bytes, is_kept=True)
    return CopyLocation(means.scratch, max_bytes)


def rules_of(config: TrainConfig, max_pixels: int) -> IntakeRules:
    """Return the rules for copying pictures for this training."""
    return IntakeRules(
        size=config.picture.size,
        fit=config.picture.fit,
        min_colorfulness=config.data.min_colorfulness,
        validation_share=config.data.validation_share,
        stored_as=config.data.stored_as,
        max_pixels=max_pixels,
    )


def seed_everything(config: TrainConfig) -> None:
    """Set TensorFlow's global seed, for operations without their own seed, such as dropout."""
    # Not tf.keras: Ray sets TF_USE_LEGACY_KERAS, which makes that name another package.
    from keras.utils import set_random_seed

    set_random_seed(config.optimizer.seed)
    if config.run.deterministic:
        tf.config.experimental.enable_op_determinism()


def build(config: TrainConfig, stores: StoreOptions) -> Trainable:
    """Return the configured network with its initial weights.

    Raises:
        WeightsRefused: If the weights are missing, damaged or belong to another network.
        UsageError: If the architecture is unknown.
    """
    wanted, opened = config.model, partial(open_store, options=stores)
    try:
        asked = Architecture(
            wanted.architecture, width=wanted.width, backbone=wanted.backbone_weights
        )
        if asked.name == "koala":
            # Only koala has a fixed input size; it must not enter the others' identity.
            pixels, embedding_pixels = config.picture.size, wanted.embedding_pixels
            asked = replace(asked, pixels=pixels, embedding_pixels=embedding_pixels)
    except ValueError as error:
        raise UsageError("model.architecture", str(error), "Correct the configuration") from error
    return make_trainable(
        resolve_backbone(asked, opened),
        load(resolve(wanted.weights, opened), opened) if wanted.weights else None,
        seed=config.optimizer.seed,
        freeze_backbone=wanted.freeze_backbone,
        frozen_blocks=wanted.frozen_blocks,
        freeze_statistics=wanted.freeze_statistics,
        precision=config.optimizer.precision,
        loss=LossWeights(**config.loss.model_dump()),
        opened=opened,
    )
