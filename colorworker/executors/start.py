"""Starts the executor that a job runs on: threads of this process, or actors on Ray."""

from colorworker.driver import Executor
from colorworker.errors import DependencyMissing
from colorworker.executors.inprocess import InProcessExecutor
from colorworker.executors.worker import WorkerSpec, open_workshop
from colorworker.settings import (
    ExecutorName,
    Settings,
    apply_environment,
    tensorflow_environment,
)


def start_executor(
    name: ExecutorName, spec: WorkerSpec, workers: int | None, settings: Settings
) -> Executor:
    """Return a running executor; the caller closes it.

    Args:
        name: `inprocess` or `ray`.
        spec: What workers must know.
        workers: Units at a time, or the most actors; None lets the cluster's size decide.
        settings: Of this process.

    Raises:
        DependencyMissing: If Ray is requested and not installed.
        UsageError: If the cluster cannot be reached or has no room for a worker.
    """
    if name == "inprocess":
        apply_environment(tensorflow_environment())
        return InProcessExecutor(open_workshop(spec), workers or 1)
    try:
        from colorworker.executors.rayactors import RayExecutor
        from colorworker.executors.sizing import Crew
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            "ray", "is not installed", "Install it: pip install 'colorworker[ray]'"
        ) from error
    run = settings.run
    crew = Crew(run.cpus_per_worker, run.gpus_per_worker, run.min_workers, workers)
    return RayExecutor(
        spec,
        crew,
        address=settings.ray_address,
        environment=tensorflow_environment(crew.cpus),
        start_seconds=run.start_seconds,
    )
