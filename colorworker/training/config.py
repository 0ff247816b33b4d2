"""The configuration of a training: read from TOML, validated field by field, hashed."""

import hashlib
import json
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colorworker.domain.parsing import parse_toml
from colorworker.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Group):
    """The pictures to train on."""

    train: str = ""
    """A folder, prefix or glob (local or s3://) of pictures or tar shards."""
    validation_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the pictures held out for validation, chosen by a hash of their names."""
    min_colorfulness: Annotated[float, Field(ge=0)] = 6.0
    """Pictures with a lower Hasler-Suesstrunk colorfulness count as gray and are left out."""
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] = {}
    """How often pictures of a kind take part in an epoch, for example {face = 0.5, people = 2}.
    A picture's kind is the first folder of its name in the shard. Kinds not listed: 1."""
    stored_as: Literal["jpeg", "pixels"] = "jpeg"
    """Format of the local copy. Pixels need no decoding but about ten times the disk space."""
    max_gib: Annotated[float, Field(gt=0)] = 64.0
    """Maximum size of the local copy in GiB; a larger data set is refused. The least recently used
    of the kept copies are removed until all together are no larger."""
    keep_copy: bool = True
    """Keep the local copy for later runs, in the folder for what is kept between jobs."""


class ModelConfig(_Group):
    """The network and its initial weights."""

    architecture: str = "lite"
    width: Annotated[float, Field(gt=0, le=8)] = 1.0
    """Multiplier for the decoder's channel counts."""
    weights: str = ""
    """Weights to start from: a packaged name, path or URI. Empty: start from scratch."""
    backbone_weights: str = ""
    """Backbone weights when starting from scratch: a path, a URI, or `imagenet` to download them.
    Empty: random."""
    embedding_pixels: Annotated[int, Field(ge=75)] = 299
    """Input height and width of koala's Inception branch, in pixels."""
    freeze_backbone: bool = False
    """Train the decoder only."""
    frozen_blocks: Annotated[int, Field(ge=0)] = 0
    """How many of the encoder's first blocks stay as they are, the stem with them. These work at
    the largest sizes: with 4 of lite's 16, a step takes about a quarter less time."""
    freeze_statistics: bool = True
    """Keep the batch-normalization statistics of the backbone."""


class PictureConfig(_Group):
    """How a picture is brought to the network's input size."""

    size: Annotated[int, Field(ge=32, le=2048, multiple_of=32)] = 160
    fit: Literal["crop", "pad"] = "crop"
    """`crop` fills the square; `pad` shows the whole picture on white."""
    flip: Share = 0.5
    """Probability of a horizontal flip."""
    zoom: Annotated[float, Field(ge=0, le=4)] = 0.25
    """Maximum zoom in, as a share (0.25: up to 1.25 times); with `pad` also out."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 0.0
    """Maximum rotation in degrees, in either direction."""
    shear: Annotated[float, Field(ge=0, le=45)] = 0.0
    """Maximum shear in degrees, in either direction."""


class LookConfig(_Group):
    """Film-look augmentation of the input. The target colors are not changed."""

    response: Share = 0.3
    """Probability of a film's spectral response instead of the eye's."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Maximum change of ln(gamma), in either direction."""
    soft: Share = 0.0
    """Probability of soft focus. Scans and enlarged pictures are softer than most training
    pictures."""
    grain: Annotated[float, Field(ge=0, le=30)] = 4.0
    """Maximum standard deviation of the grain, in L*."""


class HintConfig(_Group):
    """Color hints shown to the network."""

    none: Share = 0.5
    """Probability of no hints."""
    dense: Share = 0.1
    """Probability of hints over a large part of the picture. Otherwise hints are random points."""
    most_points: Annotated[int, Field(ge=1)] = 100
    """Maximum number of random points."""

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if self.none + self.dense > 1:
            raise ValueError("none and dense are probabilities and add up to more than 1")
        return self


