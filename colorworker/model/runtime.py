"""The only import of TensorFlow: one clear error if it is missing, and its configuration."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from colorworker.errors import DependencyMissing
from colorworker.model.installation import INSTALL

logger = logging.getLogger(__name__)


@contextmanager
def _stderr_to_log() -> Iterator[None]:
    """Redirect what native code writes to stderr to our log, at level debug.

    TensorFlow 2.21 prints its oneDNN notice during import, whatever TF_CPP_MIN_LOG_LEVEL says,
    because its C++ logging is not initialized yet. On a terminal that breaks the progress bar. So
    does CUDA's error on a machine without an NVIDIA driver, printed when GPUs are first listed.
    """
    with tempfile.TemporaryFile() as caught:
        stderr = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                logger.debug("%s", line)


try:
    with _stderr_to_log():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")  # The result is cached; later calls print nothing.
except Exception as error:  # a broken installation raises anything
    _is_missing = isinstance(error, ModuleNotFoundError) and error.name == "tensorflow"
    _line = str(error).strip().partition("\n")[0]
    raise DependencyMissing(
        "tensorflow",
        "is not installed, and the network runs on it"
        if _is_missing
        else f"does not load ({type(error).__name__}: {_line})",
        f"Install it: {INSTALL}",
    ) from error

__all__ = ["configure", "tf"]


def configure(*, threads: int | None = None, memory_growth: bool = True) -> None:
    """Configure how TensorFlow uses the cores and GPUs in this process.

    TensorFlow fixes both at its first operation. A later call only logs that it came too late.

    Args:
        threads: Cores for one prediction. None: TensorFlow's default, all of them.
        memory_growth: Allocate GPU memory as needed, so that several workers can share a GPU.
    """
    try:
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            # One prediction at a time: a second pool would only compete for the same cores.
            tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, memory_growth)
    except RuntimeError as error:
        logger.warning("TensorFlow keeps its threads and memory as they are: %s", error)
