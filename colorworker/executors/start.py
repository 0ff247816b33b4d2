"""Check the machine or cluster that a job runs on, and start its threads or Ray actors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

from colorworker.driver import Executor
from colorworker.executors import preflight
from colorworker.executors.inprocess import InProcessExecutor
from colorworker.executors.sizing import PoolSize
from colorworker.executors.worker import WorkerSpec, open_context
from colorworker.settings import (
    ExecutorName,
    Settings,
    apply_environment,
    tensorflow_environment,
)
from colorworker.store.objectstore import ObjectStore


@contextmanager
def checked_place(
    name: ExecutorName,
    spec: WorkerSpec,
    settings: Settings,
    destination: ObjectStore,
    unfinished: Callable[[], bool],
) -> Iterator[None]:
    """Check everything that units need, before the job writes more than a probe.

    In process, all checks run here. On Ray, every worker checks its own machine, and this process
    is connected to the cluster inside the block. A job that is already done skips the checks, so
    its second run stays quick.

    Args:
        name: `inprocess` or `ray`.
        spec: Setup of the job's workers.
        settings: Settings of this process.
        destination: The job's destination.
        unfinished: Returns whether any item is not done yet; see `preflight.any_unfinished`.

    Raises:
        UsageError: If the job cannot run here.
        StoreUnavailable: If a remote destination does not answer.
    """
    if name == "inprocess":
        apply_environment(tensorflow_environment())
        if unfinished():
            preflight.network_runtime()
            preflight.check_machine(destination, spec.settings, spec.encoders)
        yield
        return
    _, rayconnect = _ray_modules()
    if unfinished():
        preflight.writable(destination)
    with rayconnect.connected(settings.ray_address):
        yield


def start_executor(
    name: ExecutorName, spec: WorkerSpec, workers: int | None, settings: Settings
) -> Executor:
    """Return a running executor; the caller closes it.

    Args:
        name: `inprocess` or `ray`.
        spec: Setup of the job's workers.
        workers: Maximum number of threads or actors; None: as many as fit on the cluster.
        settings: Settings of this process.

    Raises:
        UsageError: If Ray is not installed, or the cluster cannot be reached or has no room for a
            worker.
    """
    if name == "inprocess":
        apply_environment(tensorflow_environment())
        return InProcessExecutor(open_context(spec), workers or 1)
    rayactors, _ = _ray_modules()
    run = settings.run
    size = PoolSize(run.cpus_per_worker, run.gpus_per_worker, run.min_workers, workers)
    executor: Executor = rayactors.RayExecutor(
        spec,
        size,
        address=settings.ray_address,
        environment=tensorflow_environment(size.cpus),
        start_seconds=run.start_seconds,
    )
    return executor


def _ray_modules() -> tuple[ModuleType, ModuleType]:
    """Import everything that needs Ray, and return the modules of actors and of connections.

    This must happen before `ray.init`: once a driver under `ray job submit` has connected, other
    nodes on the same machine delete and unpack its working folder again
    (`download_and_unpack_package` in Ray 2.60), and for a moment its modules are missing.

    Raises:
        DependencyMissing: If Ray is missing or does not load.
    """
    preflight.ray_version()
    from colorworker.executors import rayactors, rayconnect

    return rayactors, rayconnect
