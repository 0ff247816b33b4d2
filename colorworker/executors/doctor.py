"""What is installed, reachable and fast enough on this machine: a check a function."""

import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from colorworker import __version__
from colorworker.domain.options import CODECS
from colorworker.errors import ColorworkerError, DependencyMissing, KeyExists
from colorworker.executors.cores import usable_cores
from colorworker.model.weights import load, resolve
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

Status = Literal["ok", "warn", "fail"]

_LIBRARIES = ("numpy", "av", "pyvips", "opencv-python-headless", "tensorflow", "keras", "ray")
_ENCODERS = {"libx264": "films, access", "ffv1": "films, archive", "aac": "sound that must change"}
_STILL_SAVERS = ("jpegsave", "pngsave", "tiffsave", "webpsave")
_SPEED_SECONDS = 1.0
_SPEED_SHAPE = (256, 352)
"""A picture of 4:3 as the network sees it."""
_SLOW_PER_SECOND = 4.0
"""Below this an hour of film takes most of a working day."""
_TENSORFLOW_STEP = "Install it: pip install 'colorworker[cpu]', or 'colorworker[gpu]'"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    """`warn`: work can be done, but not all of it or not well; `fail`: it cannot."""
    detail: str
    next_step: str = ""


def checks(model: str = "lite") -> Iterator[Check]:
    """Yield every check as it is done, the slow ones last.

    Args:
        model: Name or path of the weights to check and to time.
    """
    yield check_versions()
    yield check_cores()
    yield check_film_encoders()
    yield check_video_hardware()
    yield check_still_encoders()
    with tempfile.TemporaryDirectory(prefix="colorworker-doctor-") as folder:
        yield check_store(Path(folder))
    yield check_weights(model)
    yield check_ray()
    yield check_devices()
    yield check_speed(model)


def check_versions() -> Check:
    """Name the versions of this package, Python and the libraries that do the work."""
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
    import av
    from av.codec.codec import UnknownCodecError

    missing = []
    for name in _ENCODERS:
        try:
            av.Codec(name, "w")
        except UnknownCodecError:
            missing.append(f"{name} ({_ENCODERS[name]})")
    if missing:
        return Check(
            "film encoders",
            "fail",
            f"missing: {', '.join(missing)}",
            "Install PyAV's own wheel, which has them: pip install --force-reinstall av",
        )
    return Check("film encoders", "ok", ", ".join(_ENCODERS))


def check_video_hardware() -> Check:
    """Try NVIDIA's engines for video, which nothing needs unless it is asked for."""
    from colorworker.media.codecs import nvdec, nvenc

    found = {
        f"NVDEC {codec} {form}": nvdec.probe_nvdec(codec, form)
        for codec, form in nvdec.BIT_EXACT_TESTS
    }
    found |= {name: nvenc.probe_nvenc(name) for name in map(nvenc.encoder_name, CODECS["access"])}
    works = [name for name, answer in found.items() if answer.works]
    reasons = sorted({answer.reason for answer in found.values() if not answer.works})
    said = f"NVIDIA's {', '.join(works)}" if works else "none is used"
    return Check("video hardware", "ok", "; ".join([said, *reasons]))


def check_still_encoders() -> Check:
    """Look for the encoders of pictures in libvips."""
    try:
        import pyvips
    except OSError as error:
        return Check(
            "still encoders",
            "fail",
            f"libvips does not load ({error})",
            "Install it with its library: pip install 'pyvips[binary]'",
        )
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    missing = [name for name in _STILL_SAVERS if not pyvips.type_find("VipsOperation", name)]
    if missing:
        return Check(
            "still encoders",
            "fail",
            f"libvips {version} lacks {', '.join(missing)}",
            "Install a complete one: pip install 'pyvips[binary]'",
        )
    formats = ", ".join(name.removesuffix("save") for name in _STILL_SAVERS)
    return Check("still encoders", "ok", f"{formats} (libvips {version})")


