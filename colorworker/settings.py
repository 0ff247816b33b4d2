"""Settings, read once from the environment; the only module that touches it.

Every field can be set by `COLORWORKER_<GROUP>__<FIELD>`, such as `COLORWORKER_MEDIA__MAX_PIXELS`.
"""

import os
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import UsageError

ExecutorName = Literal["auto", "inprocess", "ray"]


class MediaSettings(BaseModel):
    """Bounds on decoders, and how films are cut and coded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: Annotated[int, Field(gt=0)] = WorkerSettings.max_pixels
    """Largest picture or frame that is decoded, in pixels; larger ones fail by name."""
    repeat_damaged: bool = WorkerSettings.repeat_damaged
    """Show the frame before for a frame of a film that does not decode, and count it in the report;
    by default such a film fails."""
    nvdec: bool = WorkerSettings.nvdec
    """Decode by NVIDIA's NVDEC where workers see it give the same luma; it does not tell damaged
    frames. Never run on a GPU so far."""
    segment_frames: Annotated[int, Field(gt=0)] = 480
    """Target frames per segment; the real cut falls on the next keyframe."""
    anchor_interval: Annotated[int, Field(gt=0, le=48)] = 12
    """Most frames between two predictions of the model; what lies between is propagated."""
    settle_anchors: Annotated[int, Field(ge=0, le=8)] = 2
    """Intervals that follow in a shot, over whose anchors an anchor's color is averaged."""
    crf: Annotated[int | None, Field(ge=0, le=63)] = None
    """Constant rate factor of the access profile; by default 18 for H.264, 20 for HEVC and 25 for
    AV1."""
    preset: Annotated[str, Field(pattern="^[a-z]+$")] = "fast"
    """Preset of the access profile, in x264's words whichever the codec."""
    broadcast_gamut: bool = False
    """Scale films' chroma down until R', G' and B' lie within EBU R 103, where luma allows it."""


class ModelSettings(BaseModel):
    """Which network, and how its distribution over colors is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "lite"
    """A packaged name or a path to weights."""
    vividness: Annotated[float, Field(ge=-1, le=2)] = 0.8
    """Share of the training's rebalancing towards rare colors that is kept; 1 is as trained."""
    temperature: Annotated[float, Field(gt=0, le=2)] = 0.38
    """Of the softmax over color bins; lower is purer, higher is grayer."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the convolutions; float16 is for GPUs. Part of an output's identity, as colors change."""


