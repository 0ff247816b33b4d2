"""The known colors of a picture: its hints, drawn at the model's size and filled to edges."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import ColorDistribution
from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.knowncolors import KnownColors
from colorworker.color.lab import lab_from_linear_rgb, srgb_to_linear
from colorworker.domain.hints import MAX_BYTES, ColorHint, InputFile, parse_hints
from colorworker.errors import HintsRefused, KeyMissing, SourceChanged, UsageError
from colorworker.media.stills.overlay import read_overlay
from colorworker.media.strokefill import StrokeFiller, fill_strokes
from colorworker.media.strokes import draw_stroke, strokes_of_one_color
from colorworker.pipeline.context import WorkerContext

Floats = npt.NDArray[np.float32]

_PAINTED = 0.2
"""Share of a pixel that must be painted."""


def read_hints(
    context: WorkerContext,
    files: Iterable[InputFile],
    size: tuple[int, int],
    lightness: Floats,
    colorizer: Colorizer,
    coded: tuple[int, int] | None = None,
) -> tuple[KnownColors, ...]:
    """Return the known colors that hints files give, in the order in which they are applied.

    Args:
        context: Opens the stores.
        files: Files with hints.
        size: (height, width) of the upright picture.
        lightness: Its L* at the model's size, (h, w).
        colorizer: Tells what the network sees under strokes, and is asked only if there are any.
        coded: Another (height, width) that painted hints may have.

    Raises:
        HintsRefused: If a file cannot be used; the message names it.
        StoreUnavailable: If its store does not answer.
    """
    known: list[KnownColors] = []
    sizes = (size, coded) if coded else (size,)
    filler = stroke_filler(lightness, colorizer)
    for file in files:
        store = context.open_source(file.root)
        try:
            if file.is_overlay:
                with store.open(file.key, etag=file.etag) as reader:
                    painted = read_overlay(reader, file.key, sizes, _shape(lightness))
                known += known_from_overlay(*painted, lightness, filler)
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
        known += known_from_hints(hints, size, lightness, filler)
    return tuple(known)


def stroke_filler(lightness: Floats, colorizer: Colorizer) -> StrokeFiller:
    """Return what fills strokes on a picture.

    Args:
        lightness: Its L* at the model's size, (h, w).
        colorizer: Tells what the network sees, if it has a distribution of colors.
    """

    def distribution() -> ColorDistribution | None:
        try:
            return colorizer.distribution(lightness)
        except UsageError:
            return None

    return StrokeFiller(lightness, distribution)


def known_from_hints(
    hints: Sequence[ColorHint],
    size: tuple[int, int],
    lightness: Floats,
    filler: StrokeFiller | None = None,
) -> list[KnownColors]:
    """Return points and strokes as known colors: strokes first, so that points correct them.

    Args:
        hints: Their positions are pixels of the full size.
        size: (height, width) of the full size.
        lightness: L* at the model's size, (h, w).
        filler: From `stroke_filler`.
    """
    strokes = [hint for hint in hints if hint.is_stroke]
    masks = [draw_stroke(hint.points, hint.radius, size, _shape(lightness)) for hint in strokes]
    points = [hint for hint in hints if not hint.is_stroke]
    drawn_points = [
        draw_stroke(hint.points, hint.radius, size, _shape(lightness)) for hint in points
    ]
    filled = fill_strokes(lightness, masks, drawn_points, filler)
    known = [
        KnownColors(_constant(ab, lightness), np.maximum(fill, mask).astype(np.float32), "stroke")
        for fill, mask, ab in zip(filled, masks, map(_ab_of, strokes), strict=True)
    ]
    if points:
        ab = np.zeros((*lightness.shape, 2), np.float32)
        weight = np.zeros(lightness.shape, np.float32)
        for hint, drawn in zip(points, drawn_points, strict=True):
            ab[drawn], weight[drawn] = _ab_of(hint), 1
        known.append(KnownColors(ab, weight, "hint"))
    return known


def known_from_overlay(
    ab: Floats, share: Floats, lightness: Floats, filler: StrokeFiller | None = None
) -> list[KnownColors]:
    """Return painted colors as known colors: strokes of one color fill their objects.

    Args:
        ab: a* and b*, (h, w, 2).
        share: Painted share of each pixel, (h, w).
        lightness: L* at the model's size, (h, w).
        filler: From `stroke_filler`.
    """
    painted = share > _PAINTED
    if not painted.any():
        return []
    masks = strokes_of_one_color(ab, painted)
    known = [
        KnownColors(_constant(ab[mask].mean(0), lightness), fill, "overlay")
        for fill, mask in zip(fill_strokes(lightness, masks, filler=filler), masks, strict=True)
    ]
    return [*known, KnownColors(ab, painted.astype(np.float32), "overlay")]


def _ab_of(hint: ColorHint) -> Floats:
    rgb = np.divide(hint.rgb, 255, dtype=np.float32)
    ab: Floats = lab_from_linear_rgb(srgb_to_linear(rgb))[1:]
    return ab


def _constant(ab: Floats, lightness: Floats) -> Floats:
    return np.broadcast_to(ab, (*lightness.shape, 2)).astype(np.float32)


def _shape(lightness: Floats) -> tuple[int, int]:
    height, width = lightness.shape
    return height, width
