"""How stores are to be reached: plain values that travel to any worker; never credentials."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIB = 1 << 20


@dataclass(frozen=True)
class S3Options:
    """How to speak to an S3 service; None leaves the choice to boto3's own variables and files."""

    endpoint_url: str | None = None
    """Where the service is, if not at AWS."""
    region: str | None = None
    ca_bundle: str | None = None
    """Path of a PEM file of the authorities that may vouch for the service."""
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    """Whether the bucket stands in the path or in the host's name."""
    checksums: Literal["when_required", "when_supported"] | None = None
    """`when_required` for services that do not know AWS's trailing checksums."""
    retry_mode: Literal["standard", "adaptive", "legacy"] | None = None
    attempts: int | None = None
    """Tries of one request within boto3, the first included."""
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    """Silence after which a connection counts as broken."""
    outage_seconds: float = 90.0
    """How long a service that has answered before may be away until a request is given up."""
    request_payer: bool = False
    """Agree to pay for requests to requester-pays buckets."""
    part_bytes: int = 16 * MIB
    """Larger files are uploaded in parts of this size."""
    copy_part_bytes: int = 512 * MIB
    """Larger objects are copied within the service in parts of this size."""
    transfer_threads: int = 4
    """Parts of one file under way at a time."""
    block_bytes: int = 64 << 10
    """Granularity of reads."""
    cache_bytes: int = 16 * MIB
    """Memory for blocks of one open object, and for what is remembered of those read before."""


@dataclass(frozen=True)
class StoreOptions:
    """What `open_store` needs besides a URI."""

    s3: S3Options = S3Options()
    scratch: Path | None = None
    """Folder for temporary files of stores that have none; by default the system's."""
