"""What a training is: read from TOML, checked field by field, hashed."""

import hashlib
import json
import re
import tomllib
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colorworker.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Group):
    """Which pictures."""

    train: str = ""
    """A folder, a prefix or a glob, local or s3://, of pictures or of tar shards."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Of the pictures, by a hash of their names: never trained on."""
    min_colorfulness: Annotated[float, Field(ge=0)] = 6.0
    """Hasler-Suesstrunk colorfulness below which a picture counts as gray and is left out."""
    stored_as: Literal["jpeg", "pixels"] = "jpeg"
    """How the local copy is kept; pixels need no decoding, and about ten times the disk."""
    max_gib: Annotated[float, Field(gt=0)] = 64.0
    """Of the local copy; a larger set is refused before the disk is full."""


class ModelConfig(_Group):
    """Which network, and what it starts from."""

    architecture: str = "lite"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Factor on the decoder's channels."""
    weights: str = ""
    """A packaged name, a path or a URI of a weights file to start from; empty: fresh."""
    backbone_weights: str = ""
    """For a fresh network: a path or a URI, or `imagenet` to fetch them; empty: untrained."""
    embedding_pixels: Annotated[int, Field(ge=75)] = 299
    """Height and width at which koala's Inception branch sees a picture."""
    freeze_backbone: bool = False
    freeze_statistics: bool = True
    """Of the backbone's batch normalizations."""


class PictureConfig(_Group):
    """How a picture becomes an input of fixed size."""

    size: Annotated[int, Field(ge=32, le=2048, multiple_of=32)] = 160
    fit: Literal["crop", "pad"] = "crop"
    """crop fills the square; pad keeps the whole picture on white."""
    flip: Share = 0.5
    """Probability of a mirrored picture."""
    zoom: Annotated[float, Field(ge=0, le=4)] = 0.25
    """Up to this much larger; with pad also that much smaller."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Degrees, either way."""
    shear: Annotated[float, Field(ge=0, le=45)] = 0.0
    """Degrees, either way."""


class LookConfig(_Group):
    """Old film, on the input only: the true colors stay."""

    response: Share = 0.3
    """Probability of another spectral response than the eye's."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Largest change of ln(gamma), either way."""
    grain: Annotated[float, Field(ge=0, le=30)] = 4.0
    """Largest standard deviation, in L*."""


class HintConfig(_Group):
    """Known colors that the network is shown."""

    none: Share = 0.5
    """Probability of no hint at all."""
    dense: Share = 0.1
    """Probability of hints on a large part of the picture; else some random points."""
    most_points: Annotated[int, Field(ge=1)] = 100

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.none + self.dense > 1:
            raise ValueError("none and dense are shares of one whole and add up to more than 1")
        return self


class OptimizerConfig(_Group):
    """AdamW with warm-up and cosine, and a rate of its own for the backbone."""

    batch: Annotated[int, Field(ge=1)] = 16
    """Pictures a step, of all workers together."""
    epochs: Annotated[int, Field(ge=1)] = 1
    max_steps: Annotated[int | None, Field(ge=1)] = None
    """Ends earlier; the schedule is fitted to it."""
    learning_rate: Annotated[float, Field(gt=0)] = 8e-4
    backbone_rate: Annotated[float | None, Field(ge=0)] = None
    """By default as learning_rate."""
    warmup_steps: Annotated[int, Field(ge=0)] = 300
    final_share: Share = 0.02
    """Of the rates, at the end of the cosine; 1 keeps them constant."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Global norm of the gradient above which it is scaled down."""
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the moving average of the weights that is kept in the end; 0: the last weights."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the convolutions; variables stay float32. float16, for GPUs, comes with loss scaling."""
    seed: int = 0


class RunConfig(_Group):
    """What does not change the result: how often things are written, and where it runs."""

    output: str = ""
    """A folder or prefix, local or s3://."""
    checkpoint_steps: Annotated[int, Field(ge=1)] = 500
    """Between two checkpoints; there is one at the end of every epoch besides."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    validation_pictures: Annotated[int, Field(ge=1)] = 512
    """At most so many of the validation share are measured after an epoch."""
    sheet_pictures: Annotated[int, Field(ge=0, le=64)] = 12
    sheet_epochs: Annotated[int, Field(ge=1)] = 1
    """Epochs between two sheets."""
    patience: Annotated[int | None, Field(ge=1)] = None
    """Epochs without a better validation loss after which training ends."""
    deterministic: bool = False
    """Only operations that give the same bits every time; slower."""
    parallel_input: bool = True
    """Decode on several threads ahead of the network; off only to measure what it is worth."""
    jit: bool = False
    """Compile the step with XLA."""


class ClusterConfig(_Group):
    """Ray Train; one worker without force needs no Ray."""

    workers: Annotated[int, Field(ge=1)] = 1
    cpus_per_worker: Annotated[int, Field(ge=1)] = 1
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """Times that a lost worker is replaced; -1: always."""


class TrainConfig(_Group):
    """One training."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    picture: PictureConfig = PictureConfig()
    look: LookConfig = LookConfig()
    hints: HintConfig = HintConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.optimizer.batch % self.cluster.workers:
            raise ValueError(
                f"optimizer.batch = {self.optimizer.batch} cannot be shared out evenly among"
                f" cluster.workers = {self.cluster.workers}"
            )
        return self

    def sha256(self) -> str:
        """Return the hash of all that decides the result, without where and how often."""
        facts = self.model_dump(exclude={"run", "cluster"})
        for local in ("train", "stored_as", "max_gib"):
            del facts["data"][local]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def parse_config(text: str, subject: str, overrides: dict[str, Any] | None = None) -> TrainConfig:
    """Return the training that TOML describes.

    Args:
        text: TOML.
        subject: Names it in errors.
        overrides: Values by dotted name, such as `run.output`, which replace what the text says.

    Raises:
        UsageError: If it is no TOML, or a field is unknown or has a value it cannot have; the
            line and the field are named.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(subject, f"not TOML: {error}", "Correct the line") from error
    for name, value in (overrides or {}).items():
        group, _, field = name.partition(".")
        values = found.setdefault(group, {})
        if not isinstance(values, dict):
            raise UsageError(subject, f"{group} is a value, not a table", f"Write [{group}]")
        values[field] = value
    try:
        return TrainConfig.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"]]
        name = ".".join(place) or "the whole"
        line = _line_of(text, place)
        where = f"line {line}, {name}" if line else name
        raise UsageError(
            subject, f"{where}: {first['msg']} ({_shown(first['input'])} given)", _advice(place)
        ) from error


def _line_of(text: str, place: list[str]) -> int:
    """Return the line that sets a field, counted from 1; 0 if none does."""
    group, field = [*place, "", ""][:2]
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.-]+)\s*\]", line):
            table = header[1]
            if table == group and not field:
                return number
        elif table == group and re.match(rf"\s*\"?{re.escape(field)}\"?\s*=", line):
            return number
    return 0


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _advice(place: list[str]) -> str:
    group = TrainConfig.model_fields.get(place[0]) if place else None
    if group is None:
        return f"Its tables are {', '.join(TrainConfig.model_fields)}"
    fields = getattr(group.annotation, "model_fields", {})
    if len(place) > 1 and place[1] not in fields:
        return f"[{place[0]}] knows {', '.join(fields)}"
    return "See docs/training.md for what it may be"
