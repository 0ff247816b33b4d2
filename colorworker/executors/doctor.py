"""Checks of this machine: libraries, encoders, stores, speed. One function per check.

Everything that any job needs is checked by `preflight`, which jobs and workers use too.
"""

import ctypes
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from colorworker import __version__
from colorworker.color.colorizerprotocol import Floats
from colorworker.domain.models import ModelChoice
from colorworker.domain.options import CODECS
from colorworker.errors import ColorworkerError, KeyExists, UsageError
from colorworker.executors import preflight
from colorworker.executors.cores import usable_cores
from colorworker.model.networks import describe_model, load_networks, resolve_model
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

LITE = ModelChoice("lite")
Status = Literal["ok", "warn", "fail"]

_LIBRARIES = ("numpy", "av", "pyvips", "opencv-python-headless", "tensorflow", "keras", "ray")
_ENCODERS = ("libx264", "ffv1", "aac")
"""Encoders for films of the access and archive profiles, and for sound that is re-encoded."""
_GPU_STEP = (
    "Install the GPU build over it: pip install 'colorworker[gpu]' &&"
    " pip install --force-reinstall --no-deps 'tensorflow>=2.20,<2.22'"
)
_SPEED_SECONDS = 1.0
_SPEED_SHAPE = (256, 352)
"""Height and width of a 4:3 picture as the network sees it."""
_MOST_APART = 2.0
"""Largest distance in a*, b* between the colors of a GPU and the CPU. With 10 bits of mantissa, as
GPUs multiply by default (TF32), it is 0.7; with 7 bits 3.6; with 1 % of noise in the weights 26."""
_SLOW_PER_SECOND = 4.0
"""Below this, an hour of film takes most of a working day."""


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    name: str
    status: Status
    """`warn`: jobs run, but with limits or slowly; `fail`: they do not run."""
    detail: str
    next_step: str = ""


def checks(model: ModelChoice = LITE) -> Iterator[Check]:
    """Run all checks, the slow ones last, and yield each result when it is known.

    Args:
        model: The networks to check and time.
    """
    yield check_versions()
    yield check_cores()
    yield check_film_encoders()
    yield check_video_hardware()
    yield check_still_encoders()
    yield check_still_decoders()
    yield check_optical_flow()
    with tempfile.TemporaryDirectory(prefix="colorworker-doctor-") as folder:
        yield check_store(Path(folder))
    yield check_weights(model)
    yield check_onnx_runtime()
    yield check_ray()
    yield check_devices()
    yield check_gpu_colors()
    yield check_speed(model)


def check_versions() -> Check:
    """List the versions of this package, Python and the main libraries."""
    found = [f"colorworker {__version__}", f"Python {platform.python_version()}"]
    found += [f"{name} {version}" for name in _LIBRARIES if (version := _version(name))]
    return Check("versions", "ok", ", ".join(found))


def check_cores() -> Check:
    """Count the cores that this process may use."""
    of = f"{usable_cores()} usable of {os.cpu_count()}"
    detail = f"{of}, {platform.machine()} {platform.system()}"
    return Check("cores", "ok", detail)


def check_film_encoders() -> Check:
    """Look for the encoders of films in the FFmpeg that PyAV carries."""
    return _asked("film encoders", lambda: preflight.film_encoders(_ENCODERS))


def check_video_hardware() -> Check:
    """Try NVIDIA's video engines; only jobs that ask for them need them."""
    from colorworker.media.codecs import nvdec, nvenc

    found = {
        f"NVDEC {codec} {form}": nvdec.probe_nvdec(codec, form)
        for codec, form in nvdec.BIT_EXACT_TESTS
    }
    found |= {name: nvenc.probe_nvenc(name) for name in map(nvenc.encoder_name, CODECS["access"])}
    works = [name for name, answer in found.items() if answer.works]
    reasons = sorted({answer.reason for answer in found.values() if not answer.works})
    said = f"NVIDIA's {', '.join(works)}" if works else "none available"
    return Check("video hardware", "ok", "; ".join([said, *reasons]))


