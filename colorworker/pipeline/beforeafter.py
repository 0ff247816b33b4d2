"""Before/after thumbnails, made by the worker so that no pixels travel to the driver."""

import numpy as np
import numpy.typing as npt

from colorworker.color.lab import linear_to_srgb, luminance_from_lightness
from colorworker.color.resize import interpolate_bilinear
from colorworker.color.transfer import srgb_codes_from_signal
from colorworker.domain.videoinfo import VideoInfo
from colorworker.media.planes import Frame, color_spec, luma_proxy
from colorworker.media.repack import small_rgb
from colorworker.media.stills.port import StillHeader
from colorworker.media.stills.thumbnail import before_after, preview_rgb

Floats = npt.NDArray[np.float32]

SIDE = 240
"""Pixels on the long side of each half."""


def thumbnail_shape(height: int, width: int) -> tuple[int, int]:
    """Return the (height, width) of each half for a picture of this size."""
    scale = SIDE / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def still_thumbnail(lightness: Floats, ab: Floats, info: StillHeader) -> bytes:
    """Return a JPEG of a picture in gray and in color, side by side.

    Args:
        lightness: L* of the upright picture at the model's size, (h, w).
        ab: Its predicted a* and b*, (h, w, 2).
        info: The picture's properties, for its true aspect ratio.
    """
    shape = thumbnail_shape(info.upright_height, info.upright_width)
    small = interpolate_bilinear(np.concatenate([lightness[..., None], ab], axis=-1), *shape)
    # Gray depends on L* alone; converting it like colors, gamut included, would take as long.
    codes = linear_to_srgb(luminance_from_lightness(small[..., 0])) * 255
    gray = np.repeat(np.rint(codes).astype(np.uint8)[..., None], 3, axis=2)
    return before_after(gray, preview_rgb(small))


def film_thumbnail(frame: Frame, info: VideoInfo) -> bytes:
    """Return a JPEG of a frame in gray and in color, side by side, at its display aspect ratio."""
    aspect = info.sample_aspect_ratio or 1
    height, width = thumbnail_shape(info.height, round(info.width * aspect))
    spec = color_spec(info)
    luma = (luma_proxy(frame, height, width).astype(np.float32) - spec.black) / spec.luma_span
    gray = np.repeat(np.clip(luma * 255 + 0.5, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return before_after(
        srgb_codes_from_signal(gray, spec.transfer),
        small_rgb(frame, height, width, is_log=info.is_log),
    )
