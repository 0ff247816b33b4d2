"""Settings, read once from the environment. No other module reads the environment.

Every field can be set by `COLORWORKER_<GROUP>__<FIELD>`, such as `COLORWORKER_MEDIA__MAX_PIXELS`.
Options that have a group of settings (see `domain.options`) are fields of that group as well.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from colorworker.domain.models import ModelChoice, choose_model
from colorworker.domain.optionfields import option_fields
from colorworker.domain.options import Options
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import UsageError

ExecutorName = Literal["auto", "local", "ray"]
Group = TypeVar("Group", bound=BaseModel)


def _with_options(
    group: str, kind: type[Options] = Options
) -> Callable[[type[Group]], type[Group]]:
    """Return a decorator that adds the options of this group of settings to a class."""
    declared: dict[str, Any] = {
        field.name: (
            Annotated[
                field.type,
                Field(ge=field.info.ge, le=field.info.le, description=field.info.help),
            ],
            field.default,
        )
        for field in option_fields(kind)
        if field.info.setting == group
    }

    def add(own: type[Group]) -> type[Group]:
        return create_model(
            own.__name__, __base__=own, __module__=own.__module__, __doc__=own.__doc__, **declared
        )

    return add


@_with_options("media")
class MediaSettings(BaseModel):
    """Limits for decoders, and how films are cut and encoded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: Annotated[int, Field(gt=0)] = WorkerSettings.max_pixels
    """Largest picture or frame that is decoded, in pixels; larger ones fail with an error."""
    repeat_damaged: bool = WorkerSettings.repeat_damaged
    """Repeat the previous frame in place of a frame that does not decode, and count it in the
    report. By default such a film fails."""
    nvdec: bool = WorkerSettings.nvdec
    """Decode with NVIDIA's NVDEC where a check on the worker shows that luma is the same. NVDEC
    does not report damaged frames. Never run on a GPU so far."""


@_with_options("model")
class ModelSettings(BaseModel):
    """The network, and the conversion of its output to colors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "lite"
    """Name of packaged weights, or path or URI of weights or of another project's network."""
    profile: str = ""
    """Conventions of another project's network: a built-in profile, or the path or URI of a TOML
    description. Default: the description beside the network, or detected."""


