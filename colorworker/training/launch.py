"""The composition root of a training: in this process, or handed to Ray Train."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import gettempdir

from colorworker.cli.interrupt import StopFlag
from colorworker.cli.train_progress import display
from colorworker.errors import DependencyMissing, UsageError
from colorworker.settings import Settings, apply_environment, tensorflow_environment
from colorworker.store.options import S3Options, StoreOptions
from colorworker.training.config import TrainConfig
from colorworker.training.events import TrainingResult


def run_config(
    config: TrainConfig, settings: Settings, *, on_ray: bool, quiet: bool
) -> TrainingResult:
    """Train as configured and return how it ended.

    Raises:
        UsageError: If it cannot start.
    """
    for name, value in (("data.train", config.data.train), ("run.output", config.run.output)):
        if not value:
            option = "--data" if name == "data.train" else "--output"
            raise UsageError(name, "nothing is named", f"Set it in the file, or give {option}")
    stores = StoreOptions(S3Options(**settings.s3.model_dump()), settings.run.scratch)
    scratch = settings.run.scratch or Path(gettempdir())
    if on_ray or config.cluster.workers > 1:
        return _on_ray(config, settings, stores, scratch, quiet=quiet)
    apply_environment(tensorflow_environment())
    from colorworker.training.engine import alone
    from colorworker.training.setup import Resources, run_training

    means = Resources(stores, scratch, settings.media.max_pixels)
    with (
        redirect_stdout(sys.stderr),
        StopFlag(settings.run.stop_seconds) as stopping,
        display(quiet=quiet) as show,
    ):
        return run_training(config, means, alone, show=show, stopping=stopping)


def _on_ray(
    config: TrainConfig, settings: Settings, stores: StoreOptions, scratch: Path, *, quiet: bool
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
    with redirect_stdout(sys.stderr), display(quiet=quiet) as show:
        return run_train_job(job, address=settings.ray_address, show=show)
