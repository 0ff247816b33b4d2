"""A training over several workers: Ray Train starts them, places them and replaces the lost.

Ray's own checkpoints are not used: `training.checkpoints` are whole or not there, wherever the
output lies, and they outlive the job. What a report to Ray registers it knows only within one run,
and it returned the last registered one where a newer lay in the store.
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
from colorworker.executors.rayconnect import joined
from colorworker.store.openstore import S3_SCHEME, open_store, split_s3
from colorworker.store.options import S3Options, StoreOptions
from colorworker.training.config import TrainConfig
from colorworker.training.events import Ending, Moment
from colorworker.training.results import result_of
from colorworker.training.workerboard import Show, hung, raise_refusal, watching

logger = logging.getLogger(__name__)

_RAY_STATE = "ray"
"""Below the output: what Ray Train keeps of a run of its own."""


@dataclass(frozen=True)
class TrainJob:
    """What travels to the workers."""

    config: TrainConfig
    stores: StoreOptions
    scratch: Path
    max_pixels: int
    environment: dict[str, str]
    """Variables of the workers' processes."""


def run_train_job(job: TrainJob, *, address: str = "", show: Show = lambda _: None) -> Ending:
    """Train on Ray, from the last checkpoint if there is one, and return how it ended.

    Args:
        job: What to train.
        address: Of the cluster; empty starts Ray on this machine.
        show: Told of every moment that is seen.

    Raises:
        UsageError: If there is no such cluster, or the workers refuse the data, weights or
            checkpoint.
        PlaceFailed: If workers were lost more often than `cluster.max_failures`.
    """
    with joined(address):
        board = hung()
        trainer = TensorflowTrainer(
            _worker,
            train_loop_config={"job": job, "board": board},
            scaling_config=_scaling(job.config),
            run_config=_run_config(job),
        )
        try:
            with watching(board, show):
                trainer.fit()
            raise_refusal(board)
        except TrainingFailedError as error:
            raise_refusal(board)
            raise PlaceFailed(
                "training",
                f"workers failed more than {job.config.cluster.max_failures} times"
                f" ({_last_line(error)})",
                "Run the same command again: it goes on from the last checkpoint",
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
        # Its own every time: Ray would go on with a run of the same name in its own way.
        name=f"{_RAY_STATE}-{uuid.uuid4().hex[:8]}",
        storage_path=path,
        storage_filesystem=filesystem,
        failure_config=FailureConfig(max_failures=job.config.cluster.max_failures),
        worker_runtime_env={"env_vars": job.environment},
    )


def ray_storage(output: str, options: S3Options) -> tuple[str, fs.FileSystem | None]:
    """Return where Ray Train keeps its own small state: below the output, by pyarrow on S3.

    Args:
        output: Of the training.
        options: How to reach S3; credentials come from the environment, as for boto3.

    Raises:
        UsageError: If they do not make sense.
    """
    if not output.startswith(S3_SCHEME):
        store = open_store(output)
        return str(store.scratch().parent / _RAY_STATE), None
    bucket, prefix = split_s3(output)
    # Not at the top: jobs without buckets do without boto3.
    from colorworker.store.s3service import whereabouts

    where: dict[str, Any] = {}
    endpoint, region = whereabouts(bucket, options)
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
    """Run on every worker, after Ray has written TF_CONFIG."""
    job: TrainJob = given["job"]
    if ray.get(given["board"].seen.remote())[1]:
        return  # Refused before: the same would come of it, as often as Ray tries.
    context = ray.train.get_context()
    # TensorFlow reads TF_CONFIG and its own variables when it is imported and begins.
    from colorworker.model.runtime import tf
    from colorworker.training.engine import World
    from colorworker.training.setup import Means, run_training

    # libvips tells of every step of every picture, TensorFlow of every reduction it builds.
    for name in ("pyvips", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    rank, workers = context.get_world_rank(), context.get_world_size()

    def world() -> World:
        return World(tf.distribute.MultiWorkerMirroredStrategy(), rank, workers)

    def show(moment: Moment) -> None:
        if rank == 0:
            given["board"].tell.remote(moment)

    means = Means(job.stores, job.scratch, job.max_pixels, job.config.cluster.cpus_per_worker)
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
