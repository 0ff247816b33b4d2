"""`Colorizer`: pictures and frames in memory."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from colorworker import job
from colorworker.api.keywords import PathLike, model_choice, options_from
from colorworker.color.colorizerprotocol import NetworkColorizer
from colorworker.domain.models import ModelRef
from colorworker.domain.options import PredictionSettings
from colorworker.executors.worker import Colorizers
from colorworker.model.networks import check_model, load_networks, resolve_model
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

if TYPE_CHECKING:
    import numpy.typing as npt

_OPTIONS = ("vividness", "temperature", "precision", "anchor_interval", "settle_anchors")


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
            options: `vividness`, `temperature`, `precision`; for frames also `anchor_interval`,
                `settle_anchors` and `per_frame`.

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

    def image(self, gray: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """Return a picture in color, with the same L*.

        Args:
            gray: sRGB codes, (H, W), (H, W, 1) or (H, W, 3); uint8, uint16, or float32 or float64
                from 0 to 1. Only the lightness of RGB is used.

        Returns:
            sRGB codes (H, W, 3) of the same type.

        Raises:
            ValueError: If the array has another shape, type or range.
        """
        from colorworker.pipeline.arrays import color_picture

        return color_picture(gray, self._colorizers(self._options.prediction_settings))

    def frames(self, gray_frames: "Iterable[npt.NDArray[Any]]") -> "Iterator[npt.NDArray[Any]]":
        """Yield the frames of a film in color, without flicker and with the same Y' (BT.709).

        As many frames come out as go in. They are read lazily: with the default options at most 45
        ahead of the frame that comes out.

        Args:
            gray_frames: Frames in order, each as for `image`, all of one shape and type.

        Raises:
            ValueError: If a frame has another shape, type or range.
        """
        from colorworker.pipeline.arrays import color_sequence

        yield from color_sequence(
            gray_frames, self._colorizers(self._options.prediction_settings), self._options
        )


def _load(
    reference: ModelRef, opened: Callable[[str], ObjectStore], wanted: PredictionSettings
) -> NetworkColorizer:
    apply_environment(tensorflow_environment())
    return load_networks(reference, precision=wanted.precision, opened=opened)