class LossConfig(_Group):
    """Terms added to the cross-entropy of networks over color bins (not koala)."""

    upsampled: Annotated[float, Field(ge=0)] = 0.02
    """Weight of the mean absolute error of full-size a*, b*. Trains the upsampling only."""
    annealed: Annotated[float, Field(ge=0)] = 0.02
    """Weight of the mean absolute error of the a*, b* of the annealed mean, at a quarter size."""
    consistency: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the differences of predicted color within areas of one true color and even
    lightness: the blotches in plain clothes and walls."""


class OptimizerConfig(_Group):
    """AdamW with warm-up and cosine decay; the backbone has its own learning rate."""

    batch: Annotated[int, Field(ge=1)] = 16
    """Pictures per step, over all workers."""
    epochs: Annotated[int, Field(ge=1)] = 1
    max_steps: Annotated[int | None, Field(ge=1)] = None
    """Stop after this many steps; the learning-rate schedule is fitted to it."""
    learning_rate: Annotated[float, Field(gt=0)] = 8e-4
    backbone_rate: Annotated[float | None, Field(ge=0)] = None
    """Learning rate of the backbone. Default: learning_rate."""
    warmup_steps: Annotated[int, Field(ge=0)] = 300
    final_share: Share = 0.02
    """Learning rates at the end of the cosine, as a share of the full rates. 1: constant."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Gradients with a larger global norm are scaled down to it."""
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the moving average of the weights, which is the result. 0: use the last weights."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Precision of the convolutions; variables stay float32. float16 (GPUs) uses loss scaling."""
    seed: int = 0
    """Seed of everything random."""


class RunConfig(_Group):
    """Settings that do not change the result: output, checkpoints, validation, performance."""

    output: str = ""
    """A folder or prefix, local or s3://."""
    checkpoint_steps: Annotated[int, Field(ge=1)] = 500
    """Steps between checkpoints. Every epoch also ends with one."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints to keep; older ones are deleted."""
    validation_pictures: Annotated[int, Field(ge=1)] = 512
    """Maximum number of held-out pictures measured at a time."""
    validate_steps: Annotated[int | None, Field(ge=1)] = None
    """Steps between validations within an epoch. Default: validate only after each epoch."""
    sheet_pictures: Annotated[int, Field(ge=0, le=64)] = 12
    """Held-out pictures on the sample sheet. 0: no sheets."""
    sheet_epochs: Annotated[int, Field(ge=1)] = 1
    """Epochs between sample sheets."""
    patience: Annotated[int | None, Field(ge=1)] = None
    """Stop after this many epochs without a better validation loss."""
    deterministic: bool = False
    """Use deterministic operations only: bit-identical results, but slower."""
    parallel_input: bool = True
    """Decode ahead of the network on several threads. Turn off only to measure its effect."""
    threads: Annotated[int | None, Field(ge=1)] = None
    """Threads for TensorFlow in a training without Ray (with it: cluster.cpus_per_worker).
    Default: one per core."""
    jit: bool = False
    """Compile the step with XLA."""


class ClusterConfig(_Group):
    """Workers of a distributed training. One worker runs without Ray unless `--ray` is given."""

    workers: Annotated[int, Field(ge=1)] = 1
    cpus_per_worker: Annotated[int, Field(ge=1)] = 1
    gpus_per_worker: Annotated[float, Field(ge=0)] = 0
    max_failures: Annotated[int, Field(ge=-1)] = 3
    """How often lost workers are replaced. -1: without limit."""


class TrainConfig(_Group):
    """The whole configuration of a training."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    picture: PictureConfig = PictureConfig()
    look: LookConfig = LookConfig()
    hints: HintConfig = HintConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    run: RunConfig = RunConfig()
    cluster: ClusterConfig = ClusterConfig()

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.optimizer.batch % self.cluster.workers:
            raise ValueError(
                f"optimizer.batch = {self.optimizer.batch} is not a multiple of"
                f" cluster.workers = {self.cluster.workers}"
            )
        return self

    def sha256(self) -> str:
        """Return the hash of everything that affects the result (not [run] and [cluster])."""
        facts = self.model_dump(exclude={"run", "cluster"})
        for local in ("train", "stored_as", "max_gib", "keep_copy"):
            del facts["data"][local]
        if not self.data.weights:  # Checkpoints from before there were these stay valid.
            del facts["data"]["weights"]
        if self.loss == LossConfig():
            del facts["loss"]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def parse_config(text: str, subject: str, overrides: dict[str, Any] | None = None) -> TrainConfig:
    """Return the training configuration in a TOML text.

    Args:
        text: TOML.
        subject: Name of the file, for errors.
        overrides: Values by dotted name, such as `run.output`, that override the text.

    Raises:
        UsageError: If the text is not TOML, or a field is unknown or invalid; names line and field.
    """
    try:
        found = parse_toml(text)
    except ValueError as error:
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
    """Return the number of the line that sets a field, counted from 1; 0 if none does."""
    if len(place) > 2:  # A table in a table, or a value in braces on the line of its field.
        return _line_of(text, [".".join(place[:2]), place[2]]) or _line_of(text, place[:2])
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
        return f"Valid tables: {', '.join(TrainConfig.model_fields)}"
    fields = getattr(group.annotation, "model_fields", {})
    if len(place) > 1 and place[1] not in fields:
        return f"Valid fields of [{place[0]}]: {', '.join(fields)}"
    return "See docs/training.md for valid values"
