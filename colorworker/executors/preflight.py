"""Check a machine before it gets any unit. Used by jobs, Ray workers and `doctor`.

Each check returns a short description of what it found, or raises a UsageError: one sentence with
the object, the fault and the next step. These errors are never about an item, so a failed check
leaves no failed items, no attempts and no parked items behind.

A library is checked by importing it, because an installed library may fail to load.
"""

import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

from colorworker.domain.entries import Entry
from colorworker.domain.models import ModelRef
from colorworker.domain.options import Options
from colorworker.domain.schedule import output_identity
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import (
    ColorworkerError,
    DependencyMissing,
    PlaceUnfit,
    UsageError,
)
from colorworker.state import STATE, record_key
from colorworker.store.objectstore import ObjectStore

STILL_SAVERS = ("jpegsave", "pngsave", "tiffsave", "webpsave")
"""Operations of libvips that write pictures."""
_PROBED_ITEMS = 64
"""Items whose done-records are looked up before TensorFlow is imported. Larger jobs always import
it: compared with that many items, 3 to 8 seconds do not matter."""
_PROBERS = 16


def check_machine(
    destination: ObjectStore, settings: WorkerSettings, encoders: Iterable[str]
) -> None:
    """Check everything that units need on this machine, except for the network's runtime.

    Args:
        destination: The job's destination; a small object is put there and deleted again.
        settings: Settings of the job's workers.
        encoders: Encoders that films need, by libav's names; see `media.codecs.profiles`.

    Raises:
        UsageError: If this machine cannot do the job's units.
        StoreUnavailable: If a remote destination does not answer.
    """
    media_libraries()
    film_encoders(encoders)
    writable(destination)
    free_space(destination, settings.scratch, settings.min_free_bytes)


def network_runtime() -> str:
    """Import TensorFlow, which takes seconds the first time.

    Raises:
        DependencyMissing: If it is missing or does not load.
    """
    from colorworker.model.runtime import tf

    return f"tensorflow {tf.__version__}"


def media_libraries() -> None:
    """Load PyAV, libvips and OpenCV.

    Raises:
        DependencyMissing: If one of them is missing, does not load or is incomplete.
    """
    film_encoders(())
    picture_library()
    flow_library()


def picture_library() -> str:
    """Load libvips and look for the formats it must be able to write.

    Raises:
        DependencyMissing: If it is missing, does not load or lacks one of them.
    """
    with _loading("pyvips", "pip install --force-reinstall 'pyvips[binary]'"):
        import pyvips
    version = ".".join(str(pyvips.version(part)) for part in range(3))
    missing = [name for name in STILL_SAVERS if not pyvips.type_find("VipsOperation", name)]
    if missing:
        raise DependencyMissing(
            f"libvips {version}",
            f"lacks {', '.join(missing)}",
            "Install a complete one: pip install --force-reinstall 'pyvips[binary]'",
        )
    formats = ", ".join(name.removesuffix("save") for name in STILL_SAVERS)
    return f"{formats} (libvips {version})"


def scan_library() -> str:
    """Load OpenImageIO, which reads the formats of pictures that libvips does not.

    Raises:
        DependencyMissing: If it is missing or does not load.
    """
    with _loading("OpenImageIO", "pip install --force-reinstall openimageio"):
        import OpenImageIO
    return f"OpenImageIO {OpenImageIO.VERSION_STRING}"


def flow_library() -> str:
    """Load OpenCV, which computes the optical flow of films.

    Raises:
        DependencyMissing: If it is missing or does not load.
    """
    with _loading("cv2", "pip install --force-reinstall opencv-python-headless"):
        import cv2
    return f"OpenCV {cv2.__version__}"


def ray_version() -> str:
    """Load Ray and return its version.

    Raises:
        DependencyMissing: If it is missing or does not load.
    """
    with _loading("ray", "pip install 'colorworker[ray]'"):
        import ray
    return str(ray.__version__)


def film_encoders(names: Iterable[str]) -> str:
    """Look for encoders in the FFmpeg that PyAV carries, and try those of NVENC.

    Args:
        names: Encoders by libav's names, such as `libx264` and `h264_nvenc`.

    Raises:
        DependencyMissing: If PyAV does not load or its FFmpeg lacks a software encoder.
        PlaceUnfit: If NVENC does not work on this machine.
    """
    with _loading("av", "pip install --force-reinstall av"):
        import av
    names = tuple(names)
    missing = [name for name in names if not _has_encoder(av, name)]
    if missing:
        raise DependencyMissing(
            "PyAV",
            f"this build has no encoder {', '.join(missing)}",
            "Install its own wheel, which has them: pip install --force-reinstall av",
        )
    from colorworker.media.codecs import nvenc

    for name in names:
        if name.endswith(nvenc.SUFFIX) and (reason := nvenc.probe_nvenc(name).reason):
            raise PlaceUnfit(
                "--encoder nvenc",
                f"{name} does not work on {platform.node()} ({reason})",
                "Use --encoder software, or machines where `colorworker doctor` reports NVENC",
            )
    return ", ".join(names)


