"""The known colors of a picture: its hints, drawn at the model's size and filled to edges."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from colorworker.color.knowncolors import KnownColors
from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.domain.hints import MAX_BYTES, ColorHint, InputFile, parse_hints
from colorworker.errors import HintsRefused, KeyMissing, SourceChanged
from colorworker.media.stills.overlay import read_overlay
from colorworker.media.strokefill import fill_strokes
from colorworker.pipeline.context import WorkerContext

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_PAINTED = 0.2
"""Share of a pixel that must be painted."""
_COLOR_STEP = 8.0
"""Painted colors that differ by less in a* and b* are one stroke."""
_MOST_STROKES = 64
"""Maximum number of painted strokes that are filled, largest first; the others are kept as they
are painted."""
_SHIFT = 4
"""Bits of subpixels in OpenCV's drawing."""


def read_hints(
    context: WorkerContext,
    files: Iterable[InputFile],
    size: tuple[int, int],
    lightness: Floats,
) -> tuple[KnownColors, ...]:
    """Return the known colors that hints files give, in the order in which they are applied.

    Args:
        context: Opens the stores.
        files: Files with hints.
        size: (height, width) of the upright picture.
        lightness: Its L* at the model's size, (h, w).

    Raises:
        HintsRefused: If a file cannot be used; the message names it.
        StoreUnavailable: If its store does not answer.
    """
    known: list[KnownColors] = []
    for file in files:
        store = context.open_source(file.root)
        try:
            if file.is_overlay:
                with store.open(file.key, etag=file.etag) as reader:
                    known += known_from_overlay(
                        *read_overlay(reader, file.key, size, _shape(lightness)), lightness
                    )
                continue
            if file.size_bytes > MAX_BYTES:
                raise HintsRefused(
                    file.key, f"has {file.size_bytes} bytes, {MAX_BYTES} are allowed", "Use fewer"
                )
            data = store.get(file.key, etag=file.etag)
        except (KeyMissing, SourceChanged) as error:
            raise HintsRefused(
                file.key, "was changed after it was listed", "Run the job again"
            ) from error
        hints = parse_hints(data, file.key, size[1], size[0])
        known += known_from_hints(hints, size, lightness)
    return tuple(known)


def known_from_hints(
    hints: Sequence[ColorHint], size: tuple[int, int], lightness: Floats
) -> list[KnownColors]:
    """Return points and strokes as known colors: strokes first, so that points correct them.

    Args:
        hints: Their positions are pixels of the full size.
        size: (height, width) of the full size.
        lightness: L* at the model's size, (h, w).
    """
    strokes = [hint for hint in hints if hint.is_stroke]
    masks = [_drawn(hint, size, _shape(lightness)) for hint in strokes]
    filled = fill_strokes(lightness, masks)
    known = [
        KnownColors(_constant(ab, lightness), np.maximum(fill, mask).astype(np.float32), "stroke")
        for fill, mask, ab in zip(filled, masks, map(_ab_of, strokes), strict=True)
    ]
    points = [hint for hint in hints if not hint.is_stroke]
    if points:
        ab = np.zeros((*lightness.shape, 2), np.float32)
        weight = np.zeros(lightness.shape, np.float32)
        for hint in points:
            drawn = _drawn(hint, size, _shape(lightness))
            ab[drawn], weight[drawn] = _ab_of(hint), 1
        known.append(KnownColors(ab, weight, "hint"))
    return known


def known_from_overlay(ab: Floats, share: Floats, lightness: Floats) -> list[KnownColors]:
    """Return painted colors as known colors: strokes of one color fill their objects.

    Args:
        ab: a* and b*, (h, w, 2).
        share: Painted share of each pixel, (h, w).
        lightness: L* at the model's size, (h, w).
    """
    painted = share > _PAINTED
    if not painted.any():
        return []
    masks = _strokes_of_one_color(ab, painted)
    known = [
        KnownColors(_constant(ab[mask].mean(0), lightness), fill, "overlay")
        for fill, mask in zip(fill_strokes(lightness, masks), masks, strict=True)
    ]
    return [*known, KnownColors(ab, painted.astype(np.float32), "overlay")]


def _strokes_of_one_color(ab: Floats, painted: Mask) -> list[Mask]:
    """Return the connected areas of one color, the largest ones."""
    steps = np.rint(ab / _COLOR_STEP).astype(np.int32)
    codes = np.where(painted, (steps[..., 0] + 64) * 256 + steps[..., 1] + 64, -1)
    masks: list[Mask] = []
    for code in np.unique(codes[painted]):
        count, labels = cv2.connectedComponents((codes == code).astype(np.uint8), connectivity=8)
        if count > 4 * _MOST_STROKES:
            continue
        masks += [labels == label for label in range(1, count)]
    return sorted(masks, key=lambda mask: -int(mask.sum()))[:_MOST_STROKES]


def _drawn(hint: ColorHint, size: tuple[int, int], shape: tuple[int, int]) -> Mask:
    """Return the pixels of a hint at another size; at least one."""
    down, across = shape[0] / size[0], shape[1] / size[1]
    unit = 1 << _SHIFT
    # Pixel centers: the pixel (0, 0) covers 0 to 1.
    places = [((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5) for x, y in hint.points]
    drawn = np.zeros(shape, np.uint8)
    for x, y in places[:1]:
        drawn[min(max(round(y), 0), shape[0] - 1), min(max(round(x), 0), shape[1] - 1)] = 1
    radius = hint.radius * (down * across) ** 0.5
    corners = np.rint(np.array(places) * unit).astype(np.int32)
    if radius >= 0.75:
        for corner in corners:
            cv2.circle(drawn, corner.tolist(), round(radius * unit), 1, cv2.FILLED, shift=_SHIFT)
    if len(corners) > 1:
        thickness = max(1, round(2 * radius))
        cv2.polylines(drawn, [corners], False, 1, thickness, shift=_SHIFT)
    return drawn.astype(bool)


def _ab_of(hint: ColorHint) -> Floats:
    rgb = np.divide(hint.rgb, 255, dtype=np.float32)
    ab: Floats = lab_from_linear_rgb(srgb_to_linear(rgb))[1:]
    return ab


def _constant(ab: Floats, lightness: Floats) -> Floats:
    return np.broadcast_to(ab, (*lightness.shape, 2)).astype(np.float32)


def _shape(lightness: Floats) -> tuple[int, int]:
    height, width = lightness.shape
    return height, width
