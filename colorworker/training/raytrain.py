"""Distributed training: Ray Train starts the workers, places them and replaces lost ones.

Ray's own checkpoints are not used. Those of `training.checkpoints` are atomic on any store and
outlive the job. Ray knows a reported checkpoint within one run only, and it has returned the last
reported one although the store held a newer one.
"""

import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray
from pyarrow import fs
from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
from ray.train.tensorflow import TensorflowTrainer

from colorworker.errors import ColorworkerError, PlaceFailed
from colorworker.executors.rayconnect import connected
from colorworker.store.openstore import S3_SCHEME, open_store, split_s3
from colorworker.store.options import S3Options, StoreOptions
from colorworker.training.config import TrainConfig
from colorworker.training.events import Progress, TrainingResult
from colorworker.training.results import result_of
from colorworker.training.workerboard import Show, raise_refusal, show_progress, start_board

logger = logging.getLogger(__name__)

_RAY_STATE = "ray"
"""Folder below the output for Ray Train's own state."""


@dataclass(frozen=True)
class TrainJob:
    """Everything that is sent to the workers."""

    config: TrainConfig
    stores: StoreOptions
    scratch: Path
    cache: Path
    max_pixels: int
    environment: dict[str, str]
    """Environment variables of the worker processes."""


def run_train_job(
    job: TrainJob, *, address: str = "", show: Show = lambda _: None
) -> TrainingResult:
    """Train on Ray, resuming from the last checkpoint if there is one.

    Args:
        job: What to train.
        address: Address of the cluster; empty starts Ray on this machine.
        show: Called with the progress of the training.

    Returns:
        How the training ended.

    Raises:
        UsageError: If the cluster does not exist, or the workers refuse the data, weights or
            checkpoint.
        PlaceFailed: If workers were lost more often than `cluster.max_failures`.
    """
    with connected(address):
        board = start_board()
        trainer = TensorflowTrainer(
            _worker,
            train_loop_config={"job": job, "board": board},
            scaling_config=_scaling(job.config),
            run_config=_run_config(job),
        )
        try:
            with show_progress(board, show):
                trainer.fit()
            raise_refusal(board)
        except TrainingFailedError as error:
            raise_refusal(board)
            raise PlaceFailed(
                "training",
                f"workers failed more than {job.config.cluster.max_failures} times"
                f" ({_last_line(error)})",
                "Run the same command again to resume from the last checkpoint",
            ) from error
    store = open_store(job.config.run.output, job.stores)
    try:
        return result_of(store)
    finally:
        store.close()


def _scaling(config: TrainConfig) -> ScalingConfig:
    cluster = config.cluster
    resources = {"CPU": float(cluster.cpus_per_worker)}
    if cluster.gpus_per_worker:
        resources["GPU"] = cluster.gpus_per_worker
    return ScalingConfig(
        num_workers=cluster.workers,
        use_gpu=cluster.gpus_per_worker > 0,
        resources_per_worker=resources,
    )


def _run_config(job: TrainJob) -> RunConfig:
    path, filesystem = ray_storage(job.config.run.output, job.stores.s3)
    return RunConfig(
        # Unique, because Ray would resume a run of the same name in its own way.
        name=f"{_RAY_STATE}-{uuid.uuid4().hex[:8]}",
        storage_path=path,
        storage_filesystem=filesystem,
        failure_config=FailureConfig(max_failures=job.config.cluster.max_failures),
        worker_runtime_env={"env_vars": job.environment},
    )


def ray_storage(output: str, options: S3Options) -> tuple[str, fs.FileSystem | None]:
    """Return path and file system for Ray Train's own state, below the output.

    Args:
        output: Output of the training, a folder or an s3:// prefix (opened by pyarrow).
        options: How to reach S3; credentials come from the environment, as for boto3.

    Raises:
        UsageError: If output or options are invalid.
    """
    if not output.startswith(S3_SCHEME):
        store = open_store(output)
        return str(store.scratch().parent / _RAY_STATE), None
    bucket, prefix = split_s3(output)
    # Imported here because jobs without buckets work without boto3.
    from colorworker.store.s3service import resolve_endpoint

    where: dict[str, Any] = {}
    endpoint, region = resolve_endpoint(bucket, options)
    if endpoint:
        parts = urlsplit(endpoint)
        where = {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    if region:
        where["region"] = region
    if options.ca_bundle:
        where["tls_ca_file_path"] = options.ca_bundle
    path = "/".join(part for part in (bucket, prefix, ".colorworker", _RAY_STATE) if part)
    return path, fs.S3FileSystem(**where)


def _worker(given: dict[str, Any]) -> None:
    """Entry point of every worker; Ray has set TF_CONFIG."""
    job: TrainJob = given["job"]
    if ray.get(given["board"].seen.remote())[1]:
        return  # An earlier attempt was refused; another attempt would be refused as well.
    context = ray.train.get_context()
    # TensorFlow reads TF_CONFIG and its own variables on import and at start-up.
    from colorworker.model.runtime import tf
    from colorworker.training.engine import World
    from colorworker.training.setup import Resources, run_training

    # libvips logs every operation on every picture, TensorFlow every reduction it builds.
    for name in ("pyvips", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    rank, workers = context.get_world_rank(), context.get_world_size()

    def world() -> World:
        return World(tf.distribute.MultiWorkerMirroredStrategy(), rank, workers)

    def show(moment: Progress) -> None:
        if rank == 0:
            given["board"].tell.remote(moment)

    means = Resources(
        job.stores,
        job.scratch,
        job.cache,
        job.max_pixels,
        job.config.cluster.cpus_per_worker,
    )
    try:
        run_training(
            job.config,
            means,
            world,
            show=show,
            epoch_ended=lambda epoch: ray.train.report(
                {"epoch": epoch.epoch, "step": epoch.step, **epoch.validation}
            ),
        )
    except ColorworkerError as error:
        if not error.retryable:
            ray.get(given["board"].refuse.remote(*error.args))
        raise


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
