"""`Colorizer`: pictures and frames in memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from colorworker import job
from colorworker.api.keywords import PathLike, model_choice, options_from, path_text
from colorworker.color.colorizerprotocol import NetworkColorizer
from colorworker.domain.coloroptions import ColorOptions
from colorworker.domain.hints import checked_hints
from colorworker.domain.models import ModelRef
from colorworker.domain.optionfields import option_fields
from colorworker.domain.options import Options, PredictionSettings
from colorworker.errors import UsageError
from colorworker.executors.worker import Colorizers
from colorworker.model.networks import check_model, load_networks, resolve_model
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store
from colorworker.store.sources import parse_source

if TYPE_CHECKING:
    import numpy.typing as npt

    from colorworker.color.colordistribution import LikelyColor

_FIELDS = {field.name: field for field in option_fields(Options)}
_OPTIONS = (
    "vividness",
    "temperature",
    "precision",
    "anchor_interval",
    "settle_anchors",
    "borders",
)


class Colorizer:
    """Colors arrays in memory. The network is loaded when the first array needs it."""

    def __init__(
        self,
        model: PathLike | Sequence[PathLike] | None = None,
        *,
        model_profile: PathLike | None = None,
        blend: float | None = None,
        **options: Any,
    ) -> None:
        """Check the weights and options.

        Args:
            model: Name, path or URI of weights or of another project's network; two of them with
                `blend`. The settings' by default.
            model_profile: Conventions of another project's network; see `docs/networks.md`.
            blend: Share of the first of two networks.
            options: `vividness`, `temperature`, `precision`; for pictures also `borders`; for
                frames also `anchor_interval`, `settle_anchors` and `per_frame`.

        Raises:
            WeightsRefused: If a network cannot be used.
            UsageError: If an option is unknown or invalid.
        """
        settings = load_settings()
        opened = partial(open_store, options=job.store_options(settings))
        choice = model_choice(settings, model, model_profile, blend)
        reference = resolve_model(choice, opened)
        # Refused here, not at the first array; our own network is built from them later.
        check_model(reference, opened, run=False)
        self._options = options_from(
            settings, options, options=(*_OPTIONS, "per_frame"), model=choice
        )
        self._colorizers = Colorizers(partial(_load, reference, opened))

    def image(
        self,
        gray: "npt.NDArray[Any]",
        *,
        hints: Sequence[Mapping[str, Any]] = (),
        reference: "npt.NDArray[Any] | None" = None,
        reference_strength: float = ColorOptions.reference_strength,
        variants: int = 0,
    ) -> "npt.NDArray[Any]":
        """Return a picture in color, with the same L*.

        Args:
            gray: sRGB codes, (H, W), (H, W, 1) or (H, W, 3); uint8, uint16, or float32 or float64
                from 0 to 1. Only the lightness of RGB is used.
            hints: Colors of points and strokes, like the objects of a hints file: see
                `docs/colors.md`.
            reference: A color picture whose colors are given to what looks alike; like `gray`,
                (H, W, 3), of any size.
            reference_strength: Share of its colors, from 0 to 1.
            variants: Number of alternative colors to return, 0 to 12.

        Returns:
            sRGB codes (H, W, 3) of the same type; with `variants`, that many pictures,
            (variants, H, W, 3), the first of them variant 1.

        Raises:
            ValueError: If an array has another shape, type or range.
            HintsRefused: If a hint is not valid, or lies outside the picture.
            UsageError: If the network has no variants.
        """
        import numpy as np

        from colorworker.pipeline.arrays import color_picture, with_exemplar

        height, width = (*gray.shape, 0, 0)[:2]
        given = checked_hints([dict(each) for each in hints], "hints", width, height)
        strength, number = (
            _FIELDS[name].check(value)
            for name, value in (("reference_strength", reference_strength), ("variants", variants))
        )

        def colored(variant: int) -> "npt.NDArray[Any]":
            settings = self._options.prediction_settings._replace(variant=variant)
            colorizer = self._colorizers(settings)
            if reference is not None:
                colorizer = with_exemplar(colorizer, reference, strength)
            return color_picture(gray, colorizer, given, self._options.borders)

        if not number:
            return colored(0)
        return np.stack([colored(variant) for variant in range(1, number + 1)])

    def suggest(self, gray: "npt.NDArray[Any]", x: float, y: float) -> "tuple[LikelyColor, ...]":
        """Return the five most likely colors at a pixel, with their probabilities.

        Args:
            gray: As for `image`.
            x: Column of the pixel, from 0.
            y: Row of the pixel.

        Returns:
            `rgb`, three sRGB codes at the picture's own lightness, and `probability`; the most
            likely first.

        Raises:
            UsageError: If the pixel lies outside of the picture, or the network does not predict a
                distribution of colors.
        """
        from colorworker.pipeline.arrays import suggest_colors

        return suggest_colors(gray, self._colorizers(self._options.prediction_settings), x, y)

    def frames(
        self,
        gray_frames: "Iterable[npt.NDArray[Any]]",
        *,
        hints: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
        reference: "npt.NDArray[Any] | None" = None,
        reference_strength: float = ColorOptions.reference_strength,
    ) -> "Iterator[npt.NDArray[Any]]":
        """Yield the frames of a film in color, without flicker and with the same Y' (BT.709).

        As many frames come out as go in. They are read lazily: with the default options at most 45
        ahead of the frame that comes out.

        Args:
            gray_frames: Frames in order, each as for `image`, all of one shape and type.
            hints: By index of a frame, from 0: colors as for `image`. They hold for their objects
                from that frame to the end of its shot.
            reference: As for `image`.
            reference_strength: As for `image`.

        Raises:
            ValueError: If a frame has another shape, type or range.
            HintsRefused: If a hint is not valid, or lies outside the frame.
        """
        from colorworker.pipeline.arrays import color_sequence, with_exemplar

        colorizer = self._colorizers(self._options.prediction_settings)
        if reference is not None:
            strength = _FIELDS["reference_strength"].check(reference_strength)
            colorizer = with_exemplar(colorizer, reference, strength)
        yield from color_sequence(gray_frames, colorizer, self._options, hints)


def suggest(
    picture: PathLike, x: float, y: float, *, model: PathLike | None = None
) -> "tuple[LikelyColor, ...]":
    """Return the five most likely colors at a pixel of a file; see `Colorizer.suggest`.

    Args:
        picture: Path or `s3://` URI of a picture.
        x: Column of the pixel in the upright picture, from 0.
        y: Row of the pixel.
        model: Name, path or URI of weights; the settings' by default.

    Raises:
        UsageError: If there is no such picture or pixel, or the network does not predict a
            distribution of colors.
        ItemError: If the picture cannot be read.
    """
    settings = load_settings()
    opened = partial(open_store, options=job.store_options(settings))
    text = path_text("picture", picture)
    source = parse_source(text, opened)
    if not source.key:
        raise UsageError(text, "is not a single picture", "Give the path of one picture")
    colorizer = Colorizer(model)
    from colorworker.pipeline.suggestions import suggest_in_picture

    with closing(opened(source.root)) as store, store.open(source.key) as reader:
        return suggest_in_picture(
            reader,
            source.key,
            colorizer._colorizers(colorizer._options.prediction_settings),
            (x, y),
            settings.media.max_pixels,
        )


def _load(
    reference: ModelRef, opened: Callable[[str], ObjectStore], wanted: PredictionSettings
) -> NetworkColorizer:
    apply_environment(tensorflow_environment())
    return load_networks(reference, precision=wanted.precision, opened=opened)
