"""Color NumPy arrays in memory: single pictures, and sequences of frames.

Pictures are processed like stills and keep their L*. Frames are processed like films: their chroma
is propagated from anchors by optical flow, and they keep their Y' (BT.709, full range).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from colorworker.color.colordistribution import LikelyColor
from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.guided import fit_to_luma
from colorworker.color.knowncolors import apply_known_colors
from colorworker.color.luma import ColorSpec, luma_weights, share_in_gamut
from colorworker.domain.hints import ColorHint, checked_hints
from colorworker.domain.options import Options
from colorworker.domain.scanoptions import Borders
from colorworker.media.planes import Plane
from colorworker.media.stills.arrays import (
    checked,
    small_array_lab,
    small_lightness,
    with_chroma,
)
from colorworker.pipeline.exemplarcolorizer import ExemplarColorizer, exemplar_from_lab
from colorworker.pipeline.givencolors import known_from_hints, stroke_filler
from colorworker.pipeline.propagation.propagate import LumaFrame, propagate_chroma
from colorworker.pipeline.propagation.propagationsetup import PlaneFormat
from colorworker.pipeline.scanview import view_of
from colorworker.pipeline.sequencehints import SequenceHints
from colorworker.pipeline.suggestions import suggest_at

Array = npt.NDArray[Any]

_KR, _KB = luma_weights("bt709")


@dataclass(frozen=True)
class _Signal:
    """Y' of one frame, (H, W), and the dtype of the result."""

    luma: Array
    """float32 or float64 in [0, 1]."""
    dtype: np.dtype[Any]


def color_picture(
    picture: Array,
    colorizer: Colorizer,
    hints: Sequence[ColorHint] = (),
    borders: Borders = "keep",
) -> Array:
    """Return a picture in color, with the same L*.

    Args:
        picture: sRGB codes, (H, W), (H, W, 1) or (H, W, 3); uint8, uint16, or float32 or float64
            in [0, 1]. Of RGB only the lightness is used.
        colorizer: Predicts chroma from L*.
        hints: Colors that a person gave, at pixels of the picture.
        borders: `keep`: what lies around a photograph stays gray; `color`: it is colored.

    Returns:
        sRGB codes (H, W, 3) of the same dtype.

    Raises:
        ValueError: If the array has another shape, type or range.
    """
    picture = checked(_native(picture))
    size = picture.shape[0], picture.shape[1]
    lightness = small_lightness(picture, *colorizer.working_shape(*size))
    lab = np.concatenate([lightness[..., None], np.zeros((*lightness.shape, 2), np.float32)], -1)
    view = view_of(lab, colorizer, borders)
    (ab,) = colorizer.predict(view.lightness[None])
    ab = view.into_picture(ab)
    filler = stroke_filler(lightness, colorizer)
    ab = apply_known_colors(lightness, ab, known_from_hints(hints, size, lightness, filler))
    return with_chroma(picture, *fit_to_luma(lightness, ab))


def suggest_colors(
    picture: Array, colorizer: Colorizer, x: float, y: float
) -> tuple[LikelyColor, ...]:
    """Return the five most likely colors at a pixel of a picture, the likeliest first.

    Args:
        picture: As for `color_picture`.
        colorizer: Has the distribution of colors.
        x: Column of the pixel, from 0.
        y: Row of the pixel.

    Raises:
        ValueError: If the array has another shape, type or range.
        UsageError: If the pixel lies outside of the picture, or the network has no distribution.
    """
    picture = checked(_native(picture))
    size = picture.shape[0], picture.shape[1]
    lightness = small_lightness(picture, *colorizer.working_shape(*size))
    return suggest_at(lightness, colorizer, (x, y), size)


def with_exemplar(colorizer: Colorizer, reference: Array, strength: float) -> Colorizer:
    """Return a colorizer that takes colors from a color picture.

    Args:
        colorizer: Predicts chroma from L*.
        reference: sRGB codes (H, W, 3), of a type that `color_picture` takes.
        strength: Share of its colors, in [0, 1].

    Raises:
        ValueError: If the array has another shape, type or range.
    """
    reference = checked(_native(reference))
    if reference.ndim != 3:
        raise ValueError(f"a reference of shape {reference.shape}: give RGB, (H, W, 3)")
    lab = small_array_lab(reference, *colorizer.working_shape(*reference.shape[:2]))
    return ExemplarColorizer(colorizer, exemplar_from_lab(colorizer, lab), strength)


