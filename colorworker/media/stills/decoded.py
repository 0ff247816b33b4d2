"""Pictures that another library than libvips decodes: as plain pixels in a temporary file.

Every such library has a module with a function `decode`; `decoders.py` says which one reads what.
"""

import re
import shutil
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

from colorworker.color.lab import LUMINANCE_WEIGHTS
from colorworker.domain.notes import Note
from colorworker.errors import SourceDamaged, SourceTooLarge, SourceUnsupported
from colorworker.media.stills.boxes import BoxMetadata
from colorworker.media.stills.colorspace import ColorConversion, linear_light
from colorworker.media.stills.exifblock import EXIF_HEAD, orientation_of

_FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
_INTERPRETATIONS = {
    ("uchar", 1): "b-w",
    ("uchar", 3): "srgb",
    ("uchar", 4): "cmyk",
    ("ushort", 1): "grey16",
    ("ushort", 3): "rgb16",
    ("ushort", 4): "cmyk",
    ("float", 1): "b-w",
    ("float", 3): "scrgb",
}
_MOST_PER_MILLIMETER = 1e6
"""libvips holds no finer resolution."""
_TEMPORARY = re.compile(r""" ?['"(]?/[^'"\n]*?/source\.\w+['")]?:?""")
"""The copy of the source that decoders get, as messages name it."""
_PLAUSIBLE_PIXELS = 64 << 20
"""Headers of that many pixels are believed, however short the file is."""
_MOST_PIXELS_PER_BYTE = 10_000
"""Deflate reaches 8,000 with nothing but white at 1 bit; no picture of anything comes near."""
_MOST_BYTES_PER_PIXEL = 16
"""Of files, by the limit on pixels: four samples of 32 bits, uncompressed."""
_SPARE_BYTES = 1 << 30
"""For metadata and further pages."""
_RGB = 3
_MOST_LIGHT = 1e9
"""The sun in a picture of starlight is darker. L* of light much above has no room in a float."""
DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, LookupError, ArithmeticError),
    *(TypeError, AttributeError, RuntimeError, struct.error),
)
"""What Pillow and pillow-heif raise for damaged files."""
LAYERS = Note("of its layers, the picture of all of them is colored")
MORE_PICTURES = "only the first of its pictures is colored"
_MOSTLY_WHITE = 0.5
"""Share of the pixels of a float picture from which on it does not have its white at 1."""


@dataclass(frozen=True)
class Layout:
    """The pixels that a decoder is about to return.

    Attributes:
        width: In pixels.
        height: In pixels.
        dtype: Of the decoded samples: uint8, uint16 or float32. Integers use the whole range,
            floats are linear light with white at 1 unless `DecodedStill.conversion` differs.
        color_bands: 1 for gray, 3 for RGB, 4 for CMYK with 0 for no ink.
        extra_samples: Meaning of each band after those, as TIFF's ExtraSamples.
    """

    width: int
    height: int
    dtype: str
    color_bands: int
    extra_samples: tuple[int, ...] = ()

    @property
    def bands(self) -> int:
        """All bands."""
        return self.color_bands + len(self.extra_samples)


@dataclass(frozen=True)
class DecodedStill:
    """A decoded picture.

    Attributes:
        loader: Its format in lower case, such as `dpx`.
        layout: Its pixels.
        image: The same; with the fields that libvips' own loaders set: profile, EXIF, XMP, IPTC,
            orientation and resolution, as far as the file has them.
        is_bilevel: Whether the file holds only two tones.
        has_resolution: Whether the file says how large its pixels are.
        conversion: What its codes mean; None for what the profile says, or sRGB.
        warnings: What is not kept of it, or what about it is worth knowing.
    """

    loader: str
    layout: Layout
    image: pyvips.Image = field(repr=False)
    is_bilevel: bool = False
    has_resolution: bool = False
    conversion: ColorConversion | None = None
    warnings: tuple[str, ...] = ()


def reason_of(error: Exception | str) -> str:
    """Return what a library says about a file on one line of at most 160 characters.

    The name of the temporary copy is left out.
    """
    words = " ".join(without_paths(str(error)).split())
    return (words if len(words) <= 160 else words[:157] + "...") or "the decoder gives no reason"


def without_paths(words: str) -> str:
    """Return what a library says without the path of the temporary file."""
    return _TEMPORARY.sub("", words)


def check_pixels(key: str, width: int, height: int, max_pixels: int, size_bytes: int) -> None:
    """Check the size in a header, before any pixel is decoded.

    Decoders reserve memory for the pixels that a header declares. A few damaged or malicious bytes
    must not make them take gigabytes.

    Args:
        key: The source, for errors.
        width: In pixels.
        height: In pixels.
        max_pixels: Limit on the pixels.
        size_bytes: Size of the file.

    Raises:
        SourceTooLarge: If there are more than `max_pixels` pixels.
        SourceDamaged: If the file is far too short for its pixels.
    """
    if width * height > max_pixels:
        raise SourceTooLarge(
            key,
            f"its header declares {width} x {height} pixels, {max_pixels} are allowed",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if you trust it",
        )
    if width * height > max(_PLAUSIBLE_PIXELS, size_bytes * _MOST_PIXELS_PER_BYTE):
        raise SourceDamaged(
            key,
            f"its header declares {width} x {height} pixels, but the file has only {size_bytes}"
            " bytes",
            "Compare it with the original and copy it again",
        )


