"""Starts a training as configured: in this process, or on Ray Train.

The command line and the Python API call `launch`. It prints nothing and handles no signals.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import gettempdir

from colorworker.errors import DependencyMissing, UsageError
from colorworker.settings import Settings, apply_environment, tensorflow_environment
from colorworker.store.options import S3Options, StoreOptions
from colorworker.training.config import TrainConfig
from colorworker.training.events import TrainingProgress, TrainingResult

Display = Callable[[], AbstractContextManager[Callable[[TrainingProgress], None]]]
StopFlag = Callable[[], AbstractContextManager[Callable[[], bool]]]


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
        stop_flag: Entered before the first step. Once the function it gives returns True, the
            training stops after a checkpoint. Not used on Ray.
        display: Entered before the first step; gives the function that shows progress.

    Raises:
        UsageError: If the training cannot start.
    """
    for name, value in (("data.train", config.data.train), ("run.output", config.run.output)):
        if not value:
            option = "--data" if name == "data.train" else "--output"
            raise UsageError(name, "is not set", f"Set it in the file, or give {option}")
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    scratch = settings.run.scratch or Path(gettempdir())
    if on_ray or config.cluster.workers > 1:
        return _launch_on_ray(config, settings, stores, scratch, display)
    apply_environment(tensorflow_environment())
    from colorworker.training.engine import alone
    from colorworker.training.setup import Resources, run_training

    resources = Resources(stores, scratch, settings.media.max_pixels)
    with stop_flag() as stopping, display() as show:
        return run_training(config, resources, alone, show=show, stopping=stopping)


def _launch_on_ray(
    config: TrainConfig,
    settings: Settings,
    stores: StoreOptions,
    scratch: Path,
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
        settings.media.max_pixels,
        tensorflow_environment(config.cluster.cpus_per_worker),
    )
    with display() as show:
        return run_train_job(job, address=settings.ray_address, show=show)