def writable(store: ObjectStore) -> str:
    """Put a small object under a unique key, and delete it again.

    Raises:
        PlaceUnfit: If the store takes no objects from this machine, or does not delete them.
        StoreUnavailable: If a remote store does not answer.
    """
    key = f"{STATE}/probe-{uuid.uuid4().hex}"
    try:
        store.put(key, b"Can be deleted.\n", create_only=True)
        store.delete(key)
    except UsageError:
        raise
    except ColorworkerError as error:
        if error.retryable and not is_local(store):
            raise
        raise PlaceUnfit(
            _shown(store),
            f"a test write from {platform.node()} failed: {error.seen}",
            error.next_step or "Choose another destination, or allow writing there",
        ) from error
    return "put and deleted an object"


def free_space(destination: ObjectStore, scratch: Path | None, min_free_bytes: int) -> str:
    """Check the free space for temporary files, and for outputs if the destination is a folder.

    Raises:
        PlaceUnfit: If there is less than min_free_bytes on either disk.
    """
    if scratch:
        make_scratch(scratch)
    # A local store's own scratch folder lies on its disk.
    folders = [scratch or destination.scratch()]
    if scratch and is_local(destination):
        folders.append(destination.scratch())
    least = min(_free_bytes(folder) for folder in folders)
    for folder in folders:
        free = _free_bytes(folder)
        if free < min_free_bytes:
            raise PlaceUnfit(
                str(folder),
                f"only {free / 2**20:.0f} MiB are free on its disk on {platform.node()}, and at"
                f" least {min_free_bytes / 2**20:.0f} MiB are required",
                "Free some space, set COLORWORKER_RUN__SCRATCH to a folder on another disk, or"
                " lower COLORWORKER_RUN__MIN_FREE_BYTES",
            )
    return f"{least / 2**30:.1f} GiB free"


def is_local(store: ObjectStore) -> bool:
    """Return whether the store is a folder of this machine."""
    return store.uri.startswith("file://")


def make_scratch(folder: Path) -> None:
    """Create the folder for temporary files unless it exists, and write to it as a test.

    Raises:
        PlaceUnfit: If it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"test")
    except OSError as error:
        raise PlaceUnfit(
            str(folder),
            f"no temporary file can be written there on {platform.node()} ({error.strerror})",
            "Set COLORWORKER_RUN__SCRATCH to a folder that can be written",
        ) from error


def any_unfinished(
    entries: Iterable[Entry], options: Options, model: ModelRef, destination: ObjectStore
) -> bool:
    """Return whether any item may be left to color.

    Looks up the done-records of up to 64 items; with more items the answer is True. It is False
    only if all are done, unless an output was deleted by hand: its worker then imports the runtime
    when it needs it.
    """
    to_do = (entry for entry in entries if not entry.outcome)
    asked = list(islice(to_do, _PROBED_ITEMS + 1))
    if len(asked) > _PROBED_ITEMS:
        return True

    def is_unfinished(entry: Entry) -> bool:
        try:
            destination.head(record_key(output_identity(entry, options, model)))
        except ColorworkerError:  # A missing key, or an error that the test write reports better.
            return True
        return False

    # The first one decides for a new job, in one request.
    if asked and is_unfinished(asked[0]):
        return True
    with ThreadPoolExecutor(_PROBERS, "probe") as pool:
        return any(pool.map(is_unfinished, asked[1:]))


@contextmanager
def _loading(module: str, command: str) -> Iterator[None]:
    """Turn any error of an import into one that says what to install."""
    try:
        yield
    except Exception as error:  # a broken installation raises anything
        missing = isinstance(error, ModuleNotFoundError) and error.name == module
        line = str(error).strip().partition("\n")[0]
        seen = "is not installed" if missing else f"does not load ({type(error).__name__}: {line})"
        raise DependencyMissing(module, seen, f"Install it: {command}") from error


def _has_encoder(av: ModuleType, name: str) -> bool:
    try:
        av.Codec(name, "w")
    except ValueError:  # UnknownCodecError
        return False
    return True


def _shown(store: ObjectStore) -> str:
    """Return a folder's path, or the store's URI."""
    return unquote(urlsplit(store.uri).path) if is_local(store) else store.uri


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
