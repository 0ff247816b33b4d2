"""Colors for the review page while a person paints.

The network sees a picture once; hints only change what it predicted. So a change on the page costs
no prediction.
"""

import io
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.guided import fit_to_luma
from colorworker.color.knowncolors import KnownColors, apply_known_colors
from colorworker.color.resize import resize
from colorworker.domain.hints import parse_hints
from colorworker.domain.options import Options
from colorworker.errors import KeyMissing
from colorworker.media.registration import register
from colorworker.media.stills.referencepicture import reference_lab, require_color
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.givencolors import known_from_hints, read_hints, stroke_filler
from colorworker.pipeline.references import POOR_MATCH, register_reference
from colorworker.pipeline.scanview import ScanView, view_of
from colorworker.pipeline.suggestions import suggest_at
from colorworker.runs.review.items import ReviewItem
from colorworker.runs.review.pictures import Pictures, Size
from colorworker.runs.review.reviews import REVIEWS, file_key, is_reference_name

Floats = npt.NDArray[np.float32]
T = TypeVar("T")

SHOWN_SIDE = 640
"""Pixels on the long side of a preview."""
MAX_REFERENCE_PIXELS = 100_000_000
"""Maximum number of pixels of a picture that is dropped on a frame."""
_KEPT = 16
"""Pictures, frames and references that are kept in memory."""


@dataclass(frozen=True)
class Painted:
    """What a person has changed on one picture or frame."""

    frame: int = 0
    """Index of the frame; ignored for pictures."""
    hints: list[Any] = field(default_factory=list)
    """As in a hints file; positions are pixels of the full size."""
    variant: int = 0
    """Number of the alternative colors; 0 for those of the job."""
    reference: str = ""
    """Name of the picture that was dropped on this frame; empty for none."""
    side: int = SHOWN_SIDE
    """Pixels on the long side of the preview."""


@dataclass(frozen=True)
class _Seen:
    """A picture as the network sees it, and as it is shown."""

    size: Size
    lightness: Floats
    """L* at the model's size, (h, w)."""
    shown: Floats
    """L* at the size of the preview."""
    lab: Floats
    """L*a*b* at the model's size, (h, w, 3)."""
    view: ScanView
    """What the network sees of a picture."""


class _Kept:
    """The last values that were made. Thread-safe; one value is made at a time."""

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, place: object, make: Callable[[], T]) -> T:
        with self._lock:
            if place not in self._values:
                self._values[place] = make()
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            self._values.move_to_end(place)
            value: T = self._values[place]
            return value


