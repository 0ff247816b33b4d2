"""Try NVIDIA's video engines with small films: only what was seen to work is used.

Never run on a GPU so far: neither a probe's success nor what is built on it.
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
"""Libraries of NVIDIA's driver; containers get the last two with its capability `video` only."""
FRAMES, WIDTH, HEIGHT = 12, 320, 192
"""Of the films that are tried: above the smallest pictures that any of the engines takes."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe has found."""

    reason: str = ""
    """Why it does not work here; empty where it does."""

    @property
    def works(self) -> bool:
        """Whether it was seen to work."""
        return not self.reason


def probe_engine(library: str, flaw: Callable[[], str]) -> ProbeResult:
    """Return what comes of a try, whatever happens in it; at once where there is no driver.

    Args:
        library: Of the driver, that the engine needs besides the driver itself.
        flaw: Tries the engine and returns what was wrong; empty if nothing.
    """
    for name in (DRIVER, library):
        try:
            ctypes.CDLL(name)
        except OSError:
            why = "there is no NVIDIA driver" if name == DRIVER else "the driver lacks `video`"
            return ProbeResult(f"{why} here: {name} does not load")
    try:
        return ProbeResult(flaw())
    except FFmpegError as error:
        return ProbeResult(libav_message(error))
    except (ValueError, RuntimeError) as error:  # PyAV's own, about codecs and devices
        return ProbeResult(str(error) or type(error).__name__)


def encode_test_film(recipe: Recipe) -> bytes:
    """Return a film of `FRAMES` frames of this make, `WIDTH` x `HEIGHT`, as a file of Matroska."""
    film = io.BytesIO()
    with av.open(film, "w", format="matroska") as output:
        write_film(output, replace(recipe, width=WIDTH, height=HEIGHT, frames=FRAMES))
    return film.getvalue()


def decode_test_film(film: bytes, hwaccel: HWAccel | None = None) -> list[VideoFrame]:
    """Return the frames of a small film, by libav's own decoder or by an engine."""
    with av.open(io.BytesIO(film), "r", hwaccel=hwaccel) as container:
        return list(container.decode(video=0))
