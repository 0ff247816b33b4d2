"""Decode pictures with Pillow: formats of offices and screens, whose pictures are small.

Pillow decodes the whole picture in memory.
"""

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from colorworker.domain.notes import Note
from colorworker.errors import SourceDamaged, SourceUnsupported
from colorworker.media.stills.decoded import (
    DECODE_ERRORS,
    LAYERS,
    MORE_PICTURES,
    DecodedStill,
    Layout,
    check_pixels,
    float_conversion,
    reason_of,
    set_fields,
    store_rows,
    with_resolution,
)
from colorworker.media.stills.exifblock import EXIF_HEAD
from colorworker.media.stills.port import UNASSOCIATED_ALPHA

_FORMATS = {
    ".bmp": ("BMP", "DIB"),
    ".dds": ("DDS",),
    ".icns": ("ICNS",),
    ".ico": ("ICO", "CUR"),
    ".jp2": ("JPEG2000",),
    ".pcd": ("PCD",),
    ".pcx": ("PCX", "DCX"),
    ".pnm": ("PPM",),
    ".psd": ("PSD",),
    ".qoi": ("QOI",),
    ".ras": ("SUN",),
    ".sgi": ("SGI",),
    ".tga": ("TGA",),
    ".tif": ("TIFF",),
}
"""Pillow's formats by the extension of the copy.

Left alone, it loads formats by the extensions that it meets and asks them in that order. TGA has no
mark of its own, so that it takes some icons for TGA.
"""
_LAYOUTS: dict[str, tuple[str, int, bool]] = {
    "1": ("uint8", 1, False),
    "L": ("uint8", 1, False),
    "LA": ("uint8", 1, True),
    "I;16": ("uint16", 1, False),
    "F": ("float32", 1, False),
    "RGB": ("uint8", 3, False),
    "RGBA": ("uint8", 3, True),
    "CMYK": ("uint8", 4, False),
}
"""By Pillow's mode: type, bands of color, and whether a band of transparency follows."""
_ICONS = frozenset(("ICO", "CUR", "ICNS"))
_PART = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n")
"""Where a PNG or a JPEG 2000 begins."""
_OTHER_MODES = {"PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB",
                "I;16B": "I;16", "I;16L": "I;16"}  # fmt: skip
_RARE = re.compile(
    r"Unimplemented|Unsupported (?!BMP Palette)|[Uu]nknown (PCX|TGA|pixel) |not enough channels"
)
"""How what Pillow says about files begins that may be intact."""
# The limit on pixels is ours, and its message names the setting.
Image.MAX_IMAGE_PIXELS = None
_RESOURCES = {1028: "iptc-data", 1060: "xmp-data"}
"""Image resources of Photoshop files."""
_PHOTO_CD = "of a Photo CD's sizes, only that of 768 x 512 pixels is read, without its highlights"
_RECOPY = "Compare it with the original and copy it again"


def decode(path: Path, key: str, folder: Path, max_pixels: int, page: int) -> DecodedStill:
    """Decode the picture at `path` with Pillow; see `decoders.decode`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=_FORMATS[path.suffix]) as image:
                check_pixels(key, *image.size, max_pixels, path.stat().st_size)
                if image.format in _ICONS:
                    _check_parts(path, key, max_pixels)
                if page:
                    image.seek(page)
                image.load()
                return _decoded(image, key, folder)
        except DECODE_ERRORS as error:
            said = reason_of(error)
            if _RARE.match(said):
                seen = f"its kind of picture is not supported ({said})"
                raise SourceUnsupported(key, seen, "Convert it to TIFF first") from error
            raise SourceDamaged(key, f"no picture can be read from it ({said})", _RECOPY) from error


def _check_parts(path: Path, key: str, max_pixels: int) -> None:
    """Check the sizes of the PNGs and JPEG 2000s in an icon, whatever its own header says.

    Raises:
        SourceTooLarge: If one of them has more than `max_pixels` pixels.
        SourceDamaged: If the file is far too short for the pixels of one.
    """
    data = path.read_bytes()
    for found in _PART.finditer(data):
        part = io.BytesIO(data[found.start() :])
        try:
            with Image.open(part, formats=("PNG", "JPEG2000")) as image:
                size = image.size
        except DECODE_ERRORS:
            continue
        check_pixels(key, *size, max_pixels, len(data))


def _decoded(image: Any, key: str, folder: Path) -> DecodedStill:
    mode, name = image.mode, (image.format or "picture").lower()
    bilevel = mode == "1"
    found: list[str] = []
    if mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif mode == "I":
        image, found = _as_16_bits(image, key)
    elif mode not in _LAYOUTS:
        target = _OTHER_MODES.get(mode, "")
        if target not in _LAYOUTS:
            raise SourceUnsupported(key, f"its pixels are {mode}", "Convert it to TIFF first")
        image = image.convert(target)
    if bilevel:
        image = image.convert("L")
    dtype, bands, alpha = _LAYOUTS[image.mode]
    pixels: npt.NDArray[Any] = np.asarray(image)
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if image.mode == "CMYK" and image.info.get("adobe") is not None:
        pixels = 255 - pixels
    layout = Layout(image.width, image.height, dtype, bands, (UNASSOCIATED_ALPHA,) * alpha)
    stored = store_rows(key, layout, [pixels], folder)
    exif = bytes(image.info.get("exif") or b"").removeprefix(EXIF_HEAD)
    blocks = dict(_photoshop_blocks(image)) if name == "psd" else {}
    fields: dict[str, bytes | int] = {
        **blocks,
        "icc-profile-data": bytes(image.info.get("icc_profile") or b""),
        "exif-data": EXIF_HEAD + exif if exif else b"",
    }
    across, down = (float(each) / 25.4 for each in image.info.get("dpi", (0, 0)))
    stored, has_resolution = with_resolution(stored, across, down)
    found += _others(image, name)
    return DecodedStill(
        name,
        layout,
        set_fields(stored, fields),
        is_bilevel=bilevel,
        has_resolution=has_resolution,
        conversion=float_conversion(layout),
        warnings=tuple(found),
    )


def _others(image: Any, name: str) -> list[str]:
    """Return what the file holds beside the picture that is colored."""
    frames = getattr(image, "n_frames", 1)
    if name == "psd":
        return [LAYERS] if frames else []
    if name == "pcd":
        return [_PHOTO_CD]
    return [MORE_PICTURES] if frames > 1 else []


def _photoshop_blocks(image: Any) -> Iterator[tuple[str, bytes]]:
    """Yield XMP and IPTC of a Photoshop file by libvips' names."""
    for number, _, data in getattr(image, "resources", ()):
        if number in _RESOURCES:
            yield _RESOURCES[number], bytes(data)


def _as_16_bits(image: Any, key: str) -> tuple[Any, list[str]]:
    """Return a picture of 32-bit integers as one of 16 bits if its values fit."""
    low, high = image.getextrema()
    if low < 0 or high > 65535:
        raise SourceUnsupported(
            key, f"its values run from {low} to {high}", "Convert it to 16-bit gray first"
        )
    codes = np.asarray(image).astype(np.uint16)
    return Image.fromarray(codes), [Note("its integers are read as 16 bits")]
