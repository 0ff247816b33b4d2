"""Develop camera raw with LibRaw: neutral, without an automatic exposure, into 16 bits of sRGB."""

from pathlib import Path

import numpy as np
import rawpy

from colorworker.domain.notes import Note
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.decoded import (
    DecodedStill,
    Layout,
    check_pixels,
    set_fields,
    store_rows,
)

_SRGB_GAMMA = (2.4, 12.92)
"""Power, and slope of the line near black."""
_RECOPY = "Compare it with the original and copy it again"
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
"""EXIF's by LibRaw's flip."""
_TIFF = (b"II*\0", b"MM\0*")


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Develop the raw picture at `path`; see `decoders.decode`."""
    del page
    try:
        with rawpy.imread(str(path)) as raw:
            sizes = raw.sizes
            check_pixels(key, sizes.width, sizes.height, max_pixels, path.stat().st_size)
            flip = sizes.flip
            rgb = raw.postprocess(
                use_camera_wb=True,
                no_auto_bright=True,
                output_bps=16,
                gamma=_SRGB_GAMMA,
                user_flip=0,
            )
    except rawpy.LibRawFileUnsupportedError as error:
        raise SourceUnsupported(
            key, f"LibRaw does not know this camera ({_words(error)})", "Convert it to DNG or TIFF"
        ) from error
    except (rawpy.LibRawError, ValueError, MemoryError) as error:
        raise SourceDamaged(
            key, f"it does not decode completely ({_words(error)})", _RECOPY
        ) from error
    if not rgb.any():
        # LibRaw reads zeros behind the end of a file.
        raise SourceDamaged(key, "it does not decode completely (all its pixels are 0)", _RECOPY)
    height, width, bands = rgb.shape  # One band from monochrome cameras.
    layout = Layout(width, height, "uint16", bands)
    image = store_rows(key, layout, [np.ascontiguousarray(rgb)], folder)
    fields: dict[str, bytes | int] = {"orientation": _ORIENTATIONS.get(flip, 1)}
    return DecodedStill(
        "raw",
        layout,
        set_fields(image, fields),
        warnings=(
            Note("camera raw is developed by LibRaw, with the camera's white balance"),
            *_unkept(path),
        ),
    )


def _unkept(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        is_tiff = file.read(4) in _TIFF
    return () if is_tiff else ("the metadata of this kind of camera raw is not kept",)


def _words(error: Exception) -> str:
    found = error.args[0] if error.args else error
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)
