"""Starts a training as configured: in this process, or on Ray Train.

The command line and the Python API call `launch`. It prints nothing and handles no signals.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from colorworker.errors import DependencyMissing, UsageError
from colorworker.settings import Settings, apply_environment, tensorflow_environment
from colorworker.store.openstore import open_store
from colorworker.store.options import S3Options, StoreOptions
from colorworker.training.config import TrainConfig, parse_config
from colorworker.training.events import Progress, TrainingResult

if TYPE_CHECKING:
    from colorworker.training.dataset import Dataset

Display = Callable[[], AbstractContextManager[Callable[[Progress], None]]]
StopFlag = Callable[[], AbstractContextManager[Callable[[], bool]]]

_INSPECTED_SIDE = 128
"""Input size in pixels that pictures are stored for when they are only inspected."""


def read_config(path: Path, overrides: dict[str, Any]) -> TrainConfig:
    """Return the training configuration in a TOML file.

    Args:
        path: Of the file.
        overrides: Values by dotted name, such as `run.output`, that override the file's. None
            leaves the file's.

    Raises:
        UsageError: If the file cannot be read, or a field is unknown or invalid.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"cannot be read ({error})", "Check the path") from error
    given = {name: value for name, value in overrides.items() if value is not None}
    return parse_config(text, str(path), given)


@contextmanager
def reading_dataset(
    prefix: str, settings: Settings, min_colorfulness: float
) -> "Iterator[Dataset]":
    """Copy the pictures of a data set to a temporary folder and give the data set.

    Args:
        prefix: Folder, `s3://` prefix or glob of pictures or tar shards.
        settings: Of this process.
        min_colorfulness: Pictures below it count as gray.

    Raises:
        UsageError: If there are no pictures.
        StoreUnavailable: If the store cannot be reached.
    """
    apply_environment(tensorflow_environment())
    from colorworker.training.dataset import CopyLocation, open_dataset
    from colorworker.training.intake import IntakeRules

    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    rules = IntakeRules(
        _INSPECTED_SIDE,
        min_colorfulness=min_colorfulness,
        max_pixels=settings.media.max_pixels,
    )
    location = CopyLocation(settings.run.scratch or Path(gettempdir()), 1 << 40)
    opened = partial(open_store, options=stores)
    with closing(open_dataset(prefix, location, rules, opened=opened)) as dataset:
        yield dataset


def launch(
    config: TrainConfig,
    settings: Settings,
    *,
    on_ray: bool = False,
    stop_flag: StopFlag = lambda: nullcontext(lambda: False),
    display: Display = lambda: nullcontext(lambda _: None),
) -> TrainingResult:
    """Train as configured and return how it ended.

    Args:
        config: What to train, on what, and where the result goes.
        settings: Of this process.
        on_ray: Use Ray Train even with one worker.
        stop_flag: Entered before the pictures are copied. Once the function it gives returns True,
            the copying stops, or the training stops after a checkpoint. Not used on Ray.
        display: Entered before the pictures are copied; gives the function that shows progress.

    Raises:
        UsageError: If the training cannot start.
    """
    for name, value in (("data.train", config.data.train), ("run.output", config.run.output)):
        if not value:
            option = "--data" if name == "data.train" else "--output"
            raise UsageError(name, "is not set", f"Set it in the file, or give {option}")
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    scratch = settings.run.scratch or Path(gettempdir())
    cache = settings.run.cache or settings.run.scratch or Path.home() / ".cache" / "colorworker"
    if on_ray or config.cluster.workers > 1:
        return _launch_on_ray(config, settings, stores, scratch, cache, display)
    threads = config.run.threads
    apply_environment(tensorflow_environment(threads))
    from colorworker.training.engine import alone
    from colorworker.training.setup import Resources, run_training

    resources = Resources(stores, scratch, cache, settings.media.max_pixels, threads)
    with stop_flag() as stopping, display() as show:
        return run_training(config, resources, alone, show=show, stopping=stopping)


def _launch_on_ray(
    config: TrainConfig,
    settings: Settings,
    stores: StoreOptions,
    scratch: Path,
    cache: Path,
    display: Display,
) -> TrainingResult:
    try:
        from colorworker.training.raytrain import TrainJob, run_train_job
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            "ray", "is not installed", "Install it: pip install 'colorworker[ray]'"
        ) from error
    job = TrainJob(
        config,
        stores,
        scratch,
        cache,
        settings.media.max_pixels,
        tensorflow_environment(config.cluster.cpus_per_worker),
    )
    with display() as show:
        return run_train_job(job, address=settings.ray_address, show=show)
