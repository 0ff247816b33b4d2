"""Colors for the review page while a person paints.

The network sees a picture once; hints only change what it predicted. So a change on the page costs
no prediction.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock, Thread
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.colordistribution import variant_ab
from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.guided import fit_to_luma
from colorworker.color.knowncolors import apply_known_colors
from colorworker.color.resize import interpolate_bilinear
from colorworker.domain.hints import parse_hints
from colorworker.media.stills.thumbnail import preview_rgb
from colorworker.pipeline.givencolors import known_from_hints
from colorworker.pipeline.suggestions import suggest_at
from colorworker.runs.review.items import ReviewItem
from colorworker.runs.review.pictures import Pictures, Size

Floats = npt.NDArray[np.float32]

SHOWN_SIDE = 768
"""Pixels on the long side of a preview."""
_KEPT = 8
"""Pictures and frames whose predictions are kept."""


@dataclass(frozen=True)
class _Seen:
    """A picture as the network saw it."""

    size: Size
    lightness: Floats
    """L* at the model's size, (h, w)."""
    ab: Floats
    """Automatic a* and b*, (h, w, 2)."""
    shown: Floats
    """L* at the size of the preview."""


class LiveColors:
    """Colors small versions of items. Safe for several threads."""

    def __init__(self, pictures: Pictures, load: Callable[[], Colorizer]) -> None:
        """Prepare; the network is loaded when it is first needed.

        Args:
            pictures: Reads the sources.
            load: Loads the network.
        """
        self._pictures = pictures
        self._colorizer = lru_cache(maxsize=1)(load)
        self._lock = Lock()
        self._seen: dict[tuple[str, int], _Seen] = {}

    def warm_up(self) -> None:
        """Load the network in the background, so that the first preview does not wait for it."""
        Thread(target=self._colorizer, name="load the network", daemon=True).start()

    def preview(self, item: ReviewItem, frame: int, hints: list[Any], variant: int = 0) -> bytes:
        """Return the item in color with these hints, as a JPEG of at most 768 pixels.

        Args:
            item: A picture or film.
            frame: Index of the frame; ignored for pictures.
            hints: As in a hints file; positions are pixels of the full size.
            variant: Number of the alternative colors; 0 for the likeliest.

        Raises:
            HintsRefused: If a hint is invalid.
            UsageError: If the network has no alternatives.
        """
        seen = self._look(item, frame)
        parsed = parse_hints(
            json.dumps(hints).encode(), item.line.key, seen.size.width, seen.size.height
        )
        known = known_from_hints(parsed, (seen.size.height, seen.size.width), seen.lightness)
        ab = seen.ab
        if variant:
            with self._lock:
                possible = self._colorizer().distribution(seen.lightness)
            ab = variant_ab(possible, seen.lightness, ab, variant)
        ab = apply_known_colors(seen.lightness, ab, known)
        slope, offset = fit_to_luma(seen.lightness, ab)
        large = interpolate_bilinear(np.concatenate((slope, offset), -1), *seen.shown.shape)
        chroma = large[..., :2] * seen.shown[..., None] + large[..., 2:]
        rgb = preview_rgb(np.concatenate((seen.shown[..., None], chroma), -1))
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
        with self._lock:
            found = suggest_at(
                seen.lightness, self._colorizer(), (x, y), (seen.size.height, seen.size.width)
            )
        return [
            {"color": f"#{bytes(each.rgb).hex()}", "probability": round(each.probability, 4)}
            for each in found
        ]

    def _look(self, item: ReviewItem, frame: int) -> _Seen:
        place = item.identity, frame if item.line.kind == "film" else 0
        with self._lock:
            if place not in self._seen:
                while len(self._seen) >= _KEPT:
                    del self._seen[next(iter(self._seen))]
                self._seen[place] = self._predict(item, frame)
            return self._seen[place]

    def _predict(self, item: ReviewItem, frame: int) -> _Seen:
        colorizer = self._colorizer()
        size = self._pictures.size(item)
        shown = size.fitting(SHOWN_SIDE)
        lightness = self._pictures.lightness(item, frame, colorizer.working_shape)
        large = self._pictures.lightness(item, frame, lambda *_: (shown.height, shown.width))
        ab = colorizer.predict(lightness[np.newaxis])[0]
        return _Seen(size, lightness, ab, large)
