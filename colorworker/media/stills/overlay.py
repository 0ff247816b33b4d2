"""Read hints that were painted over a picture: a PNG with transparency."""

from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from colorworker.color.lab import Floats
from colorworker.color.resize import resize
from colorworker.errors import HintsRefused, ItemError
from colorworker.media.stills.colorspace import ColorConversion, srgb
from colorworker.media.stills.lightness import lab_from_codes
from colorworker.media.stills.loaders import decode_errors
from colorworker.media.stills.picture import open_still, read_pixels


def read_overlay(
    reader: BinaryIO, key: str, sizes: Sequence[tuple[int, int]], shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return the colors of a painted overlay at another size.

    Memory does not grow with the overlay.

    Args:
        reader: The PNG, seekable.
        key: Its key, for errors.
        sizes: The (height, width) that it may have, those of the upright picture first.
        shape: (height, width) of the result.

    Returns:
        a* and b*, (h, w, 2), 0 where nothing is painted; the painted share of each pixel, (h, w).

    Raises:
        HintsRefused: If it is no PNG with transparency, does not decode, or has another size.
        StoreUnavailable: If it cannot be read now.
    """
    height, width = sizes[0]
    try:
        # The limit on pixels comes second: the size is what a person can correct.
        with open_still(reader, key, max_pixels=1 << 62) as picture:
            info = picture.info
            if (info.upright_height, info.upright_width) not in sizes:
                raise HintsRefused(
                    key,
                    f"is {info.upright_width} x {info.upright_height} pixels, the picture {width} x"
                    f" {height}",
                    "Paint over the picture at its full size",
                )
            if len(info.extra_samples) != 1:
                raise HintsRefused(
                    key, "has no transparency, so all of it would be a hint", "Save it as RGBA"
                )
            with decode_errors(picture.image_source):
                pixels = read_pixels(picture)
                codes, alpha = pixels[: info.color_bands], pixels[info.color_bands]
                share = alpha / (65535 if info.bit_depth == 16 else 255)
                lab = lab_from_codes(codes, ColorConversion(srgb(), srgb()))
                weighted = (lab.extract_band(1, n=2) * share).bandjoin(share)
                small = weighted.resize(
                    min(1.0, shape[1] / info.upright_width),
                    vscale=min(1.0, shape[0] / info.upright_height),
                    kernel="linear",
                )
                layers = np.asarray(small.numpy(), np.float32)
    except HintsRefused:
        raise
    except ItemError as error:
        raise HintsRefused(key, error.seen, "Save it again as an RGBA PNG") from error
    return _unweighted(layers, shape)


def _unweighted(layers: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    layers = resize(layers, *shape)
    share = np.clip(layers[..., 2], 0, 1)
    known = share[..., None] > 1e-3
    ab = np.divide(
        layers[..., :2], layers[..., 2:], out=np.zeros_like(layers[..., :2]), where=known
    )
    return ab, np.where(known[..., 0], share, 0)