class LiveColors:
    """Colors small versions of items. Safe for several threads."""

    def __init__(self, pictures: Pictures, context: WorkerContext) -> None:
        """Prepare; the network is loaded when it is first needed.

        Args:
            pictures: Reads the sources.
            context: Has the stores, and the network.
        """
        self._pictures, self._context = pictures, context
        self._seen, self._references, self._fillers = _Kept(), _Kept(), _Kept(most=2)

    def warm_up(self) -> None:
        """Load the network in the background, so that the first preview does not wait for it."""

        def predict() -> None:
            colorizer = self._context.colorizer(Options().prediction_settings)
            colorizer.predict(np.zeros((1, *colorizer.working_shape(256, 256)), np.float32))

        Thread(target=predict, name="load the network", daemon=True).start()

    def preview(self, item: ReviewItem, painted: Painted) -> bytes:
        """Return the item in color with what a person has changed, as a small JPEG.

        Raises:
            HintsRefused: If a hint is invalid.
            UsageError: If the network has no alternatives.
        """
        seen = self._look(item, painted.frame)
        known = self._known(item, painted, seen)
        (ab,) = self._colorizer(item, painted.variant).predict(seen.view.lightness[None])
        ab = seen.view.keep_outside(seen.view.into_picture(ab), seen.lab)
        ab = apply_known_colors(seen.lightness, ab, known)
        slope, offset = fit_to_luma(seen.lightness, ab)
        height, width = seen.shown.shape
        size = Size(height, width).fitting(painted.side)
        large = resize(np.concatenate((slope, offset), -1), size.height, size.width)
        shown = resize(seen.shown[..., None], size.height, size.width)
        chroma = large[..., :2] * shown + large[..., 2:]
        rgb = preview_rgb(np.concatenate((shown, chroma), -1))
        image = pyvips.Image.new_from_array(np.ascontiguousarray(rgb))
        return bytes(image.copy(interpretation="srgb").jpegsave_buffer(Q=90, keep="none"))

    def suggest(self, item: ReviewItem, frame: int, x: float, y: float) -> list[dict[str, Any]]:
        """Return the five most likely colors at a pixel of the full-size picture.

        Returns:
            Objects with `color` (#rrggbb) and `probability`, the most likely first.

        Raises:
            UsageError: If the pixel lies outside, or the network has no distribution of colors.
        """
        seen = self._look(item, frame)
        size = seen.size.height, seen.size.width
        found = suggest_at(seen.lightness, self._colorizer(item, 0), (x, y), size)
        return [
            {"color": f"#{bytes(each.rgb).hex()}", "probability": round(each.probability, 4)}
            for each in found
        ]

    def match_reference(self, item: ReviewItem, frame: int, name: str, data: bytes) -> str:
        """Return a warning about a colored picture that may not show a frame; empty if it does.

        Args:
            item: The film.
            frame: Index of the frame.
            name: Name of the picture, for errors.
            data: A PNG or JPEG.

        Raises:
            SourceDamaged: If it does not decode completely.
            SourceTooLarge: If it has too many pixels.
            SourceUnsupported: If it is gray.
        """
        seen = self._look(item, frame)
        lab = self._read(name, data, seen)
        match = register(seen.lightness, np.ascontiguousarray(lab[..., 0]))
        if match.correlation >= POOR_MATCH:
            return ""
        mirrored = register(seen.lightness, np.ascontiguousarray(lab[:, ::-1, 0]))
        if mirrored.correlation >= POOR_MATCH:
            return f"The picture is a mirror image of frame {frame}."
        return (
            f"The picture does not look like frame {frame} (correlation {match.correlation:.2f};"
            f" true references have {POOR_MATCH} or more). Check that it shows this frame."
        )

    def _known(self, item: ReviewItem, painted: Painted, seen: _Seen) -> list[KnownColors]:
        """Return the colors that people gave for a picture or frame, in the order of a job."""
        size = seen.size.height, seen.size.width
        known: list[KnownColors] = []
        if painted.reference:
            known.append(self._reference(item, painted.frame, painted.reference, seen))
        known += self._seen.get(
            (item.identity, painted.frame, "hints"),
            lambda: self._hints_of_files(item, painted, seen),
        )
        parsed = parse_hints(
            json.dumps(painted.hints).encode(), item.line.key, seen.size.width, seen.size.height
        )
        filler = self._fillers.get(
            (item.identity, painted.frame),
            lambda: stroke_filler(seen.lightness, self._colorizer(item, 0)),
        )
        return [*known, *known_from_hints(parsed, size, seen.lightness, filler)]

    def _hints_of_files(
        self, item: ReviewItem, painted: Painted, seen: _Seen
    ) -> tuple[KnownColors, ...]:
        """Return what hints files beside the source give; the page sends those of the review."""
        frame = painted.frame if item.line.kind == "film" else None
        files = [
            each
            for each in self._pictures.options(item).hint_files
            if each.frame == frame and not each.key.startswith(REVIEWS)
        ]
        size = seen.size.height, seen.size.width
        return read_hints(self._context, files, size, seen.lightness, self._colorizer(item, 0))

    def _reference(self, item: ReviewItem, frame: int, name: str, seen: _Seen) -> KnownColors:
        if not is_reference_name(name):
            raise KeyMissing("reference", "there is no such picture", "Drop it again")

        def make() -> KnownColors:
            data = self._context.destination.get(file_key(item.identity, name))
            known, _ = register_reference(seen.lightness, self._read(name, data, seen))
            return known.colors

        return self._references.get((item.identity, frame, name), make)

    def _read(self, name: str, data: bytes, seen: _Seen) -> Floats:
        limit = min(self._context.settings.max_pixels, MAX_REFERENCE_PIXELS)
        lab = reference_lab(io.BytesIO(data), name, limit, min(seen.lightness.shape))
        require_color(lab, name)
        return lab

    def _colorizer(self, item: ReviewItem, variant: int) -> Colorizer:
        options = self._pictures.options(item)
        # The item's own variant may be the one that an earlier review chose.
        chosen = variant or self._pictures.job_options(item).variant
        return colorizer_for(self._context, replace(options, variant=chosen))

    def _look(self, item: ReviewItem, frame: int) -> _Seen:
        frame = frame if item.line.kind == "film" else 0
        return self._seen.get((item.identity, frame), lambda: self._decode(item, frame))

    def _decode(self, item: ReviewItem, frame: int) -> _Seen:
        colorizer = self._colorizer(item, 0)
        size = self._pictures.size(item)
        shown = size.fitting(SHOWN_SIDE)
        lab = self._pictures.lab(item, frame, colorizer.working_shape)
        large = self._pictures.lab(item, frame, lambda *_: (shown.height, shown.width))
        lightness = np.ascontiguousarray(lab[..., 0])
        view = ScanView(lightness.shape, lightness, None)
        if item.line.kind != "film":
            view = view_of(lab, colorizer, self._pictures.options(item).borders)
        return _Seen(size, lightness, np.ascontiguousarray(large[..., 0]), lab, view)
