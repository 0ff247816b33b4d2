"""`train`, `evaluate` and `inspect_dataset`."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colorworker.api.interruption import stop_on_interrupt
from colorworker.api.keywords import PathLike
from colorworker.settings import apply_environment, load_settings, tensorflow_environment

if TYPE_CHECKING:
    from colorworker.evaluation.run import EvaluationEnd
    from colorworker.training.events import Progress, TrainingResult
    from colorworker.training.inventory import Inventory


def train(
    config: PathLike,
    *,
    data: str | None = None,
    output: str | None = None,
    weights: str | None = None,
    workers: int | None = None,
    ray: bool = False,
    epochs: int | None = None,
    max_steps: int | None = None,
    progress: "Callable[[Progress], None] | None" = None,
) -> "TrainingResult":
    """Train a network; call it again to resume from the last checkpoint.

    Args:
        config: Path of the configuration; see `docs/training.md`.
        data: Folder, `s3://` prefix or glob of pictures or shards, instead of the file's.
        output: Prefix for checkpoints and weights, instead of the file's.
        weights: Weights to start from, instead of the file's.
        workers: Number of Ray Train workers; 1 trains in this process.
        ray: Train on Ray even with one worker.
        epochs: Number of passes over the pictures.
        max_steps: Stop after this many steps.
        progress: Called with the progress of copying (`CopyProgress`) and of training.

    Raises:
        UsageError: If the training cannot start.
    """
    from colorworker.training.launch import launch, read_config

    given = {
        "data.train": data,
        "run.output": output,
        "model.weights": weights,
        "cluster.workers": workers,
        "optimizer.epochs": epochs,
        "optimizer.max_steps": max_steps,
    }
    read = read_config(Path(config), given)
    with stop_on_interrupt() as stopping:
        return launch(
            read,
            load_settings(),
            on_ray=ray,
            stop_flag=lambda: nullcontext(stopping),
            display=lambda: nullcontext(progress or (lambda _: None)),
        )


def evaluate(
    truth: PathLike | None = None,
    output: PathLike = "evaluation",
    *,
    models: Iterable[str] = (),
    vividness: Iterable[float] = (),
    films: Iterable[tuple[PathLike, PathLike]] = (),
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> "EvaluationEnd":
    """Measure colors against the truth; return the tables.

    Args:
        truth: Folder, prefix, glob or tar shards of color pictures; None measures films only.
        output: Folder or prefix for the page and its parts.
        models: Weights to measure; the settings' by default.
        vividness: Vividness to measure each model with; the settings' by default.
        films: Pairs of a colored film and its source.
        progress: Called with the name of the current step, the number done, and the total.
        options: `model_profile`, `blend`, `size`, `limit`, `plot_pictures`, `seed` and `inception`
            of the command.

    Raises:
        UsageError: If it cannot start.
    """
    apply_environment(tensorflow_environment())
    from colorworker.evaluation.run import EvaluationRequest, run_evaluation

    settings, pairs = load_settings(), list(films)
    request = EvaluationRequest(
        None if truth is None else str(truth),
        str(output),
        tuple(models) or (settings.model.name,),
        tuple(vividness) or (settings.options().vividness,),
        films=tuple(str(film) for film, _ in pairs),
        sources=tuple(str(source) for _, source in pairs),
        **options,
    )
    return run_evaluation(request, settings, progress or (lambda _what, _done, _total: None))


def inspect_dataset(prefix: PathLike, *, min_colorfulness: float = 6.0) -> "Inventory":
    """Return the pictures of a data set: those to train on, gray ones and broken ones.

    Args:
        prefix: Folder, `s3://` prefix or glob of pictures or tar shards.
        min_colorfulness: Pictures below it count as gray.

    Raises:
        UsageError: If there are no pictures.
    """
    from colorworker.training.launch import reading_dataset

    with reading_dataset(str(prefix), load_settings(), min_colorfulness) as dataset:
        return dataset.inventory