def check_still_encoders() -> Check:
    """Look for the formats of pictures that libvips must write."""
    return _asked("still encoders", preflight.picture_library)


def check_still_decoders() -> Check:
    """Load OpenImageIO."""
    return _asked("still decoders", preflight.scan_library)


def check_optical_flow() -> Check:
    """Load OpenCV."""
    return _asked("optical flow", preflight.flow_library)


def check_store(folder: Path) -> Check:
    """Put, read, publish and delete an object in a folder, and try to create a key twice."""
    store = open_store(str(folder))
    started = time.perf_counter()
    try:
        preflight.writable(store)
        store.put("doctor/attempt", b"round trip", create_only=True)
        fault = "" if _is_taken(store) else "a key could be created twice"
        store.publish("doctor/attempt", "doctor/output")
        if store.get("doctor/output") != b"round trip":
            fault = "the bytes that came back are different"
        store.delete("doctor/output")
        if any(store.list("doctor/")):
            fault = "a deleted object is still there"
    except (ColorworkerError, OSError) as error:
        fault = str(error)
    finally:
        store.close()
    milliseconds = 1000 * (time.perf_counter() - started)
    if fault:
        return Check("store", "fail", f"{folder}: {fault}", "Choose a folder on another disk")
    return Check("store", "ok", f"put, create-only, get, publish, delete in {milliseconds:.0f} ms")


def check_weights(model: ModelChoice = LITE) -> Check:
    """Hash the networks' files and check their content."""
    return _asked("weights", lambda: describe_model(resolve_model(model)))


def check_onnx_runtime() -> Check:
    """Check whether ONNX Runtime loads, for networks of other projects."""
    if not (_version("onnxruntime") or _version("onnxruntime-gpu")):
        return Check(
            "onnx runtime",
            "ok",
            "not installed; only ONNX networks need it",
            "To use it: pip install 'colorworker[onnx]' (with a GPU: 'colorworker[onnx-gpu]')",
        )

    def described() -> str:
        from colorworker.model.imported.onnxsession import providers

        names = [name.removesuffix("ExecutionProvider") for name, _ in providers()]
        version = _version("onnxruntime") or _version("onnxruntime-gpu")
        return f"{version}, runs networks on {', '.join(names)}"

    return _asked("onnx runtime", described)


def check_ray() -> Check:
    """Check whether Ray loads, for jobs on a cluster."""
    version = _version("ray")
    if not version:
        return Check(
            "ray",
            "ok",
            "not installed; only --executor ray needs it",
            "To use it: pip install 'colorworker[ray]'",
        )
    return _asked("ray", lambda: f"{preflight.ray_version()}, for --executor ray")


