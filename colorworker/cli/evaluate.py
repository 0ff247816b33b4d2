"""`colorworker evaluate TRUTH`."""

import logging
import sys
from typing import Annotated

import typer

from colorworker.settings import apply_environment, load_settings, tensorflow_environment


def evaluate(
    truth: Annotated[
        str | None,
        typer.Argument(
            help="Color pictures: a folder, an s3:// prefix, a glob, or tar shards.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str, typer.Option(metavar="FOLDER", help="Folder or s3:// prefix for what is found.")
    ] = "evaluation",
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|PATH|URI", help="Weights, a row each. By default lite."),
    ] = None,
    vividness: Annotated[
        list[float] | None,
        typer.Option(min=-1, max=2, help="A row each for every model. By default 0.8."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=32, help="Short side that models work at. By default their own."),
    ] = None,
    film: Annotated[
        list[str] | None, typer.Option(metavar="FILM", help="A colored film to measure, and ...")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="FILM", help="... its source: in color it is the truth, else gray."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Measure so many pictures, or frames, only.")
    ] = None,
    plot_pictures: Annotated[
        int, typer.Option(min=0, help="Pictures that the two plots are made of; 0: no plots.")
    ] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Of the random hints.")] = 0,
    inception: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="classify_image_graph_def.pb, for the FID proper."),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="No progress on stderr.")] = False,
) -> None:
    """Measure colors against the truth, always beside gray and the mean color.

    Each color picture is made gray, colored by every model and compared; a picture that cannot
    be read is counted and named. Exit codes: 0 measured, 2 could not start or nothing to measure.
    """
    logging.basicConfig(level="WARNING", stream=sys.stderr, format="%(levelname)s: %(message)s")
    for noisy in ("pyvips", "tensorflow"):
        # libvips warns of every torn tile; TensorFlow of one trace for every vividness.
        logging.getLogger(noisy).setLevel(logging.ERROR)
    settings = load_settings()
    apply_environment(tensorflow_environment())
    # Imported here: TensorFlow, SciPy and matplotlib are needed by no other command's start.
    from colorworker.evaluation.run import EvaluationRequest, run_evaluation

    run_evaluation(
        EvaluationRequest(
            truth=truth,
            output=output,
            models=tuple(model or (settings.model.name,)),
            vividness=tuple(vividness or (settings.options().vividness,)),
            size=size,
            films=tuple(film or ()),
            sources=tuple(against or ()),
            limit=limit,
            plot_pictures=plot_pictures,
            seed=seed,
            inception=inception,
            quiet=quiet,
        ),
        settings,
    )
