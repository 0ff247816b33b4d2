"""`Colorizer`: pictures and frames in memory."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from colorworker import job
from colorworker.api.keywords import PathLike, options_from, path_text
from colorworker.domain.options import ModelRef, PredictionSettings
from colorworker.executors.worker import Colorizers
from colorworker.model.weights import load, resolve
from colorworker.settings import apply_environment, load_settings, tensorflow_environment
from colorworker.store.objectstore import ObjectStore
from colorworker.store.openstore import open_store

if TYPE_CHECKING:
    import numpy.typing as npt

    from colorworker.model.colorizer import TensorFlowColorizer

_OPTIONS = ("vividness", "temperature", "precision", "anchor_interval", "settle_anchors")


class Colorizer:
    """Colors arrays in memory. The network is loaded when the first array needs it."""

    def __init__(self, model: PathLike | None = None, **options: Any) -> None:
        """Check the weights and options.

        Args:
            model: Name, path or URI of weights; the settings' by default.
            options: `vividness`, `temperature`, `precision`; for frames also `anchor_interval`,
                `settle_anchors` and `per_frame`.

        Raises:
            WeightsRefused: If the weights cannot be used.
            UsageError: If an option is unknown or invalid.
        """
        settings = load_settings()
        opened = partial(open_store, options=job.store_options(settings))
        reference = resolve(path_text("model", model or settings.model.name), opened)
        # Refused here, not at the first array; the network is built from them later.
        load(reference, opened)
        self._options = options_from(settings, options, options=(*_OPTIONS, "per_frame"))
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
) -> "TensorFlowColorizer":
    apply_environment(tensorflow_environment())
    from colorworker.model.colorizer import load_colorizer

    return load_colorizer(reference, precision=wanted.precision, opened=opened)
