"""NVIDIA's encoders, for films of the access profile. Never run on a GPU so far."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType

from av.error import FFmpegError

from colorworker.domain.options import CODECS, Codec
from colorworker.errors import HardwareMissing
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
"""Of libav's names."""
OPTIONS: Mapping[str, str] = MappingProxyType(
    {"rc": "vbr", "cq": "20", "b": "0", "preset": "p4", "forced-idr": "1"}
)
"""Constant quality, with no bound on bits. Groups of pictures are closed, so that parts can be
joined: libav has every one begin with an IDR frame."""
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
"""NVENC has seven. Which of them is like x264's of a name was not measured."""
_SOFTWARE = "Use --encoder software"


def encoder_name(codec: Codec | None) -> str:
    """Return libav's name of NVENC's encoder for a codec of the access profile."""
    return f"{codec or CODECS['access'][0]}{SUFFIX}"


@cache
def probe_nvenc(encoder: str, pix_fmt: str = "yuv420p") -> ProbeResult:
    """Say whether an encoder works in this process; tried once, by a film that must come back.

    Args:
        encoder: libav's name, such as `h264_nvenc`.
        pix_fmt: As the encoder takes it, such as `yuv420p` or `p010le`.
    """

    def lost() -> str:
        film = decode_test_film(encode_test_film(Recipe(encoder, pix_fmt, options=OPTIONS)))
        whole = [frame for frame in film if (frame.width, frame.height) == (WIDTH, HEIGHT)]
        return "" if len(whole) == FRAMES else f"{len(whole)} of {FRAMES} frames came back"

    return probe_engine(ENCODER, lost)


def require_encoder(encoder: str, pix_fmt: str, worker: str) -> None:
    """Refuse an encoder of NVENC that does not work in this process; others pass.

    Raises:
        HardwareMissing: If it does not.
    """
    if encoder.endswith(SUFFIX) and (reason := probe_nvenc(encoder, pix_fmt).reason):
        raise HardwareMissing(
            f"{encoder} on worker {worker}",
            reason,
            f"{_SOFTWARE}, or workers of which `colorworker doctor` says that they have it",
        )


@contextmanager
def encoder_errors(encoder: str, key: str, worker: str) -> Iterator[None]:
    """Say of an encoder of NVENC that it gives up; another worker's may not.

    Raises:
        HardwareMissing: If libav's wrapper does: for the film's size, or for too many sessions.
    """
    try:
        yield
    except FFmpegError as error:
        if not encoder.endswith(SUFFIX):
            raise
        said = f"{encoder} on worker {worker} gives up ({libav_message(error)})"
        raise HardwareMissing(key, said, _SOFTWARE) from error
