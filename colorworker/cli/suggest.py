"""`colorworker suggest PICTURE X Y`."""

from typing import Annotated

import typer

from colorworker.api.arraycolorizer import suggest as suggested


def suggest(
    picture: Annotated[
        str, typer.Argument(metavar="PICTURE", help="A picture.", show_default=False)
    ],
    x: Annotated[int, typer.Argument(min=0, help="Column of a pixel, from 0.", show_default=False)],
    y: Annotated[int, typer.Argument(min=0, help="Row of the pixel.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Name, path or URI of weights. Default: the packaged weights lite.",
        ),
    ] = None,
) -> None:
    """Print the five most likely colors at a pixel of a picture, with their probabilities."""
    for color in suggested(picture, x, y, model=model):
        print(f"#{bytes(color.rgb).hex()} {color.probability:6.1%}")
