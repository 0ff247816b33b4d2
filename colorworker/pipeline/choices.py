"""What people choose from, written beside a picture: a sheet of variants, a map of certainty."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import along_luma, certainty
from colorworker.color.knowncolors import apply_known_colors
from colorworker.domain.outputkeys import suffix_of
from colorworker.domain.records import StillInfo, info_of
from colorworker.media.stills.choicesheet import gray_png, numbered_sheet
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.pipeline.beside import put_beside
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.still import OpenStill

Floats = npt.NDArray[np.float32]


def write_choices(context: WorkerContext, still: OpenStill) -> OpenStill:
    """Write what the options `variants` and `confidence` ask for beside the picture's output.

    Returns the picture; with `confidence`, its record has the mean certainty.

    Args:
        context: The worker's stores and model.
        still: The open picture.

    Raises:
        OutputCollision: If a file of that name is there which no job wrote.
    """
    options, lightness = still.unit.options, np.ascontiguousarray(still.lab[..., 0])
    stem = still.unit.output_key.removesuffix(suffix_of(still.unit.output_key))
    if options.variants:
        sheet = numbered_sheet(list(_variants(context, still, lightness)))
        put_beside(context.destination, f"{stem}.variants.jpg", sheet)
    if options.confidence:
        seen = still.view.lightness
        possible = colorizer_for(context, options).distribution(seen)
        values = along_luma(certainty(possible)[..., None], seen)
        mean = float(values.mean())
        # What keeps its own color is certain.
        values = still.view.into_picture(values, outside=1.0)[..., 0]
        put_beside(context.destination, f"{stem}.confidence.png", gray_png(values))
        info = info_of(still.record, StillInfo)
        info = replace(info, certainty=round(mean, 3))
        still = replace(still, record=replace(still.record, info=info))
    return still


def _variants(
    context: WorkerContext, still: OpenStill, lightness: Floats
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    options = still.unit.options
    for number in range(options.variants + 1):
        settings = options.prediction_settings._replace(variant=number)
        (ab,) = colorizer_for(context, options, settings).predict(still.view.lightness[None])
        ab = still.view.keep_outside(still.view.into_picture(ab), still.lab)
        ab = apply_known_colors(lightness, ab, still.known)
        yield number, preview_rgb(np.concatenate((lightness[..., None], ab), -1))
