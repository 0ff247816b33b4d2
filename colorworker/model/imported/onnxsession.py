"""Run ONNX networks with ONNX Runtime."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.errors import DependencyMissing, WeightsRefused
from colorworker.model.imported.profile import NetworkProfile

try:
    import onnxruntime
except Exception as error:  # a broken installation raises anything
    _missing = isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime"
    raise DependencyMissing(
        "onnxruntime",
        "is not installed, and ONNX networks need it"
        if _missing
        else f"does not load ({type(error).__name__}: {error})",
        "Install it: pip install 'colorworker[onnx]' (with a GPU: 'colorworker[onnx-gpu]')",
    ) from error

if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
    # It finds the CUDA libraries of the nvidia packages only if they are loaded already.
    onnxruntime.preload_dlls()

Floats = npt.NDArray[np.float32]


def providers(gpu_memory_bytes: int | None = None) -> list[tuple[str, dict[str, str]]]:
    """Return the execution providers of this build in order of preference, with their options.

    Args:
        gpu_memory_bytes: Limit on the memory of one session on a GPU. None: no limit.
    """
    arena = {"arena_extend_strategy": "kSameAsRequested"}
    limit = {} if gpu_memory_bytes is None else {"gpu_mem_limit": str(gpu_memory_bytes)}
    workspace = (
        {} if gpu_memory_bytes is None else {"trt_max_workspace_size": str(gpu_memory_bytes)}
    )
    wanted = [
        ("TensorrtExecutionProvider", workspace),
        ("CUDAExecutionProvider", arena | limit),
        ("CPUExecutionProvider", {}),
    ]
    available = onnxruntime.get_available_providers()
    return [(name, options) for name, options in wanted if name in available]


class OnnxSession:
    """One session. Only one thread at a time may run it."""

    def __init__(
        self,
        uri: str,
        graph: bytes,
        data: Mapping[str, npt.NDArray[Any]],
        profile: NetworkProfile,
        *,
        threads: int | None = None,
        gpu_memory_bytes: int | None = None,
    ) -> None:
        """Open a session.

        Args:
            uri: The file, for errors.
            graph: Its bytes.
            data: Tensors outside the file, by name.
            profile: The network's profile.
            threads: Cores for one prediction. None: all of them.
            gpu_memory_bytes: See `providers`.

        Raises:
            WeightsRefused: If ONNX Runtime cannot load the network.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        # Workers share the cores: threads that wait must not spin.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._uri = uri
        # The session refers to these arrays and does not copy them.
        self._data = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in data.items()
        }
        if self._data:
            options.add_external_initializers(list(self._data), list(self._data.values()))
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=providers(gpu_memory_bytes)
            )
        except Exception as error:  # its errors have no common documented type
            raise self._refused("cannot be loaded", error) from error
        image = next(e for e in self._session.get_inputs() if e.name == profile.input_name)
        self._dtype = np.float16 if image.type == "tensor(float16)" else np.float32
        self._names = profile.input_name, profile.output_name

    @property
    def device(self) -> str:
        """The provider that runs the network, such as `CUDA`."""
        return str(self._session.get_providers()[0]).removesuffix("ExecutionProvider")

    def __call__(self, images: Floats) -> Floats:
        """Return the output for a batch in the network's layout.

        Raises:
            WeightsRefused: If the network does not run.
        """
        given, wanted = self._names
        try:
            (found,) = self._session.run([wanted], {given: images.astype(self._dtype)})
        except Exception as error:  # its errors have no common documented type
            raise self._refused("does not run", error) from error
        return np.asarray(found, np.float32)

    def _refused(self, what: str, error: Exception) -> WeightsRefused:
        line = " ".join(str(error).split())[:200]
        return WeightsRefused(
            self._uri, f"{what} ({line})", "Export it again, or give another file"
        )