def check_devices() -> Check:
    """List the GPUs that TensorFlow sees; warn if its build cannot see any that may be here."""
    try:
        preflight.network_runtime()
    except UsageError as error:
        return Check("gpu", "fail", f"{error.subject} {error.seen}", error.next_step)
    from colorworker.model.runtime import tf

    if not tf.sysconfig.get_build_info()["is_cuda_build"] and _has_nvidia_driver():
        seen = "NVIDIA's driver is here, but this TensorFlow is built for CPUs only"
        return Check("gpu", "warn", seen, _GPU_STEP)
    details = tf.config.experimental.get_device_details
    gpus = tf.config.list_physical_devices("GPU")
    names = [details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return Check("gpu", "ok", ", ".join(names) or "none; the network runs on the CPU")


def check_gpu_colors(devices: Sequence[str] | None = None) -> Check:
    """Compare the colors that devices and the CPU compute for a test picture.

    Args:
        devices: TensorFlow's names of devices. Default: all GPUs.
    """
    try:
        preflight.network_runtime()
        from colorworker.model.runtime import tf

        def predict(device: str) -> Floats:
            # A network of its own, which is traced for this device.
            with tf.device(device):
                return load_networks(resolve_model(LITE)).predict(check_picture())

        if devices is None:
            devices = [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
        if not devices:
            return Check("gpu colors", "ok", "no GPU to compare with the CPU")
        on_cpu = predict("/CPU:0")
        found = [compare_colors(name, on_cpu, predict(name)) for name in devices]
    except ColorworkerError as error:
        return Check("gpu colors", "fail", f"{error.subject} {error.seen}", error.next_step)
    return next((check for check in found if check.status == "fail"), found[0])


def check_picture() -> Floats:
    """Return L* of a test picture, (1, 256, 352): a sky, hills with texture, and a dark disc."""
    rows, columns = np.mgrid[: _SPEED_SHAPE[0], : _SPEED_SHAPE[1]].astype(np.float32)
    hills = 45 + 12 * np.sin(columns / 23) + 8 * np.sin(rows / 5 + columns / 9)
    scene = np.where(rows < 110 + 20 * np.sin(columns / 40), 90 - 30 * rows / 256, hills)
    disc = np.hypot(rows - 80, columns - 240) < 36
    return np.asarray(np.where(disc, 25 + rows / 8, scene)[np.newaxis], np.float32)


def compare_colors(device: str, expected: Floats, found: Floats) -> Check:
    """Compare the colors that two devices compute for the same pictures.

    Args:
        device: Name of the device to judge.
        expected: a* and b* as the CPU computes them, (B, H, W, 2).
        found: The same from the device.
    """
    apart = float(np.hypot(*np.moveaxis(found - expected, -1, 0)).max())
    if apart <= _MOST_APART:
        return Check("gpu colors", "ok", f"{device}: within {apart:.2f} of the CPU's a*, b*")
    seen = f"up to {apart:.1f} away from the CPU's a*, b*" if apart < np.inf else "not numbers"
    return Check(
        "gpu colors",
        "fail",
        f"{device}: the colors of a test picture are {seen}; at most {_MOST_APART:g} is rounding",
        "Do not color with this GPU (CUDA_VISIBLE_DEVICES=-1). Update its driver, and check its"
        " memory: nvidia-smi -q -d ECC",
    )


def check_speed(model: ModelChoice = LITE) -> Check:
    """Load the network and measure its speed for about a second."""
    started = time.perf_counter()
    try:
        colorizer = load_networks(resolve_model(model))
    except ColorworkerError as error:
        return Check("speed", "fail", f"{error.subject} {error.seen}", error.next_step)
    lightness = np.random.default_rng(0).uniform(0, 100, (1, *_SPEED_SHAPE)).astype(np.float32)
    colorizer.predict(lightness)
    ready = time.perf_counter()
    count = 0
    while time.perf_counter() - ready < _SPEED_SECONDS:
        colorizer.predict(lightness)
        count += 1
    per_second = count / (time.perf_counter() - ready)
    detail = (
        f"{per_second:.1f} pictures/s at {_SPEED_SHAPE[1]} x {_SPEED_SHAPE[0]},"
        f" the first one after {ready - started:.1f} s"
    )
    if per_second < _SLOW_PER_SECOND:
        step = "Stop whatever else uses the cores, or use a machine with more cores or a GPU"
        return Check("speed", "warn", detail, step)
    return Check("speed", "ok", detail)


def _asked(name: str, question: Callable[[], str]) -> Check:
    """Return the result of a check that answers with a description or a UsageError."""
    try:
        return Check(name, "ok", question())
    except UsageError as error:
        return Check(name, "fail", f"{error.subject} {error.seen}", error.next_step)


def _has_nvidia_driver() -> bool:
    from colorworker.media.codecs import hardware

    try:
        ctypes.CDLL(hardware.DRIVER)
    except OSError:
        return False
    return True


def _is_taken(store: ObjectStore) -> bool:
    """Return whether a second create-only put of the key is refused, as it must be."""
    try:
        store.put("doctor/attempt", b"another", create_only=True)
    except KeyExists:
        return True
    return False


def _version(library: str) -> str:
    """Return the installed version, also that of TensorFlow's CPU wheel; empty if not installed."""
    for distribution in (library, f"{library}-cpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return ""