def check_store(folder: Path) -> Check:
    """Put, read, publish and delete an object in a folder, and try to take a key twice."""
    store = open_store(str(folder))
    started = time.perf_counter()
    try:
        store.put("doctor/attempt", b"round trip", create_only=True)
        fault = "" if _is_taken(store) else "a key could be created twice"
        store.publish("doctor/attempt", "doctor/output")
        if store.get("doctor/output") != b"round trip":
            fault = "other bytes came back"
        store.delete("doctor/output")
        if any(store.list("doctor/")):
            fault = "an object is still there after its deletion"
    except (ColorworkerError, OSError) as error:
        fault = str(error)
    finally:
        store.close()
    milliseconds = 1000 * (time.perf_counter() - started)
    if fault:
        return Check("store", "fail", f"{folder}: {fault}", "Choose a folder on another disk")
    return Check("store", "ok", f"put, create-only, get, publish, delete in {milliseconds:.0f} ms")


def check_weights(model: str = "lite") -> Check:
    """Hash the weights and check their arrays."""
    try:
        ref = resolve(model)
        weights = load(ref)
    except ColorworkerError as error:
        return Check("weights", "fail", f"{error.subject}: {error.seen}", error.next_step)
    count = sum(array.size for array in weights.arrays.values())
    detail = f"{ref.uri}, {count / 1e6:.1f} million numbers, sha256 {ref.sha256}"
    return Check("weights", "ok", detail)


def check_ray() -> Check:
    """Say whether jobs can run on a Ray cluster from here."""
    version = _version("ray")
    if version:
        return Check("ray", "ok", f"{version}, for --executor ray")
    return Check(
        "ray",
        "ok",
        "not installed; needed for --executor ray only",
        "If you want it: pip install 'colorworker[ray]'",
    )


def check_devices() -> Check:
    """Name the GPUs that TensorFlow sees."""
    try:
        from colorworker.model.runtime import tf
    except DependencyMissing as error:
        return Check("gpu", "fail", f"{error.subject} {error.seen}", error.next_step)
    except ImportError as error:
        return Check("gpu", "fail", f"tensorflow does not load ({error})", _TENSORFLOW_STEP)
    gpus = tf.config.list_physical_devices("GPU")
    names = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus
    ]
    return Check("gpu", "ok", ", ".join(names) or "none; the network runs on the CPU")


def check_speed(model: str = "lite") -> Check:
    """Load the network and let it color for about a second."""
    started = time.perf_counter()
    try:
        from colorworker.model.colorizer import load_colorizer

        colorizer = load_colorizer(resolve(model))
    except ColorworkerError as error:
        return Check("speed", "fail", f"{error.subject}: {error.seen}", error.next_step)
    except ImportError as error:
        return Check("speed", "fail", f"tensorflow does not load ({error})", _TENSORFLOW_STEP)
    lightness = np.random.default_rng(0).uniform(0, 100, (1, *_SPEED_SHAPE)).astype(np.float32)
    colorizer.predict(lightness)
    ready = time.perf_counter()
    count = 0
    while time.perf_counter() - ready < _SPEED_SECONDS:
        colorizer.predict(lightness)
        count += 1
    per_second = count / (time.perf_counter() - ready)
    detail = (
        f"{per_second:.1f} pictures/s of {_SPEED_SHAPE[1]} x {_SPEED_SHAPE[0]},"
        f" first one after {ready - started:.1f} s"
    )
    if per_second < _SLOW_PER_SECOND:
        step = "See that nothing else uses the cores, or use a machine with more of them or a GPU"
        return Check("speed", "warn", detail, step)
    return Check("speed", "ok", detail)


def _is_taken(store: ObjectStore) -> bool:
    """Tell whether a second create-only put of the key is turned down, as it must be."""
    try:
        store.put("doctor/attempt", b"another", create_only=True)
    except KeyExists:
        return True
    return False


def _version(library: str) -> str:
    """Return the installed version, of TensorFlow's CPU wheel too; empty for none."""
    for distribution in (library, f"{library}-cpu"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return ""
