"""Decode HEIF of HEVC, as phones write it, with pillow-heif: libvips' wheel reads only AVIF."""

from pathlib import Path

import numpy as np
import pillow_heif

from colorworker.errors import SourceDamaged
from colorworker.media.stills.decoded import (
    DECODE_ERRORS,
    DecodedStill,
    Layout,
    check_pixels,
    reason_of,
    set_fields,
    store_rows,
)
from colorworker.media.stills.exifblock import EXIF_HEAD
from colorworker.media.stills.port import UNASSOCIATED_ALPHA

_STALE = ("depth_images", "aux")
_RECOPY = "Compare it with the original and copy it again"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path` with pillow-heif; see `decoders.decode`.

    It is upright afterwards, because HEIF stores its orientation outside of EXIF.
    """
    del page
    pillow_heif.options.DECODE_THREADS = 2
    try:
        file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False, bgr_mode=False)
        width, height = file.size
        check_pixels(key, width, height, max_pixels, path.stat().st_size)
        pixels = np.asarray(file)
    except DECODE_ERRORS as error:
        raise SourceDamaged(
            key, f"no picture can be read from it ({reason_of(error)})", _RECOPY
        ) from error
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width, bands = pixels.shape
    alpha = bands in (2, 4)
    layout = Layout(width, height, str(pixels.dtype), bands - alpha, (UNASSOCIATED_ALPHA,) * alpha)
    image = store_rows(key, layout, [pixels], folder)
    others = len(file) - 1
    found = [f"{others} further pictures are not kept"] if others else []
    exif = bytes(file.info.get("exif") or b"").removeprefix(EXIF_HEAD)
    fields: dict[str, bytes | int] = {
        "icc-profile-data": bytes(file.info.get("icc_profile") or b""),
        "exif-data": EXIF_HEAD + exif if exif else b"",
        "xmp-data": bytes(file.info.get("xmp") or b""),
        # After EXIF, from which libvips takes the one that is already applied.
        "orientation": 1,
    }
    if any(file.info.get(name) for name in _STALE):
        found.append("its depth and gain maps are not kept: they would be stale")
    return DecodedStill("heif", layout, set_fields(image, fields), warnings=tuple(found))
