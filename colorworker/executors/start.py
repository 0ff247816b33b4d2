"""Check the machine or cluster that a job runs on, and start its worker processes or Ray actors."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from types import ModuleType

from colorworker.driver import Executor
from colorworker.executors import preflight
from colorworker.executors.local import LocalExecutor
from colorworker.executors.sizing import PoolSize
from colorworker.executors.worker import WorkerSpec, check_signing
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
    workers: int | None,
    settings: Settings,
    destination: ObjectStore,
    unfinished: Callable[[], bool],
) -> Iterator[Callable[[], Executor]]:
    """Check everything that units need; give the function that returns the running executor.

    On this machine, all checks run here, before the job writes more than a probe. On Ray, every
    worker checks its own machine, and this process is connected to the cluster inside the block. A
    job that is already done skips the checks, so its second run stays quick.

    Args:
        name: `local` or `ray`.
        spec: Setup of the job's workers.
        workers: Maximum number of worker processes or actors; None: as many as fit on the cluster.
        settings: Settings of this process.
        destination: The job's destination.
        unfinished: Returns whether any item is not done yet; see `preflight.any_unfinished`.

    Raises:
        UsageError: If the job cannot run here. On Ray, the executor raises it too.
        StoreUnavailable: If a remote destination does not answer.
    """
    if name == "local":
        apply_environment(tensorflow_environment())
        stall_seconds = settings.run.unit_stall_seconds
        with closing(LocalExecutor(spec, workers or 1, stall_seconds=stall_seconds)) as local:
            if unfinished():
                local.start()
                local.await_colorizer()
                preflight.check_machine(destination, spec.settings, spec.encoders)
                check_signing(spec)
            yield lambda: local
        return
    rayactors, rayconnect = _ray_modules()
    if unfinished():
        preflight.writable(destination)
    run = settings.run
    size = PoolSize(run.cpus_per_worker, run.gpus_per_worker, run.min_workers, workers)
    with rayconnect.connected(settings.ray_address):
        yield partial(
            rayactors.RayExecutor,
            spec,
            size,
            address=settings.ray_address,
            environment=tensorflow_environment(run.cpus_per_worker),
            start_seconds=run.start_seconds,
            stall_seconds=run.unit_stall_seconds,
        )


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