def check_bytes(key: str, size_bytes: int, max_pixels: int) -> None:
    """Check the size of a file, before any of it is read.

    Raises:
        SourceTooLarge: If it is larger than any picture of `max_pixels` pixels.
    """
    most = max_pixels * _MOST_BYTES_PER_PIXEL + _SPARE_BYTES
    if size_bytes > most:
        raise SourceTooLarge(
            key,
            f"the file has {size_bytes} bytes, {most} are allowed for a picture",
            "Raise COLORWORKER_MEDIA__MAX_PIXELS if you trust it",
        )


def check_room(key: str, size_bytes: int, folder: Path) -> None:
    """Check that a copy of the file leaves half of the disk's free space.

    One large file must not fill the disk for all other items, and its pixels need room too.

    Raises:
        SourceTooLarge: If it does not.
    """
    free_bytes = shutil.disk_usage(folder).free
    if 2 * size_bytes > free_bytes:
        raise SourceTooLarge(
            key,
            f"its {size_bytes} bytes need as much temporary space again, and {free_bytes} bytes"
            " are free",
            "Set COLORWORKER_RUN__SCRATCH to a folder on a larger disk",
        )


def store_rows(
    key: str, layout: Layout, rows: Iterable[npt.NDArray[Any]], folder: Path
) -> pyvips.Image:
    """Write rows of pixels into a file of `folder` and return them as a picture.

    Args:
        key: The source, for errors.
        layout: The pixels.
        rows: Blocks of rows from top to bottom, each (rows, width, bands).
        folder: Where the file is made; it must live as long as the picture.

    Raises:
        SourceUnsupported: If floats are not numbers, or most of them are brighter than white.
    """
    path = folder / "pixels.raw"
    bright = 0
    with path.open("wb") as file:
        for block in rows:
            block = np.ascontiguousarray(block, layout.dtype)
            if layout.dtype == "float32":
                bright += _bright_pixels(key, block[..., : layout.color_bands])
            file.write(block.data)
    if bright > _MOSTLY_WHITE * layout.width * layout.height:
        raise SourceUnsupported(
            key,
            "most of its pixels are brighter than 1.0, the white of pictures in floating point",
            "Scale its values so that white is 1.0, or convert it to 16-bit integers",
        )
    form = _FORMATS[layout.dtype]
    return pyvips.Image.rawload(
        str(path),
        layout.width,
        layout.height,
        layout.bands,
        format=form,
        interpretation=_INTERPRETATIONS[form, layout.color_bands],
    )


def with_resolution(image: pyvips.Image, across: float, down: float) -> tuple[pyvips.Image, bool]:
    """Return the picture with this resolution, and whether it is one.

    Args:
        image: The picture.
        across: Pixels per millimeter.
        down: Like across.
    """
    if not 0 < min(across, down) <= max(across, down) <= _MOST_PER_MILLIMETER:
        return image, False
    return image.copy(xres=across, yres=down), True


def set_fields(image: pyvips.Image, fields: Mapping[str, bytes | int]) -> pyvips.Image:
    """Return the picture with these fields; bytes are blobs, and empty ones are left out."""
    image = image.copy()
    for name, value in fields.items():
        if value:
            kind = pyvips.GValue.gint_type if isinstance(value, int) else pyvips.GValue.blob_type
            image.set_type(kind, name, value)
    return image


def inverted(image: pyvips.Image) -> pyvips.Image:
    """Return the picture with its first band, which is gray, inverted."""
    white = 1 if image.format == "float" else 65535 if image.format == "ushort" else 255
    gray = (white - image[0]).cast(image.format)
    if image.bands > 1:
        gray = gray.bandjoin(image.extract_band(1, n=image.bands - 1))
    return gray.copy(interpretation=image.interpretation)


def with_boxes(still: DecodedStill, boxes: BoxMetadata) -> DecodedStill:
    """Return the picture with metadata of JPEG 2000's boxes."""
    fields: dict[str, bytes | int] = {
        "icc-profile-data": boxes.profile,
        "exif-data": EXIF_HEAD + boxes.exif if boxes.exif else b"",
        "xmp-data": boxes.xmp,
        "iptc-data": boxes.iptc,
        "orientation": orientation_of(boxes.exif),
    }
    image, known = with_resolution(still.image, *boxes.resolution)
    known = known or still.has_resolution
    return replace(still, image=set_fields(image, fields), has_resolution=known)


def float_conversion(layout: Layout) -> ColorConversion | None:
    """Return the conversion of floats: linear light; None for integers."""
    return linear_light() if layout.dtype == "float32" else None


def _bright_pixels(key: str, block: npt.NDArray[Any]) -> int:
    if not (np.abs(block) < _MOST_LIGHT).all():
        raise SourceUnsupported(
            key,
            f"it has pixels that are not numbers (NaN), infinite, or above {_MOST_LIGHT:.0e}",
            "Replace them first",
        )
    # By luminance, which the output has too.
    light = block @ LUMINANCE_WEIGHTS if block.shape[2] == _RGB else block[..., 0]
    return int((light > 1).sum())
