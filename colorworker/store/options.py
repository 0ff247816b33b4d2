"""Options of stores: plain values that can be sent to workers; never credentials."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MIB = 1 << 20


@dataclass(frozen=True)
class S3Options:
    """Options of S3; None leaves the choice to boto3's environment variables and files."""

    endpoint_url: str | None = None
    """URL of the service, if it is not AWS."""
    region: str | None = None
    ca_bundle: str | None = None
    """Path of a PEM file with the certificate authorities to trust."""
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    """Whether URLs have the bucket in the path or in the host name."""
    checksums: Literal["when_required", "when_supported"] | None = None
    """`when_required` for services that do not support AWS's trailing checksums."""
    retry_mode: Literal["standard", "adaptive", "legacy"] | None = None
    attempts: int | None = None
    """Attempts per request within boto3, including the first."""
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    """Seconds without data after which a connection counts as broken."""
    outage_seconds: float = 90.0
    """Seconds to keep retrying while a service that has answered before is unavailable."""
    request_payer: bool = False
    """Whether to pay for requests to requester-pays buckets."""
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    """How the service encrypts what is written; None: as the bucket says."""
    kms_key: str | None = None
    """Id or ARN of the KMS key; None: AWS's own."""
    storage_class: str | None = None
    """Storage class of published outputs."""
    tags: str = ""
    """Tags of published outputs, as a URL query."""
    restore_days: int | None = None
    """Days for which archived objects are restored when they are read; None: not at all."""
    restore_tier: Literal["Bulk", "Standard", "Expedited"] = "Bulk"
    """Speed and price of restores."""
    part_bytes: int = 16 * MIB
    """Part size of uploads; larger files are uploaded in parts."""
    copy_part_bytes: int = 512 * MIB
    """Part size of server-side copies; larger objects are copied in parts."""
    transfer_threads: int = 4
    """Number of parts of a file that are transferred in parallel."""
    block_bytes: int = 64 << 10
    """Block size of reads."""
    cache_bytes: int = 16 * MIB
    """Memory for the blocks of one open object, and for the store's block cache."""


@dataclass(frozen=True)
class StoreOptions:
    """Options of `open_store`."""

    s3: S3Options = S3Options()
    scratch: Path | None = None
    """Folder for temporary files of remote stores; default: the system's."""
    may_restore: bool = False
    """Whether reads may request restores, which cost money: in the workers of a job."""