class RunSettings(BaseModel):
    """Where units run and how often they are tried."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    executor: ExecutorName = "auto"
    """`auto` is ray where RAY_ADDRESS is set, else inprocess."""
    workers: Annotated[int | None, Field(gt=0)] = None
    """Most units worked on at a time; by default three for every four cores of this machine, or as
    many as the cluster has room for at any moment."""
    min_workers: Annotated[int, Field(ge=0)] = 0
    """Ray actors asked for even where there is no room yet, so that an autoscaler makes some."""
    start_seconds: Annotated[float, Field(gt=0)] = 300.0
    """How long a cluster may be without a single worker of ours before the job is given up."""
    cpus_per_worker: Annotated[int, Field(gt=0)] = 1
    """Cores a Ray actor asks for, and threads TensorFlow may use in it. With one core each there
    are most actors, which is quickest, and most copies of the model in memory."""
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0.0
    """GPUs, or a share of one, that a Ray actor asks for; above 1 whole ones only."""
    stop_seconds: Annotated[float, Field(ge=0)] = 120.0
    """After SIGTERM or Ctrl-C: how long units under way may take to finish before they are left."""
    heartbeat_seconds: Annotated[float, Field(ge=0.1, le=600)] = 20.0
    """How often a run renews its state on the destination; after three it counts as lost."""
    max_attempts: Annotated[int, Field(gt=0)] = 3
    """Tries of a unit whose worker died or whose store was away."""
    batch_stills: Annotated[int, Field(gt=0, le=256)] = 8
    """Pictures that travel to a worker together."""
    scratch: Path | None = WorkerSettings.scratch
    """Folder for temporary files; by default the destination's own when it is local."""
    min_free_bytes: Annotated[int, Field(ge=0)] = WorkerSettings.min_free_bytes
    """Free space required for temporary files and in a local destination, in bytes; with less, a
    job does not start and a worker takes no more units."""
    cache: Path | None = None
    """Folder for what is kept between jobs, such as how fast this machine is; by default
    `~/.cache/colorworker`."""
    keep_parts: bool = WorkerSettings.keep_parts
    """Keep a film's encoded segments after the film is published."""
    verify_parts: bool = WorkerSettings.verify_parts
    """Decode every lossless segment again and hold its luma against the source's, bit by bit.
    Before it is encoded, luma is compared in any case."""

    @field_validator("gpus_per_worker")
    @classmethod
    def _whole_above_one(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("above 1 Ray gives out whole GPUs only")
        return value


class S3Settings(BaseModel):
    """How to reach S3; what is left out is up to boto3's own AWS_ variables, files and profiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_url: Annotated[str | None, Field(pattern="^https?://[^/@?#]+")] = None
    """URL of a service other than AWS; AWS_ENDPOINT_URL says it too."""
    region: str | None = None
    """Region of the buckets; AWS_REGION says it too."""
    ca_bundle: str | None = None
    """PEM file of the authorities that may vouch for the service; AWS_CA_BUNDLE says it too."""
    addressing_style: Literal["auto", "path", "virtual"] | None = None
    """Whether the bucket stands in the path or in the host's name; most own services want path."""
    checksums: Literal["when_required", "when_supported"] | None = None
    """`when_required` for services that do not understand the checksums boto3 sends with puts."""
    retry_mode: Literal["standard", "adaptive", "legacy"] | None = None
    """How boto3 repeats a request; AWS_RETRY_MODE says it too."""
    attempts: Annotated[int | None, Field(gt=0)] = None
    """Tries of one request within boto3, the first included; AWS_MAX_ATTEMPTS says it too."""
    connect_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long a connection may take to come about."""
    read_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Silence after which a connection counts as broken."""
    outage_seconds: Annotated[float, Field(ge=0)] = 90.0
    """How long a service that has answered before may be away until a request is given up."""
    request_payer: bool = False
    """Agree to pay for requests to requester-pays buckets."""
    part_bytes: Annotated[int, Field(ge=5 << 20, le=5 << 30)] = 16 << 20
    """Larger files are uploaded in parts of this size."""
    copy_part_bytes: Annotated[int, Field(ge=5 << 20, le=5 << 30)] = 512 << 20
    """Larger objects are published by a copy in parts of this size."""
    transfer_threads: Annotated[int, Field(gt=0, le=64)] = 4
    """Parts of one file under way at a time."""
    block_bytes: Annotated[int, Field(ge=1 << 12)] = 64 << 10
    """Sources are read in blocks of this size."""
    cache_bytes: Annotated[int, Field(ge=1 << 13)] = 16 << 20
    """Memory for the blocks of one source that is being read, and again for remembered headers."""


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="COLORWORKER_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    media: MediaSettings = MediaSettings()
    model: ModelSettings = ModelSettings()
    run: RunSettings = RunSettings()
    s3: S3Settings = S3Settings()
    ray_address: Annotated[str, Field(validation_alias="RAY_ADDRESS")] = ""
    """Ray's own variable; when set, it is the cluster to run on."""

    def of_workers(self) -> WorkerSettings:
        """Return the settings that workers need, in one value that travels to them."""
        values = self.media.model_dump() | self.run.model_dump()
        return WorkerSettings(
            **{field.name: values[field.name] for field in fields(WorkerSettings)}
        )


def load_settings() -> Settings:
    """Return the settings of this environment.

    Raises:
        UsageError: If a variable has a value that its field does not allow.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "COLORWORKER_" + "__".join(str(part).upper() for part in first["loc"])
        raise UsageError(
            name, f"{first['input']!r} given; {first['msg']}", "Correct or unset the variable"
        ) from error


def tensorflow_environment(threads: int | None = None) -> dict[str, str]:
    """Return the variables under which TensorFlow is imported, here or in an actor.

    oneDNN is off by default on some CPUs and worth a factor of 1.4; OMP_NUM_THREADS does not
    limit TensorFlow, TF_NUM_INTRAOP_THREADS does; and a GPU is shared, so its memory grows on use.
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
    """Set each variable that the user has not set; before the library that reads it is imported."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
