"""Settings that every worker of a job needs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WorkerSettings:
    """Settings of a worker. None of them changes colors, so none is part of an identity.

    `settings.py` reads these from the environment; the values below are its defaults as well.
    """

    max_pixels: int = 1_000_000_000
    """Largest picture or frame that is decoded, in pixels."""
    scratch: Path | None = None
    """Folder for temporary files; None for the destination's own."""
    min_free_bytes: int = 256 << 20
    """Required free space on the disks of temporary files and of a local destination."""
    keep_parts: bool = False
    """Keep a film's encoded segments after the film is published."""
    verify_parts: bool = True
    """Decode the segments of lossless films again and compare their luma with the source's."""
    repeat_damaged: bool = False
    """Repeat the previous frame in place of one that does not decode, instead of failing."""
    gpu_memory_bytes: int | None = None
    """Limit on the GPU memory of the worker's ONNX network; None for none."""
    c2pa_certificate: Path | None = None
    """PEM file on each worker with the certificate that signs C2PA manifests, and its chain."""
    c2pa_key: Path | None = None
    """PEM file on each worker with its private key."""
    c2pa_timestamp_url: str = ""
    """Time-stamp authority (RFC 3161) that C2PA signatures ask for the time; empty for none."""
    nvdec: bool = False
    """Decode films with NVDEC where a check on the worker shows that it preserves their luma."""
