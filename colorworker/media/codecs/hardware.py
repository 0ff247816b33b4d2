"""Probe NVIDIA's video engines with small films; only engines that pass are used.

Not yet run on a GPU: neither a successful probe nor anything that depends on one.
"""

import ctypes
import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import av
from av.codec.hwaccel import HWAccel
from av.error import FFmpegError
from av.video.frame import VideoFrame

from colorworker.media.containers.demux import libav_message
from colorworker.media.synthetic import Recipe, write_film

DRIVER, DECODER, ENCODER = "libcuda.so.1", "libnvcuvid.so.1", "libnvidia-encode.so.1"
"""Libraries of NVIDIA's driver; Docker containers get the last two only with capability `video`."""
FRAMES, WIDTH, HEIGHT = 12, 320, 192
"""Size of the test films, above the minimum frame size of all engines."""


@dataclass(frozen=True)
class ProbeResult:
    """Whether an engine works in this process."""

    reason: str = ""
    """Why it does not work; empty if it does."""

    @property
    def works(self) -> bool:
        """Whether the probe succeeded."""
        return not self.reason


def probe_engine(library: str, find_failure: Callable[[], str]) -> ProbeResult:
    """Run a probe and return its result; errors become reasons. Immediate without a driver.

    Args:
        library: Driver library that the engine needs in addition to `DRIVER`.
        find_failure: Uses the engine and returns what went wrong; empty if nothing did.
    """
    for name in (DRIVER, library):
        try:
            ctypes.CDLL(name)
        except OSError:
            why = "no NVIDIA driver" if name == DRIVER else "the driver lacks capability `video`"
            return ProbeResult(f"{why}: {name} does not load")
    try:
        return ProbeResult(find_failure())
    except FFmpegError as error:
        return ProbeResult(libav_message(error))
    except (ValueError, RuntimeError) as error:  # raised by PyAV about codecs and devices
        return ProbeResult(str(error) or type(error).__name__)


def encode_test_film(recipe: Recipe) -> bytes:
    """Return a Matroska film of `FRAMES` frames, `WIDTH` x `HEIGHT`, otherwise by the recipe."""
    film = io.BytesIO()
    with av.open(film, "w", format="matroska") as output:
        write_film(output, replace(recipe, width=WIDTH, height=HEIGHT, frames=FRAMES))
    return film.getvalue()


def decode_test_film(film: bytes, hwaccel: HWAccel | None = None) -> list[VideoFrame]:
    """Return the frames of a test film, decoded by libav's own decoder or by an engine."""
    with av.open(io.BytesIO(film), "r", hwaccel=hwaccel) as container:
        return list(container.decode(video=0))
