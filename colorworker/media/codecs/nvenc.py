"""NVIDIA's encoders, for the access profile. Not yet run on a GPU."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType

from av.error import FFmpegError

from colorworker.domain.options import CODECS, Codec
from colorworker.errors import HardwareMissing, SourceUnsupported
from colorworker.media.codecs.hardware import (
    ENCODER,
    FRAMES,
    HEIGHT,
    WIDTH,
    ProbeResult,
    decode_test_film,
    encode_test_film,
    probe_engine,
)
from colorworker.media.containers.demux import libav_message
from colorworker.media.synthetic import Recipe

SUFFIX = "_nvenc"
"""Suffix of libav's names for NVENC encoders."""
OPTIONS: Mapping[str, str] = MappingProxyType(
    {"rc": "vbr", "cq": "20", "b": "0", "preset": "p4", "forced-idr": "1"}
)
"""Constant quality without a bit rate limit. Groups of pictures are closed so that parts can be
joined: libav starts each with an IDR frame."""
PRESETS = MappingProxyType(
    {
        "ultrafast": "p1",
        "superfast": "p1",
        "veryfast": "p2",
        "faster": "p3",
        "fast": "p4",
        "medium": "p5",
        "slow": "p6",
        "slower": "p7",
        "veryslow": "p7",
        "placebo": "p7",
    }
)
"""NVENC preset for each x264 preset name; NVENC has seven. The mapping was not measured."""
_SOFTWARE = "Use --encoder software"


def encoder_name(codec: Codec | None) -> str:
    """Return libav's name of the NVENC encoder for a codec of the access profile."""
    return f"{codec or CODECS['access'][0]}{SUFFIX}"


@cache
def probe_nvenc(encoder: str, pix_fmt: str = "yuv420p") -> ProbeResult:
    """Return whether an encoder works in this process, by encoding and decoding a small film.

    The result is cached.

    Args:
        encoder: libav's name, such as `h264_nvenc`.
        pix_fmt: The encoder's input format, such as `yuv420p` or `p010le`.
    """

    def lost() -> str:
        film = decode_test_film(encode_test_film(Recipe(encoder, pix_fmt, options=OPTIONS)))
        whole = [frame for frame in film if (frame.width, frame.height) == (WIDTH, HEIGHT)]
        return "" if len(whole) == FRAMES else f"{len(whole)} of {FRAMES} frames came back"

    return probe_engine(ENCODER, lost)


def require_encoder(encoder: str, pix_fmt: str, worker: str) -> None:
    """Check that an NVENC encoder works in this process; other encoders always pass.

    Raises:
        HardwareMissing: If it does not work.
    """
    if encoder.endswith(SUFFIX) and (reason := probe_nvenc(encoder, pix_fmt).reason):
        raise HardwareMissing(
            f"{encoder} on worker {worker}",
            reason,
            f"{_SOFTWARE}, or workers on which `colorworker doctor` reports it as available",
        )


@contextmanager
def encoder_errors(encoder: str, key: str, worker: str) -> Iterator[None]:
    """Turn the failure of an encoder into an error that says whether other workers may succeed.

    Raises:
        HardwareMissing: If libav's wrapper of NVENC fails, for example because of the frame size or
            too many open sessions.
        SourceUnsupported: If another encoder refuses the film.
    """
    try:
        yield
    except FFmpegError as error:
        if not encoder.endswith(SUFFIX):
            if error.errno not in {errno.EINVAL, errno.ENOSYS}:
                raise
            said = f"{encoder} refuses its frames ({libav_message(error)})"
            raise SourceUnsupported(key, said, "Use another --codec or --profile") from error
        said = f"{encoder} on worker {worker} failed ({libav_message(error)})"
        raise HardwareMissing(key, said, _SOFTWARE) from error