class RunSettings(BaseModel):
    """Where units run and how often they are tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executor: ExecutorName = "auto"
    """`auto` is ray where RAY_ADDRESS is set, else local."""
    workers: Annotated[int | None, Field(gt=0)] = None
    """Maximum number of units at a time, each in its own process. Default: three for every four
    cores of this machine, or as many as the cluster has room for."""
    min_workers: Annotated[int, Field(ge=0)] = 0
    """Ray actors that are requested even where there is no room yet, so that an autoscaler adds
    nodes."""
    start_seconds: Annotated[float, Field(gt=0)] = 300.0
    """The job ends if it has had no worker on the cluster for this long."""
    cpus_per_worker: Annotated[int, Field(gt=0)] = 1
    """Cores that a Ray actor requests, and TensorFlow threads in it. One core each is fastest,
    because it gives the most actors, but also puts the most copies of the model in memory."""
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    """GPUs, or a share of one, that a Ray actor requests; above 1 whole ones only."""
    gpu_memory_bytes: Annotated[int | None, Field(gt=0)] = WorkerSettings.gpu_memory_bytes
    """Limit on the GPU memory of one worker's ONNX network, in bytes. Default: no limit."""
    stop_seconds: Annotated[float, Field(ge=0)] = 120.0
    """Time that running units have to finish after SIGTERM or Ctrl-C, before they are abandoned."""
    unit_stall_seconds: Annotated[float, Field(ge=1)] = 900.0
    """How long a unit may make no progress (read nothing, finish no frame) before its worker is
    killed; this costs the unit an attempt. While it computes, only its CPU time counts."""
    heartbeat_seconds: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """How often a run renews its state on the destination. It counts as lost after three missed
    renewals."""
    max_attempts: Annotated[int, Field(gt=0)] = 3
    """Attempts at a unit whose worker died or whose store was unavailable."""
    batch_stills: Annotated[int, Field(gt=0, le=256)] = 8
    """Pictures sent to a worker together."""
    scratch: Path | None = WorkerSettings.scratch
    """Folder for temporary files. Default: the destination's own when it is local."""
    min_free_bytes: Annotated[int, Field(ge=0)] = WorkerSettings.min_free_bytes
    """Free space required for temporary files and in a local destination, in bytes; with less, a
    job does not start and a worker takes no more units."""
    cache: Path | None = None
    """Folder for data kept between jobs: this machine's calibration, local copies of training
    pictures. Default: `~/.cache/colorworker` (for the copies the scratch folder, if it is set)."""
    keep_parts: bool = WorkerSettings.keep_parts
    """Keep a film's encoded segments after the film is published."""
    metrics_listen: str = ""
    """HOST:PORT at which a job serves its metrics to Prometheus while it runs, such as
    127.0.0.1:9464. Default: nowhere. On Ray, they are also among Ray's own."""
    verify_parts: bool = WorkerSettings.verify_parts
    """Decode every lossless segment again and compare its luma with the source's, bit by bit. Luma
    is always compared before it is encoded."""

    @field_validator("gpus_per_worker")
    @classmethod
    def _whole_above_one(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("above 1, Ray only assigns whole GPUs")
        return value


class S3Settings(BaseModel):
    """Access to S3. Anything not set here comes from boto3's own AWS_ variables and files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: Annotated[str | None, Field(pattern="^https?://[^/@?#]+")] = None
    """URL of a service other than AWS; AWS_ENDPOINT_URL sets it too."""
    region: str | None = None
    """Region of the buckets; AWS_REGION sets it too."""
    ca_bundle: str | None = None
    """PEM file of the certificate authorities to trust; AWS_CA_BUNDLE sets it too."""
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    """Whether the bucket is part of the path or of the host name; most self-hosted services need
    path."""
    checksums: Literal["when_required", "when_supported"] | None = None
    """`when_required` for services that do not support the checksums boto3 sends with uploads."""
    retry_mode: Literal["standard", "adaptive", "legacy"] | None = None
    """How boto3 repeats a request; AWS_RETRY_MODE sets it too."""
    attempts: Annotated[int | None, Field(gt=0)] = None
    """Attempts at one request within boto3, including the first; AWS_MAX_ATTEMPTS sets it too."""
    connect_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Timeout for opening a connection."""
    read_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Time without data after which a connection counts as broken."""
    outage_seconds: Annotated[float, Field(ge=0)] = 90.0
    """How long requests wait for a service that answered before and is now unavailable."""
    request_payer: bool = False
    """Pay for requests to requester-pays buckets."""
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    """How the service encrypts everything that is written. Default: as the bucket says."""
    kms_key: Annotated[str | None, Field(min_length=1)] = None
    """Id or ARN of the KMS key; needs `aws:kms` encryption."""
    storage_class: Annotated[str | None, Field(pattern="^[A-Z_]+$")] = None
    """Storage class of outputs, such as STANDARD_IA. State and parts are always standard. Classes
    that must be restored before they are read do not suit films, whose outputs are verified."""
    tags: Annotated[str, Field(pattern="^([^=&]+=[^=&]*(&[^=&]+=[^=&]*)*)?$")] = ""
    """Tags of outputs: project=restoration&year=1927; special characters as in URLs."""
    restore_days: Annotated[int | None, Field(gt=0)] = None
    """Jobs request the restore of archived sources (Glacier) for this many days. Such an item fails
    until it is restored; run the job again. Default: they are only named."""
    restore_tier: Literal["Bulk", "Standard", "Expedited"] = "Bulk"
    """Speed and price of these restores."""
    part_bytes: Annotated[int, Field(ge=5 << 20, le=5 << 30)] = 16 << 20
    """Larger files are uploaded in parts of this size."""
    copy_part_bytes: Annotated[int, Field(ge=5 << 20, le=5 << 30)] = 512 << 20
    """Larger objects are published by copying parts of this size."""
    transfer_threads: Annotated[int, Field(gt=0, le=64)] = 4
    """Parts of one file that are transferred at a time."""
    block_bytes: Annotated[int, Field(ge=1 << 12)] = 64 << 10
    """Sources are read in blocks of this size."""
    cache_bytes: Annotated[int, Field(ge=1 << 13)] = 16 << 20
    """Memory for the blocks of one open source, and the same again for cached headers."""

    @field_validator("kms_key")
    @classmethod
    def _with_kms(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("encryption") not in {"aws:kms", "aws:kms:dsse"}:
            raise ValueError("it needs COLORWORKER_S3__ENCRYPTION=aws:kms")
        return value


class C2paSettings(BaseModel):
    """How outputs are signed with `--c2pa`. Only the paths travel to workers, never the key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    certificate: Path | None = None
    """PEM file with the signing certificate first, then the rest of its chain; the same path on
    every worker."""
    key: Path | None = None
    """PEM file with the certificate's private key, not encrypted; the same path on every worker."""
    timestamp_url: Annotated[str, Field(pattern="^(https?://.+)?$")] = ""
    """Time-stamp authority (RFC 3161) for signatures that outlive the certificate. Default: none,
    and nothing leaves the machine."""


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="COLORWORKER_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    media: MediaSettings = MediaSettings()
    model: ModelSettings = ModelSettings()
    run: RunSettings = RunSettings()
    s3: S3Settings = S3Settings()
    c2pa: C2paSettings = C2paSettings()
    ray_address: Annotated[str, Field(validation_alias="RAY_ADDRESS")] = ""
    """Ray's own variable; when set, it is the cluster to run on."""

    def shown(self) -> dict[str, str]:
        """Return the settings that reports list; none of them is a secret."""
        return {
            f"{group}.{name}": str(value)
            for group in ("media", "run")
            for name, value in getattr(self, group).model_dump().items()
        }

    def worker_settings(self) -> WorkerSettings:
        """Return the settings that workers need, in one value that travels to them."""
        signing = {f"c2pa_{name}": value for name, value in self.c2pa.model_dump().items()}
        values = self.media.model_dump() | self.run.model_dump() | signing
        names = [field.name for field in fields(WorkerSettings)]
        return WorkerSettings(**{name: values[name] for name in names})

    def chosen_model(
        self, names: Sequence[str] = (), profile: str = "", blend: float | None = None
    ) -> ModelChoice:
        """Return the networks that a caller names, by default those of the environment.

        Raises:
            UsageError: See `choose_model`.
        """
        return choose_model(names or self.model.name, profile or self.model.profile, blend)

    def options(self, kind: type[Options] = Options, model: ModelChoice | None = None) -> Options:
        """Return the options as the environment sets them; the others have their defaults.

        Args:
            kind: Options that can be set.
            model: The chosen networks, on which the default of the vividness depends.
        """
        values = {
            field.name: getattr(getattr(self, field.info.setting), field.name)
            for field in option_fields(kind)
            if field.info.setting
        }
        vividness = model.default_vividness if model else None
        if vividness is not None and "vividness" not in self.model.model_fields_set:
            values["vividness"] = vividness
        return kind(**values)


def settings_type(kind: type[Options]) -> type[Settings]:
    """Return the settings with those options of `kind` that have a group of settings."""
    if kind is Options:
        return Settings
    media = _with_options("media", kind)(MediaSettings)
    model = _with_options("model", kind)(ModelSettings)
    return create_model(
        "Settings", __base__=Settings, media=(media, media()), model=(model, model())
    )


def load_settings(kind: type[Options] = Options) -> Settings:
    """Return the settings of this environment.

    Args:
        kind: Options that can be set.

    Raises:
        UsageError: If a variable has a value that its field does not allow.
    """
    try:
        return settings_type(kind)()
    except ValidationError as error:
        first = error.errors()[0]
        name = "COLORWORKER_" + "__".join(str(part).upper() for part in first["loc"])
        raise UsageError(
            name, f"{first['input']!r} given; {first['msg']}", "Correct or unset the variable"
        ) from error


def tensorflow_environment(threads: int | None = None) -> dict[str, str]:
    """Return the environment variables that TensorFlow needs when it is imported.

    oneDNN is off by default on some CPUs and makes it 1.4 times as fast. OMP_NUM_THREADS does not
    limit TensorFlow, TF_NUM_INTRAOP_THREADS does. GPU memory grows on use, because a GPU is shared.

    Args:
        threads: Threads for one prediction; None leaves the number to TensorFlow.
    """
    variables = {
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    if threads is not None:
        variables["TF_NUM_INTRAOP_THREADS"] = str(threads)
        variables["TF_NUM_INTEROP_THREADS"] = "1"
    return variables


def apply_environment(variables: dict[str, str]) -> None:
    """Set the variables that are not set yet; call it before importing the library they are for."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