def color_sequence(
    frames: Iterable[Array],
    colorizer: Colorizer,
    options: Options,
    hints: Mapping[int, Sequence[Mapping[str, Any]]] | None = None,
) -> Iterator[Array]:
    """Yield every frame of a film in color, in order and with the same Y'.

    Frames are read ahead as far as the colors depend on later frames: 45 frames with the default
    options. Nothing is read before the first frame is requested.

    Args:
        frames: In order; each as `color_picture` takes it, all of one shape and type.
        colorizer: Predicts chroma from L*.
        options: Anchor interval and settling; nothing else is read.
        hints: Like the objects of hints files, by index of the frame.

    Raises:
        ValueError: If a frame has another shape, type or range than the first.
        HintsRefused: If a hint is not valid, or lies outside the frame.
        OutputMismatch: If a frame cannot be colored.
    """
    remaining = map(_native, frames)
    first = next(remaining, None)
    if first is None:
        return
    depth = 8 if first.dtype == np.uint8 else 16
    spec = ColorSpec("bt709", full_range=True, bit_depth=depth)
    height, width = checked(first).shape[:2]
    lumas = _lumas(first, remaining, spec)
    planes = PlaneFormat(spec, height, width, (height, width))
    checked_by_frame = {
        index: checked_hints(
            [dict(each) for each in given], f"hints of frame {index}", width, height
        )
        for index, given in (hints or {}).items()
    }
    known = SequenceHints(checked_by_frame, colorizer, spec, (height, width))
    for frame in propagate_chroma(
        known.watch(lumas),
        planes,
        colorizer,
        options,
        shot_log=known.shot_log,
        known=known.carrier,
    ):
        yield _rgb(frame.source, frame.cb, frame.cr, spec)


def _lumas(
    first: Array, remaining: Iterator[Array], spec: ColorSpec
) -> Iterator[LumaFrame[_Signal]]:
    yield _luma_frame(first, spec)
    for number, frame in enumerate(remaining, 1):
        if frame.shape != first.shape or frame.dtype != first.dtype:
            raise ValueError(
                f"frame {number} is {frame.dtype} {frame.shape}, and the first one is"
                f" {first.dtype} {first.shape}"
            )
        yield _luma_frame(frame, spec)


def _native(array: Array) -> Array:
    """Return anything that NumPy can read as an array, in the byte order of this machine."""
    array = np.asarray(array)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _luma_frame(frame: Array, spec: ColorSpec) -> LumaFrame[_Signal]:
    gray = checked(frame)
    signal = gray if gray.dtype.kind == "f" else gray / np.float32(np.iinfo(gray.dtype).max)
    if signal.ndim == 3:
        signal = signal @ np.array([_KR, 1 - _KR - _KB, _KB], signal.dtype)
    codes: Plane = np.rint(signal * spec.luma_span).astype(f"uint{spec.bit_depth}")
    # Copied even if nothing was computed: callers may reuse the memory of a frame for the next.
    return LumaFrame(_Signal(np.array(signal), frame.dtype), codes)


def _rgb(signal: _Signal, cb_codes: Array, cr_codes: Array, spec: ColorSpec) -> Array:
    """Return R'G'B' for the exact Y' of a frame and its chroma codes.

    Source:
        ITU-R BT.709-6, items 3.2 and 3.3.
    """
    luma = signal.luma
    cb = (cb_codes.astype(luma.dtype) - spec.neutral) / spec.chroma_span
    cr = (cr_codes.astype(luma.dtype) - spec.neutral) / spec.chroma_span
    # The codes were looked up for a rounded Y': at the border of the gamut they can be too much.
    share = share_in_gamut(luma, cb, cr, _KR, _KB)
    red, blue = 2 * (1 - _KR) * cr * share, 2 * (1 - _KB) * cb * share
    rgb: Array = np.empty((*luma.shape, 3), luma.dtype)
    rgb[..., 0], rgb[..., 2] = luma + red, luma + blue
    rgb[..., 1] = luma - (_KR * red + _KB * blue) / (1 - _KR - _KB)
    np.clip(rgb, 0, 1, out=rgb)
    if signal.dtype.kind == "f":
        return rgb
    codes: Array = np.rint(rgb * np.iinfo(signal.dtype).max).astype(signal.dtype)
    return codes
