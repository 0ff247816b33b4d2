"""`colorworker evaluate TRUTH`."""

import logging
import sys
from typing import Annotated

import typer

from colorworker.cli.evaluate_view import progress, show_films, show_pictures
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
        str, typer.Option(metavar="FOLDER", help="Folder or s3:// prefix for the results.")
    ] = "evaluation",
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|PATH|URI", help="Weights to measure; repeatable. Default: lite."
        ),
    ] = None,
    model_profile: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Conventions of ONNX, Keras and SavedModel networks."
        ),
    ] = "",
    blend: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Measure the blend of two models too, with this share of the first."
        ),
    ] = None,
    vividness: Annotated[
        list[float] | None,
        typer.Option(
            min=-1, max=2, help="Vividness to measure each model with; repeatable. Default: 0.8."
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32, help="Short side of the models' input in pixels. Default: that of each model."
        ),
    ] = None,
    film: Annotated[
        list[str] | None,
        typer.Option(metavar="FILM", help="A colored film to measure; needs --against."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILM", help="Source of that film; if it is in color, it is the truth."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of pictures, and of frames per film.")
    ] = None,
    plot_pictures: Annotated[
        int, typer.Option(min=0, help="Number of pictures used for the two plots; 0: no plots.")
    ] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random hints.")] = 0,
    inception: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Path of classify_image_graph_def.pb; adds a column with the real FID.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress on stderr.")] = False,
) -> None:
    """Measure colors against the truth, with gray and the mean color as baselines.

    Each color picture is made gray, colored by every model and compared with the original. Pictures
    that cannot be read are counted and listed. Exit codes: 0 measured, 2 could not start or nothing
    to measure.
    """
    logging.basicConfig(level="WARNING", stream=sys.stderr, format="%(levelname)s: %(message)s")
    for noisy in ("pyvips", "tensorflow"):
        # libvips warns about every damaged tile, TensorFlow about one trace per vividness.
        logging.getLogger(noisy).setLevel(logging.ERROR)
    settings = load_settings()
    apply_environment(tensorflow_environment())
    # Imported here: no other command needs TensorFlow, SciPy and matplotlib at its start.
    from colorworker.evaluation.run import EvaluationRequest, run_evaluation

    request = EvaluationRequest(
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
        model_profile=model_profile,
        blend=blend,
    )
    with progress(quiet=quiet) as tell:
        end = run_evaluation(request, settings, tell)
    show_films(end.films, end.failures)
    if end.evaluation:
        show_pictures(end.evaluation)
    print(f"page: {end.page}")
