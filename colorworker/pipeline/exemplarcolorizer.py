"""A colorizer that also takes colors from the picture that the option `reference` names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer, KnownOfBatch
from colorworker.color.exemplar import Exemplar, colors_from_exemplar, make_exemplar
from colorworker.color.knowncolors import KnownColors, apply_known_colors
from colorworker.domain.hints import InputFile
from colorworker.domain.options import Options, PredictionSettings
from colorworker.errors import HintsRefused, ItemError, KeyMissing, UsageError
from colorworker.media.stills.picture import open_still
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.predictions import CountedColorizer

Floats = npt.NDArray[np.float32]

_KEPT = 4
"""Exemplars that a worker keeps; a job usually has one."""


@dataclass(frozen=True)
class ExemplarColorizer:
    """See `Colorizer`."""

    inner: Colorizer
    exemplar: Exemplar
    strength: float

    def working_shape(self, height: int, width: int) -> tuple[int, int]:
        """See Colorizer."""
        return self.inner.working_shape(height, width)

    def distribution(self, lightness: Floats) -> ColorDistribution:
        """See Colorizer."""
        return self.inner.distribution(lightness)

    def predict(self, lightness: Floats, known: KnownOfBatch | None = None) -> Floats:
        """See Colorizer. Known colors cover those of the exemplar."""
        chroma = self.inner.predict(lightness)
        for index, picture in enumerate(lightness):
            given = colors_from_exemplar(
                self.exemplar, picture, chroma[index], features(self.inner, picture), self.strength
            )
            others: Sequence[KnownColors] = known[index] if known else ()
            chroma[index] = apply_known_colors(picture, chroma[index], (given, *others))
        return chroma


def features(colorizer: Colorizer, lightness: Floats) -> Floats | None:
    """Return what the network sees in a picture; None for networks that do not tell."""
    try:
        return colorizer.distribution(lightness).features
    except UsageError:
        return None


def exemplar_from_lab(colorizer: Colorizer, lab: Floats) -> Exemplar:
    """Return an exemplar from L*a*b* at the colorizer's working shape, (h, w, 3)."""
    lightness = np.ascontiguousarray(lab[..., 0])
    return make_exemplar(lab, features(colorizer, lightness))


def colorizer_for(
    context: WorkerContext, options: Options, settings: PredictionSettings | None = None
) -> Colorizer:
    """Return the colorizer of an item.

    Args:
        context: The worker's colorizers.
        options: Options of the item.
        settings: Settings that differ from the options'.

    Raises:
        HintsRefused: If its exemplar cannot be read.
        StoreUnavailable: If the exemplar's store does not answer.
    """
    network = context.colorizer(settings or options.prediction_settings)
    colorizer = CountedColorizer(network, context.predictions)
    if options.exemplar is None:
        return colorizer
    file = options.exemplar
    exemplar = context.exemplars.get(file)
    if exemplar is None:
        exemplar = _read(context, file, colorizer)
        for oldest in list(context.exemplars)[: 1 - _KEPT]:
            context.exemplars.pop(oldest, None)
        context.exemplars[file] = exemplar
    return ExemplarColorizer(colorizer, exemplar, options.reference_strength)


def _read(context: WorkerContext, file: InputFile, colorizer: Colorizer) -> Exemplar:
    store = context.open_source(file.root)
    try:
        with (
            store.open(file.key, etag=file.etag) as reader,
            open_still(reader, file.key, max_pixels=context.settings.max_pixels) as picture,
        ):
            info = picture.info
            lab = picture.proxy(*colorizer.working_shape(info.upright_height, info.upright_width))
    except (ItemError, KeyMissing) as error:
        raise HintsRefused(
            file.key, f"the reference cannot be read: {error.seen}", "Give another --reference"
        ) from error
    return exemplar_from_lab(colorizer, lab)
